//! Four stages that keep their promises (idempotent, in order) and otherwise do as the script says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use champion_market_data::artifact::{CuratedKey, QuarantineKey, RawKey, RawSource, StagedKey, keys};
use champion_market_data::{
    ArtifactRef, CuratedArtifact, Dataset, Exchange, RawArtifact, RowCounts, Sha256, StagedArtifact, TradeDate,
};
use champion_proto::loader::v1::loader_service_server::{LoaderService, LoaderServiceServer};
use champion_proto::loader::v1::{
    AuditRequest, AuditResponse, AuditSummary, LoadRequest, LoadResponse, MigrateRequest, MigrateResponse, Receipt,
    audit_response,
};
use champion_proto::parser::v1::parser_service_server::{ParserService, ParserServiceServer};
use champion_proto::parser::v1::{
    ParseRequest, ParseResponse, Parsed, Refused as ParseRefused, Report, parse_response,
};
use champion_proto::scraper::v1::scraper_service_server::{ScraperService, ScraperServiceServer};
use champion_proto::scraper::v1::{
    Available, FetchRequest, FetchResponse, NotPublished, Refused as FetchRefused, fetch_response,
};
use champion_proto::writer::v1::writer_service_server::{WriterService, WriterServiceServer};
use champion_proto::writer::v1::{
    CollectRequest, CollectResponse, CompactRequest, CompactResponse, VerifyRequest, VerifyResponse, WriteRequest,
    WriteResponse, Written,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// Rows of every file; one of them is set aside.
pub(crate) const ROWS: RowCounts = RowCounts { rows_in: 10, published: 9, quarantined: 1, filtered: 0 };

/// What a stage does with a day instead of its work.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    FetchRefused,
    FetchMissing(&'static str),
    ParseRefused,
    WriteCorrupt,
    StagedGoneOnce,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) fates: BTreeMap<TradeDate, Fate>,
    /// What an audit of a dataset finds, whether audits fail, and which were asked for.
    pub(crate) differences: BTreeMap<String, u64>,
    pub(crate) audits_fail: bool,
    pub(crate) audits: Vec<String>,
    raw: BTreeSet<TradeDate>,
    staged: BTreeSet<String>,
    curated: BTreeSet<String>,
    loaded: BTreeSet<String>,
    /// Where the manifests of what is written are published, if anywhere.
    pub(crate) lake: Option<PathBuf>,
    /// Dates of each call, in order.
    pub(crate) fetches: Vec<TradeDate>,
    pub(crate) parses: Vec<TradeDate>,
    pub(crate) writes: Vec<Vec<TradeDate>>,
    pub(crate) loads: Vec<Vec<TradeDate>>,
    /// Dates that were asked again at the exchange, and decoded again.
    pub(crate) rechecks: Vec<TradeDate>,
    pub(crate) replays: Vec<TradeDate>,
    /// Sessions whose set aside rows reached the loader.
    pub(crate) quarantined: Vec<TradeDate>,
    /// Stage and trace id of each call that carried one, in order.
    pub(crate) traces: Vec<(&'static str, String)>,
}

/// The stages. Cloning is cheap; all clones share the world.
#[derive(Clone)]
pub(crate) struct Peers {
    world: Arc<Mutex<World>>,
    /// While true, `Write` does not answer.
    write_held: watch::Sender<bool>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self { world: Arc::default(), write_held: watch::Sender::new(false) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds the world")
    }

    pub(crate) fn fate(&self, date: &str, fate: Fate) {
        self.world().fates.insert(date.parse().expect("a date"), fate);
    }

    pub(crate) fn hold_write(&self, held: bool) {
        self.write_held.send_replace(held);
    }

    /// Serves all four stages on one port until the handle is aborted.
    pub(crate) async fn serve(&self, address: &str) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind(address).await.expect("a port");
        let bound = listener.local_addr().expect("an address");
        let server = tonic::transport::Server::builder()
            .add_service(ScraperServiceServer::new(self.clone()))
            .add_service(ParserServiceServer::new(self.clone()))
            .add_service(WriterServiceServer::new(self.clone()))
            .add_service(LoaderServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        (bound, tokio::spawn(async move { server.await.expect("the stages serve") }))
    }
}

impl World {
    /// Notes the trace a call belongs to: the second part of its `traceparent`.
    fn note_trace<T>(&mut self, stage: &'static str, request: &Request<T>) {
        let parent = request.metadata().get("traceparent").and_then(|parent| parent.to_str().ok());
        if let Some(trace_id) = parent.and_then(|parent| parent.split('-').nth(1)) {
            self.traces.push((stage, trace_id.to_owned()));
        }
    }
}

fn raw_of(request: &FetchRequest) -> RawArtifact {
    let (dataset, exchange): (Dataset, Exchange) =
        (request.dataset.parse().expect("a dataset"), request.exchange.parse().expect("an exchange"));
    let trade_date: TradeDate = request.trade_date.parse().expect("a date");
    let sha256 = Sha256::of(request.trade_date.as_bytes());
    raw_at(&keys::raw(exchange, dataset, trade_date, &sha256, "csv"))
}

/// The raw file under a key, as its facts would describe it.
fn raw_at(key: &str) -> RawArtifact {
    let RawSource { exchange, dataset, trade_date, sha256 } = key.parse::<RawKey>().expect("a raw key").source;
    let key = key.to_owned();
    let observed_at = champion_market_data::ist_instant(trade_date, 20, 0);
    RawArtifact {
        artifact: ArtifactRef { key, sha256, bytes: 100, rows: 0 },
        dataset,
        exchange,
        trade_date,
        observed_at,
    }
}

/// The staged table under a key, as the parser's report would describe it.
fn staged_at(key: StagedKey) -> StagedArtifact {
    let (name, RawSource { exchange, trade_date, sha256, .. }) = (key.to_string(), key.source);
    StagedArtifact {
        artifact: ArtifactRef { sha256: Sha256::of(name.as_bytes()), key: name, bytes: 80, rows: ROWS.published },
        table: key.table,
        exchange,
        trade_date,
        source_sha256: sha256,
        counts: ROWS,
        observed_at: champion_market_data::ist_instant(trade_date, 20, 0),
    }
}

/// Publishes what the orchestrator reads of a manifest.
fn publish_manifest(lake: &Path, artifact: &StagedArtifact) {
    let path = lake.join(keys::manifest(artifact.table, artifact.exchange, artifact.trade_date));
    std::fs::create_dir_all(path.parent().expect("a key has folders")).expect("a folder of ours");
    let manifest = serde_json::json!({
        "table": artifact.table,
        "exchange": artifact.exchange,
        "trade_date": artifact.trade_date,
        "counts": artifact.counts,
        "run_id": "of the script",
        "published_at": chrono::Utc::now(),
    });
    std::fs::write(path, manifest.to_string()).expect("a folder of ours");
}

/// The reference to the one row that is set aside of every file.
fn set_aside(raw: &RawArtifact) -> champion_proto::artifact::v1::ArtifactRef {
    let key = keys::quarantine(raw.dataset, raw.exchange, raw.trade_date, &raw.artifact.sha256, 1);
    ArtifactRef { sha256: Sha256::of(key.as_bytes()), key, bytes: 40, rows: 1 }.into()
}

#[tonic::async_trait]
impl ScraperService for Peers {
    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        let raw = raw_of(request.get_ref());
        let mut world = self.world();
        world.note_trace("fetch", &request);
        world.fetches.push(raw.trade_date);
        if request.get_ref().recheck {
            world.rechecks.push(raw.trade_date);
        }
        let outcome = match world.fates.get(&raw.trade_date) {
            Some(Fate::FetchRefused) => fetch_response::Outcome::Refused(FetchRefused {
                class: "soft_block".to_owned(),
                reason: "html came".to_owned(),
                retryable: true,
            }),
            Some(Fate::FetchMissing(state)) => fetch_response::Outcome::NotPublished(NotPublished {
                state: (*state).to_owned(),
                reason: "404".to_owned(),
            }),
            _ => fetch_response::Outcome::Available(Available {
                downloaded: world.raw.insert(raw.trade_date),
                raw: Some(raw.into()),
                ..Available::default()
            }),
        };
        Ok(Response::new(FetchResponse { outcome: Some(outcome) }))
    }
}

