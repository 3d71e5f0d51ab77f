//! An orchestrator in the test's process, and the client's view of its runs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use champion_orchestrator::{Clock, Config, Error, SPEC, run_with_clock};
use champion_proto::orchestrator::v1::orchestrator_service_client::OrchestratorServiceClient;
use champion_proto::orchestrator::v1::run_event::Event;
use champion_proto::orchestrator::v1::{
    BackfillRequest, DayFinished, Finished, GetStatusRequest, RunEvent, RunRequest, StepFinished,
};
use champion_service::{Listeners, Shutdown};
use champion_telemetry::Registry;
use futures::{Stream, StreamExt};
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Noon IST of an ordinary session, the "today" of every test.
const NOW: &str = "2025-06-02T06:30:00Z";

/// Longest wait for anything; on a good machine everything takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running orchestrator.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Error>>,
}

/// A configuration with every stage at one address.
pub(crate) fn config(folder: &Path, stages: SocketAddr) -> Config {
    let mut config: Config = champion_service::config::load(&SPEC, None).expect("the defaults");
    config.server.grpc_listen = "127.0.0.1:0".to_owned();
    config.server.admin.enabled = false;
    config.journal.path = folder.join("journal.sqlite");
    config.lake.folder = folder.join("lake");
    config.stages.backoff_initial_ms = 5;
    config.stages.backoff_max_ms = 20;
    let url = format!("http://{stages}");
    for stage in [
        &mut config.stages.scraper,
        &mut config.stages.parser,
        &mut config.stages.parquet_writer,
        &mut config.stages.clickhouse_loader,
    ] {
        stage.url.clone_from(&url);
    }
    config
}

pub(crate) async fn start(config: Config) -> Running {
    let listeners = Listeners::bind(&config.server).await.expect("a port");
    let address = listeners.grpc_addr();
    let (registry, shutdown) = (Registry::new(), Shutdown::manual());
    let now = NOW.parse().expect("an instant");
    let clock = Clock::new(move || now);
    let task = tokio::spawn(run_with_clock(config, listeners, registry.clone(), shutdown.clone(), clock));
    Running { address, registry, shutdown, task }
}

impl Running {
    pub(crate) async fn client(&self) -> OrchestratorServiceClient<Channel> {
        client(self.address).await
    }

    /// Runs one day to its end.
    pub(crate) async fn run(&self, dataset: &str, date: &str) -> Story {
        let request = run_request(dataset, date);
        let events = self.client().await.run(request).await.expect("a run").into_inner();
        Story::of(events).await
    }

    /// Runs a range to its end.
    pub(crate) async fn backfill(&self, dataset: &str, from: &str, to: &str) -> Story {
        self.backfill_as("plain", dataset, from, to).await
    }

    /// Runs a range to its end in a mode.
    pub(crate) async fn backfill_as(&self, mode: &str, dataset: &str, from: &str, to: &str) -> Story {
        let request = BackfillRequest {
            mode: mode.to_owned(),
            dataset: dataset.to_owned(),
            exchange: "nse".to_owned(),
            from_date: from.to_owned(),
            to_date: to.to_owned(),
        };
        let events = self.client().await.backfill(request).await.expect("a run").into_inner();
        Story::of(events).await
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.shutdown.trigger();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops in time").expect("it does not panic")
    }

    /// Waits for an orchestrator that ends by itself.
    pub(crate) async fn ended(self) -> Result<(), Error> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends in time").expect("it does not panic")
    }

    pub(crate) fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).expect("text")
    }
}

pub(crate) fn run_request(dataset: &str, date: &str) -> RunRequest {
    RunRequest {
        mode: String::new(),
        dataset: dataset.to_owned(),
        exchange: "nse".to_owned(),
        trade_date: date.to_owned(),
    }
}

pub(crate) async fn client(address: SocketAddr) -> OrchestratorServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
    let channel = wait_until("the orchestrator listens", || endpoint.connect()).await;
    let client = OrchestratorServiceClient::new(channel);
    // The port is bound before the journal is open; an answer comes after that.
    wait_until("the orchestrator answers", || {
        let mut client = client.clone();
        async move { client.get_status(GetStatusRequest {}).await }
    })
    .await;
    client
}

/// Asks until the answer is good.
pub(crate) async fn wait_until<T, E, F, Answer>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    let asking = async {
        loop {
            if let Ok(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// The events of one run, sorted.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) run_id: String,
    pub(crate) trace_id: String,
    pub(crate) resumed: bool,
    pub(crate) sessions_planned: u32,
    pub(crate) steps: Vec<StepFinished>,
    pub(crate) days: Vec<DayFinished>,
    pub(crate) finished: Finished,
}

impl Story {
    pub(crate) async fn of(events: impl Stream<Item = Result<RunEvent, Status>>) -> Self {
        let reading = async {
            let mut story = Self::default();
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                story.add(event.expect("an event"));
            }
            story
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the run ends in time")
    }

    fn add(&mut self, event: RunEvent) {
        self.run_id = event.run_id;
        self.trace_id = event.trace_id;
        match event.event.expect("an event has a kind") {
            Event::Started(started) => {
                self.resumed = started.resumed;
                self.sessions_planned = started.sessions_planned;
            }
            Event::Waiting(_) => {}
            Event::Step(step) => self.steps.push(step),
            Event::Day(day) => self.days.push(day),
            Event::Finished(finished) => self.finished = finished,
        }
    }

    /// State of a day.
    pub(crate) fn day(&self, date: &str) -> &DayFinished {
        self.days.iter().find(|day| day.trade_date == date).unwrap_or_else(|| panic!("no end of {date}"))
    }

    /// `stage table` of each step, in order.
    pub(crate) fn stages(&self) -> Vec<String> {
        self.steps.iter().map(|step| format!("{} {}", step.stage, step.table).trim().to_owned()).collect()
    }
}
