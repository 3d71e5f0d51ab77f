//! Two loaders on one lake and one warehouse.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use champion_clickhouse_loader::Run;
use champion_market_data::{CuratedArtifact, Table, TradeDate};
use champion_proto::loader::v1::LoadRequest;
use champion_proto::loader::v1::loader_service_client::LoaderServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::harness::{World, bound, date, deadline, observed, rows};

const TABLE: Table = Table::EquityDelivery;

/// Days of a race; each is run in another order.
const ROUNDS: u32 = 6;

async fn two_versions(world: &World, day: TradeDate) -> [CuratedArtifact; 2] {
    [
        world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, 3)).await,
        world.curate(TABLE, day, 2, &rows(TABLE, day, 10..55, 4)).await,
    ]
}

fn days() -> Vec<TradeDate> {
    let first = date("2025-02-03");
    first.through(date("2025-02-28")).take(ROUNDS as usize).collect()
}

/// Each day has the second version's rows, one ledger row a version, and the first version's rows as of its time.
async fn expect_both_versions(world: &World, days: &[TradeDate]) {
    for day in days {
        let seen: (u64, String, String) = world
            .one(&format!(
                "SELECT count() AS n, min(symbol) AS a, max(symbol) AS z FROM {{db}}.equity_delivery_current \
                 WHERE trade_date = '{day}' AND version = 2"
            ))
            .await;
        assert_eq!(seen, (45, "K00010".to_owned(), "K00054".to_owned()), "{day}");
        let all: u64 = world
            .one(&format!("SELECT count() AS n FROM {{db}}.equity_delivery_current WHERE trade_date = '{day}'"))
            .await;
        assert_eq!(all, 45, "{day}: no row of version 1 is left");
        let ledger: Vec<(u32, u64)> = world
            .rows(&format!(
                "SELECT version, count() AS n FROM {{db}}.load_ledger FINAL WHERE trade_date = '{day}' \
                 GROUP BY version ORDER BY version"
            ))
            .await;
        assert_eq!(ledger, [(1, 1), (2, 1)], "{day}");
        let known: u64 = world
            .one(&format!(
                "SELECT count() AS n FROM {{db}}.equity_delivery_as_of(at = '{}') WHERE trade_date = '{day}'",
                observed(1).format("%Y-%m-%d %H:%M:%S")
            ))
            .await;
        assert_eq!(known, 50, "{day}: version 1 as of its time");
    }
}

#[tokio::test]
async fn promise_03_two_loaders_race_on_the_same_artifacts_and_on_two_versions_of_a_session() {
    let Some(world) = World::start().await else { return };
    let other = world.loader_at(&world.url, 2);
    world.migrator.ensure(deadline(60)).await.expect("migrated");
    let days = days();
    for (round, day) in days.iter().enumerate() {
        let [one, two] = two_versions(&world, *day).await;
        let run = Run::default();
        let (first, second) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let (a, b, c) = tokio::join!(
            world.loader.load(std::slice::from_ref(first), &[], &run, deadline(60)),
            other.load(std::slice::from_ref(second), &[], &run, deadline(60)),
            other.load(std::slice::from_ref(first), &[], &run, deadline(60)),
        );
        for outcome in [a, b, c] {
            outcome.expect("loaded, or found loaded");
        }
    }
    expect_both_versions(&world, &days).await;
    world.stop().await;
}

#[tokio::test]
async fn promise_03_two_service_processes_race_and_load_once_in_effect() {
    let Some(world) = World::start().await else { return };
    let one = Service::start(&world, "one").await;
    let two = Service::start(&world, "two").await;
    let days = days();
    let mut calls = Vec::new();
    for day in &days {
        let [first, second] = two_versions(&world, *day).await;
        for service in [&one, &two] {
            for artifact in [&first, &second] {
                let request = LoadRequest {
                    fencing_token: 0,
                    run_id: "race".to_owned(),
                    curated: vec![(&artifact.artifact).into()],
                    quarantine: Vec::new(),
                };
                let mut client = service.client.clone();
                calls.push(tokio::spawn(async move { client.load(request).await }));
            }
        }
    }
    for call in calls {
        call.await.expect("no panic").expect("loaded, or found loaded");
    }
    expect_both_versions(&world, &days).await;
    drop((one, two));
    world.stop().await;
}

/// A clickhouse-loader as a process of its own.
struct Service {
    child: Child,
    client: LoaderServiceClient<Channel>,
}

impl Service {
    async fn start(world: &World, name: &str) -> Self {
        let addresses: PathBuf = world.lake_folder().with_file_name(format!("{name}.json"));
        let log = std::fs::File::create(addresses.with_extension("log")).expect("a log");
        let key = |name: &str| format!("CHAMPION_CLICKHOUSE_LOADER__{name}");
        let child = Command::new(env!("CARGO_BIN_EXE_champion-clickhouse-loader"))
            .env(key("SERVER__GRPC_LISTEN"), "127.0.0.1:0")
            .env(key("SERVER__ADMIN__ENABLED"), "false")
            .env(key("SERVER__ADDRESS_FILE"), &addresses)
            .env(key("LAKE__FOLDER"), world.lake_folder())
            .env(key("WAREHOUSE__URL"), &world.url)
            .env(key("WAREHOUSE__DATABASE"), &world.database)
            .stdout(Stdio::from(log))
            .spawn()
            .expect("built beside the tests");
        let address = wait_for(&addresses).await;
        let channel = Endpoint::from_shared(format!("http://{address}")).expect("a URL").connect_lazy();
        Self { child, client: LoaderServiceClient::new(channel) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

async fn wait_for(addresses: &Path) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(address) = bound(addresses, "grpc") {
            return address;
        }
        assert!(Instant::now() < until, "the service does not say where it listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