#[tonic::async_trait]
impl ParserService for Peers {
    async fn parse(&self, request: Request<ParseRequest>) -> Result<Response<ParseResponse>, Status> {
        self.world().note_trace("parse", &request);
        let ParseRequest { raw_key, again, .. } = request.into_inner();
        let raw = raw_at(&raw_key);
        let date = raw.trade_date;
        let mut world = self.world();
        world.parses.push(date);
        if again {
            world.replays.push(date);
        }
        if matches!(world.fates.get(&date), Some(Fate::ParseRefused)) {
            let counts = Some(RowCounts { rows_in: 10, published: 0, quarantined: 10, filtered: 0 }.into());
            let refused = ParseRefused {
                code: "missing_column".to_owned(),
                reason: "no CLOSE".to_owned(),
                counts,
                quarantine: Some(set_aside(&raw)),
            };
            return Ok(Response::new(ParseResponse { outcome: Some(parse_response::Outcome::Refused(refused)) }));
        }
        let mut reused = true;
        let mut staged = Vec::new();
        for table in raw.dataset.tables() {
            let key = keys::staged(*table, raw.exchange, date, &raw.artifact.sha256, 1);
            reused &= !world.staged.insert(key.clone());
            staged.push(staged_at(key.parse().expect("a staged key")));
        }
        let parsed = Parsed {
            staged: staged.into_iter().map(Into::into).collect(),
            report: Some(Report { counts: Some(ROWS.into()), quarantine: Some(set_aside(&raw)), ..Report::default() }),
            reused,
        };
        Ok(Response::new(ParseResponse { outcome: Some(parse_response::Outcome::Parsed(parsed)) }))
    }
}

