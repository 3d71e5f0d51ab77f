//! The service as its callers see it.

use champion_clickhouse_loader::{Config, Run, SPEC, run};
use champion_lake::{Candidate, Look, ORCHESTRATOR};
use champion_proto::artifact::v1::Reference;
use champion_proto::loader::v1::loader_service_client::LoaderServiceClient;
use champion_proto::loader::v1::{LoadRequest, MigrateRequest, ReconcileRequest};
use champion_service::{Listeners, ServerConfig, Shutdown};
use prometheus::{Registry, TextEncoder};
use tonic::transport::Endpoint;
use tonic::{Code, Request};

use crate::harness::{World, date, rows};

fn default_config(folder: &std::path::Path, url: &str, database: &str) -> Config {
    let mut config: Config = champion_service::config::load(&SPEC, None).expect("the default file holds every key");
    config.server = ServerConfig::default();
    config.lake.folder = folder.to_owned();
    config.warehouse.url = url.to_owned();
    config.warehouse.database = database.to_owned();
    config
}

#[tokio::test]
async fn the_service_migrates_by_itself_loads_and_stops() {
    let Some(world) = World::start().await else { return };
    let table = champion_market_data::Table::RawEquityOhlc;
    let day = date("2025-02-24");
    let artifact = world.curate(table, day, 1, &rows(table, day, 0..20, 3)).await;
    let config = default_config(&world.lake_folder(), &world.url, &world.database);
    let listeners = Listeners::bind(&config.server).await.expect("free ports");
    let address = format!("http://{}", listeners.grpc_addr());
    let (registry, shutdown) = (Registry::new(), Shutdown::manual());
    let service = tokio::spawn(run(config, listeners, registry, shutdown.clone()));

    let channel = Endpoint::from_shared(address).expect("a URL").connect().await.expect("the service listens");
    let mut client = LoaderServiceClient::new(channel);
    let request = LoadRequest {
        fencing_token: 0,
        quarantine: Vec::new(),
        run_id: "r1".to_owned(),
        curated: vec![(&artifact.artifact).into()],
    };
    let first = client.load(request.clone()).await.expect("loaded").into_inner().receipts;
    assert_eq!((first[0].rows, first[0].already_loaded, first[0].table.as_str()), (20, false, "raw_equity_ohlc"));
    let second = client.load(request).await.expect("nothing to do").into_inner().receipts;
    assert!(second[0].already_loaded);
    let schema = client.migrate(MigrateRequest {}).await.expect("nothing to do").into_inner();
    assert_eq!((schema.version, schema.applied.len()), (6, 0));

    world.execute("TRUNCATE TABLE {db}.raw_equity_ohlc").await;
    let compare = ReconcileRequest { table: table.to_string(), repair: true, ..ReconcileRequest::default() };
    let outcome = client.reconcile(compare).await.expect("repaired").into_inner();
    assert_eq!((outcome.sessions, outcome.findings_total, outcome.unrepaired), (1, 1, 0));
    assert_eq!((outcome.findings[0].kind.as_str(), outcome.findings[0].repaired), ("ledger_without_rows", true));
    let nonsense = ReconcileRequest { from_date: "24-02-2025".to_owned(), ..ReconcileRequest::default() };
    assert_eq!(client.reconcile(nonsense).await.expect_err("no date").code(), Code::InvalidArgument);

    shutdown.trigger();
    service.await.expect("no panic").expect("an orderly stop");
    world.stop().await;
}

#[tokio::test]
async fn promise_47_for_a_superseded_orchestrator_nothing_is_loaded() {
    let Some(world) = World::start().await else { return };
    let table = champion_market_data::Table::EquityDelivery;
    let day = date("2025-02-24");
    let artifact = world.curate(table, day, 1, &rows(table, day, 0..20, 3)).await;
    for _ in 0..2 {
        let lasts = std::time::Duration::ZERO;
        let candidate = Candidate::new(&world.lake, ORCHESTRATOR, String::new(), lasts).await;
        if let Look::Taken(lease) = candidate.expect("a candidate").look().await.expect("an answer") {
            lease.end().await;
        }
    }
    let deadline = champion_retry::Deadline::after(std::time::Instant::now(), std::time::Duration::from_secs(60));
    let of = |fencing_token| Run { run_id: "r1".to_owned(), fencing_token, ..Run::default() };
    let artifacts = [artifact];
    let error = world.loader.load(&artifacts, &[], &of(1), deadline).await.expect_err("it does not lead");
    assert!(error.to_string().starts_with("superseded by orchestrator epoch 2"), "{error}");
    assert_eq!(error.kind(), champion_service::ErrorKind::Precondition);
    assert_eq!(world.one::<u64>("SELECT count() FROM {db}.equity_delivery").await, 0);
    world.loader.load(&artifacts, &[], &of(2), deadline).await.expect("it leads");
    assert_eq!(world.one::<u64>("SELECT count() FROM {db}.equity_delivery").await, 20);
    world.stop().await;
}

#[tokio::test]
async fn promise_40_the_service_starts_without_a_warehouse_says_unavailable_in_time_and_takes_no_key_of_another_zone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Port 1 is reserved and nobody listens on it.
    let config = default_config(folder.path(), "http://127.0.0.1:1", "champion");
    let listeners = Listeners::bind(&config.server).await.expect("free ports");
    let address = format!("http://{}", listeners.grpc_addr());
    let (registry, shutdown) = (Registry::new(), Shutdown::manual());
    let service = tokio::spawn(run(config, listeners, registry.clone(), shutdown.clone()));

    let channel = Endpoint::from_shared(address).expect("a URL").connect().await.expect("the service listens");
    let mut client = LoaderServiceClient::new(channel);
    let mut request = Request::new(LoadRequest::default());
    request.set_timeout(std::time::Duration::from_secs(20));
    let status = client.load(request).await.expect_err("nobody answers");
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let sha256 = champion_market_data::Sha256::of(b"x").to_string();
    let curated = "curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet";
    for (key, in_curated) in [
        (format!("raw/nse/full_bhavcopy/2025-02-24/{sha256}.csv"), true),
        (format!("staged/equity_delivery/nse/2025-02-24/{sha256}-d1.arrow"), true),
        (format!("history/equity_delivery/exchange=nse/2025-02-24/v1-{sha256}.parquet"), true),
        (curated.replace("month=02", "month=03"), true),
        (curated.replace("curated", "compacted"), true),
        (format!("quarantine/damaged/{curated}.{sha256}"), true),
        (curated.to_owned(), false),
        (format!("quarantine/raw/full_bhavcopy/nse/2025-02-24/{sha256}.csv"), false),
    ] {
        let reference = Reference { key: key.clone(), sha256: sha256.clone() };
        let mut request = LoadRequest::default();
        if in_curated { &mut request.curated } else { &mut request.quarantine }.push(reference);
        let status = client.load(request).await.expect_err("a key of another kind");
        assert_eq!(status.code(), Code::InvalidArgument, "{key}: {status}");
    }
    let metrics = TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
    for line in [
        "nse_pipeline_clickhouse_load_success_total{table=\"equity_delivery\"} 0",
        "nse_pipeline_clickhouse_load_failed_total{table=\"corporate_actions\"} 0",
        "champion_warehouse_load_latency_seconds_count{layer=\"raw\",table=\"raw_equity_ohlc\"} 0",
        "champion_warehouse_load_latency_seconds_bucket{layer=\"normalized\",table=\"equity_delivery\",le=\"300\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is in {metrics}");
    }

    shutdown.trigger();
    service.await.expect("no panic").expect("an orderly stop");
}
