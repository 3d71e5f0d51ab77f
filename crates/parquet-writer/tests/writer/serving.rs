//! The service as its callers see it.

use champion_parquet_writer::{Config, SPEC, run};
use champion_proto::writer::v1::verify_response::Event;
use champion_proto::writer::v1::writer_service_client::WriterServiceClient;
use champion_proto::writer::v1::{
    CollectRequest, CompactRequest, CompactResponse, VerifyRequest, VerifySummary, WriteRequest,
};
use champion_service::{Listeners, ServerConfig, Shutdown};
use prometheus::{Registry, TextEncoder};
use tonic::Code;
use tonic::transport::Endpoint;

#[tokio::test]
async fn promise_40_the_service_starts_with_its_default_file_takes_no_key_but_a_staged_one_and_stops() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config: Config = champion_service::config::load(&SPEC, None).expect("the default file holds every key");
    config.server = ServerConfig::default();
    config.lake.folder = folder.path().to_owned();
    let listeners = Listeners::bind(&config.server).await.expect("free ports");
    let address = format!("http://{}", listeners.grpc_addr());
    let (registry, shutdown) = (Registry::new(), Shutdown::manual());
    let service = tokio::spawn(run(config, listeners, registry.clone(), shutdown.clone()));

    let channel = Endpoint::from_shared(address).expect("a URL").connect().await.expect("the service listens");
    let mut client = WriterServiceClient::new(channel);
    let empty = client.write(WriteRequest::default()).await.expect("nothing to do").into_inner();
    assert!(empty.written.is_empty());
    let sha = champion_market_data::Sha256::of(b"x");
    for key in [
        String::new(),
        "nonsense".to_owned(),
        format!("raw/nse/full_bhavcopy/2025-02-24/{sha}.csv"),
        format!("quarantine/full_bhavcopy/nse/2025-02-24/{sha}-d1.jsonl"),
        "curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet".to_owned(),
        format!("staged/full_bhavcopy.report/nse/2025-02-24/{sha}-d1.json"),
        format!("staged/full_bhavcopy/nse/2025-02-24/{sha}-d1.arrow"),
        format!("staged/equity_delivery/nse/../nse/2025-02-24/{sha}-d1.arrow"),
    ] {
        let request = WriteRequest { staged_keys: vec![key.clone()], ..WriteRequest::default() };
        let status = client.write(request).await.expect_err("no key of a staged table");
        assert_eq!(status.code(), Code::InvalidArgument, "{key}");
        assert!(status.message().starts_with("field staged_keys is "), "{status}");
    }
    let metrics = TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
    for name in ["success", "failed"] {
        let line = format!("nse_pipeline_parquet_write_{name}_total{{table=\"corporate_actions\"}} 0");
        assert!(metrics.contains(&line), "{line}");
    }

    let mut events = client.verify(VerifyRequest::default()).await.expect("swept").into_inner();
    let mut last = None;
    while let Some(event) = events.message().await.expect("an event") {
        last = event.event;
    }
    let nothing = VerifySummary::default();
    assert_eq!(last, Some(Event::Summary(nothing)), "an empty lake is sound, and the summary comes last");
    let request = VerifyRequest { zones: vec!["curate".to_owned()], ..VerifyRequest::default() };
    let status = client.verify(request).await.expect_err("there is no such zone");
    assert!(status.message().contains("known: raw, curated, history, compacted, staged"), "{status}");
    let collected = client.collect(CollectRequest::default()).await.expect("collected").into_inner();
    assert!(!collected.removed, "without being told to, nothing is removed");
    let (table, exchange) = ("equity_delivery".to_owned(), "nse".to_owned());
    let month = || "2025-02".to_owned();
    let (run_id, from_month, to_month) = ("r1".to_owned(), month(), month());
    let request = CompactRequest { run_id, table, exchange, from_month, to_month };
    assert_eq!(client.compact(request).await.expect("no session").into_inner(), CompactResponse::default());

    shutdown.trigger();
    service.await.expect("no panic").expect("an orderly stop");
}