#[tonic::async_trait]
impl WriterService for Peers {
    async fn write(&self, request: Request<WriteRequest>) -> Result<Response<WriteResponse>, Status> {
        self.world().note_trace("write", &request);
        let mut staged = Vec::new();
        for key in request.into_inner().staged_keys {
            staged.push(staged_at(key.parse().expect("a staged key")));
        }
        self.world().writes.push(staged.iter().map(|artifact| artifact.trade_date).collect());
        self.write_held.subscribe().wait_for(|held| !held).await.expect("the peers hold the sender");
        let mut world = self.world();
        let mut written = Vec::new();
        for artifact in staged {
            match world.fates.get(&artifact.trade_date) {
                Some(Fate::WriteCorrupt) => return Err(Status::data_loss("a staged hash does not match")),
                Some(Fate::StagedGoneOnce) => {
                    world.fates.remove(&artifact.trade_date);
                    world.staged.remove(&artifact.artifact.key);
                    return Err(Status::not_found(artifact.artifact.key));
                }
                _ => {}
            }
            let key = keys::curated(artifact.table, artifact.exchange, artifact.trade_date);
            let unchanged = !world.curated.insert(key.clone());
            if let Some(lake) = world.lake.as_deref().filter(|_| !unchanged) {
                publish_manifest(lake, &artifact);
            }
            let curated = CuratedArtifact {
                artifact: ArtifactRef {
                    sha256: Sha256::of(key.as_bytes()),
                    key,
                    bytes: 60,
                    rows: artifact.artifact.rows,
                },
                table: artifact.table,
                exchange: artifact.exchange,
                trade_date: artifact.trade_date,
                source_sha256: artifact.source_sha256,
                version: 1,
                observed_at: artifact.observed_at,
            };
            written.push(Written { curated: Some(curated.into()), unchanged });
        }
        Ok(Response::new(WriteResponse { written }))
    }

    type VerifyStream = tokio_stream::Empty<Result<VerifyResponse, Status>>;

    async fn verify(&self, _request: Request<VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        Err(Status::unimplemented("no run asks this"))
    }

    async fn collect(&self, _request: Request<CollectRequest>) -> Result<Response<CollectResponse>, Status> {
        Err(Status::unimplemented("no run asks this"))
    }

    async fn compact(&self, _request: Request<CompactRequest>) -> Result<Response<CompactResponse>, Status> {
        Err(Status::unimplemented("no run asks this"))
    }
}

#[tonic::async_trait]
impl LoaderService for Peers {
    async fn load(&self, request: Request<LoadRequest>) -> Result<Response<LoadResponse>, Status> {
        let mut world = self.world();
        world.note_trace("load", &request);
        let mut receipts = Vec::new();
        let mut dates = Vec::new();
        let LoadRequest { curated, quarantine, .. } = request.into_inner();
        for message in quarantine {
            let key: QuarantineKey = message.key.parse().expect("a key of the quarantine");
            world.quarantined.push(key.source.trade_date);
        }
        for reference in curated {
            let CuratedKey { table, exchange, trade_date } = reference.key.parse().expect("a curated key");
            dates.push(trade_date);
            receipts.push(Receipt {
                table: table.to_string(),
                exchange: exchange.to_string(),
                trade_date: trade_date.to_string(),
                sha256: reference.sha256,
                version: 1,
                rows: ROWS.published,
                already_loaded: !world.loaded.insert(reference.key),
            });
        }
        world.loads.push(dates);
        Ok(Response::new(LoadResponse { receipts }))
    }

    async fn reconcile(
        &self,
        _request: Request<champion_proto::loader::v1::ReconcileRequest>,
    ) -> Result<Response<champion_proto::loader::v1::ReconcileResponse>, Status> {
        Err(Status::unimplemented("nobody asks this of the script"))
    }

    type AuditStream = tokio_stream::Iter<std::vec::IntoIter<Result<AuditResponse, Status>>>;

    async fn audit(&self, request: Request<AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        let dataset = request.into_inner().dataset;
        let mut world = self.world();
        world.audits.push(dataset.clone());
        if world.audits_fail {
            return Err(Status::unavailable("no warehouse"));
        }
        let differences = world.differences.get(&dataset).copied().unwrap_or(0);
        let summary = AuditSummary { sessions: 3, differences, explained: 1 };
        let event = Some(audit_response::Event::Summary(summary));
        Ok(Response::new(tokio_stream::iter(vec![Ok(AuditResponse { event })])))
    }

    async fn migrate(&self, _request: Request<MigrateRequest>) -> Result<Response<MigrateResponse>, Status> {
        Err(Status::unimplemented("nobody asks this of the script"))
    }
}
