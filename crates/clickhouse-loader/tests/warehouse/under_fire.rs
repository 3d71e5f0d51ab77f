//! Exactly once in effect: repeated, shuffled and late messages, lost replies, and a warehouse that goes away.

use std::time::{Duration, Instant};

use champion_clickhouse_loader::{LoadError, Loader, Run};
use champion_market_data::{CuratedArtifact, Table, TradeDate};
use champion_service::ErrorKind;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::harness::{World, date, deadline, observed, rows};
use crate::proxy::Proxy;

const TABLE: Table = Table::EquityDelivery;
const ROWS: u64 = 50;

async fn load(loader: &Loader, artifacts: &[CuratedArtifact]) -> Result<(), LoadError> {
    loader.load(artifacts, &[], &Run::default(), deadline(60)).await.map(drop)
}

/// Everything a reader can see of a session, but for its date: rows now and as of each version, and the ledgers.
async fn state(world: &World, day: TradeDate) -> String {
    let mut seen = Vec::new();
    let mut sources = vec!["equity_delivery_current".to_owned()];
    for version in 0..=3 {
        sources.push(format!("equity_delivery_as_of(at = '{}')", observed(version).format("%Y-%m-%d %H:%M:%S")));
    }
    for source in sources {
        let content: (u64, u64) = world
            .one(&format!(
                "SELECT count() AS n, groupBitXor(cityHash64(toString(tuple(* EXCEPT trade_date)))) AS h \
                 FROM {{db}}.{source} WHERE trade_date = '{day}'"
            ))
            .await;
        seen.push(format!("{content:?}"));
    }
    for ledger in ["load_ledger", "history_ledger"] {
        let entries: Vec<(u32, u64)> = world
            .rows(&format!(
                "SELECT version, rows FROM {{db}}.{ledger} FINAL WHERE trade_date = '{day}' ORDER BY version"
            ))
            .await;
        seen.push(format!("{entries:?}"));
    }
    seen.join(" ")
}

/// Three versions of a session, the third with the content of the first.
async fn versions(world: &World, day: TradeDate) -> Vec<CuratedArtifact> {
    let mut artifacts = Vec::new();
    for (version, symbols, seed) in [(1, 0..50, 3), (2, 10..55, 4), (3, 0..50, 3)] {
        artifacts.push(world.curate(TABLE, day, version, &rows(TABLE, day, symbols, seed)).await);
    }
    artifacts
}

#[tokio::test]
async fn promise_04_every_message_three_times_and_in_any_order_ends_as_once_in_order() {
    let Some(world) = World::start().await else { return };
    let control = date("2025-01-01");
    for artifact in versions(&world, control).await {
        load(&world.loader, &[artifact]).await.expect("loaded in order");
    }
    let expected = state(&world, control).await;
    assert!(expected.contains("[(1, 50), (2, 45), (3, 50)] [(1, 50), (2, 45)]"), "{expected}");
    let mut day = control;
    for seed in 1..=4_u64 {
        let mut sessions = Vec::new();
        let mut messages = Vec::new();
        for _ in 0..2 {
            day = day.next();
            sessions.push(day);
            for artifact in versions(&world, day).await {
                messages.extend([artifact.clone(), artifact.clone(), artifact]);
            }
        }
        messages.shuffle(&mut StdRng::seed_from_u64(seed));
        // Two at a time where they are of two sessions, otherwise one after the other.
        for pair in messages.chunks(2) {
            if pair[0].trade_date == pair[1].trade_date {
                for artifact in pair {
                    load(&world.loader, std::slice::from_ref(artifact)).await.expect("loaded");
                }
            } else {
                load(&world.loader, pair).await.expect("loaded");
            }
        }
        for session in sessions {
            assert_eq!(state(&world, session).await, expected, "seed {seed}, {session}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn promise_05_a_reply_lost_after_the_commit_adds_no_row_to_any_table() {
    let Some(world) = World::start().await else { return };
    let proxy = Proxy::before(&world.url).await;
    let loader = world.loader_at(&proxy.url, 2);
    let day = date("2025-02-24");
    let artifacts = versions(&world, day).await;
    world.migrator.ensure(deadline(60)).await.expect("migrated");
    for table in ["equity_delivery", "equity_delivery_history", "load_ledger", "history_ledger"] {
        world.execute(&format!("SYSTEM STOP MERGES {{db}}.{table}")).await;
    }
    // What is there physically: a row twice is seen, although a reader would not see it.
    let physical = async |table: &str| world.one::<u64>(&format!("SELECT count() AS n FROM {{db}}.{table}")).await;

    proxy.lose_replies("equity_delivery", 1);
    load(&loader, &artifacts[..1]).await.expect("the second attempt");
    assert_eq!((proxy.lost(), physical("equity_delivery").await), (1, ROWS));

    proxy.lose_replies("equity_delivery_history", 1);
    load(&loader, &artifacts[1..2]).await.expect("the second attempt");
    assert_eq!((proxy.lost(), physical("equity_delivery_history").await), (1, ROWS));

    proxy.lose_replies("history_ledger", 1);
    load(&loader, &artifacts[2..]).await.expect("the second attempt");
    assert_eq!((proxy.lost(), physical("history_ledger").await), (1, 2));

    let other = date("2025-02-25");
    let next = world.curate(TABLE, other, 1, &rows(TABLE, other, 0..50, 3)).await;
    proxy.lose_replies("load_ledger", 1);
    load(&loader, std::slice::from_ref(&next)).await.expect("the second attempt");
    assert_eq!((proxy.lost(), physical("load_ledger").await), (1, 4));

    // All attempts of a call lose their reply: the call fails, and the next one finds the rows.
    let third = date("2025-02-26");
    let last = world.curate(TABLE, third, 1, &rows(TABLE, third, 0..50, 3)).await;
    let before = physical("equity_delivery").await;
    proxy.lose_replies("equity_delivery", 3);
    let error = load(&loader, std::slice::from_ref(&last)).await.expect_err("no attempt was answered");
    assert_eq!((error.kind(), proxy.lost()), (ErrorKind::Unavailable, 3), "{error}");
    load(&loader, &[last]).await.expect("loaded");
    assert_eq!((physical("equity_delivery").await, physical("load_ledger").await), (before + ROWS, 5));
    world.stop().await;
}

#[tokio::test]
async fn promise_06_while_the_warehouse_is_away_work_is_bounded_callers_are_told_and_all_drains_after() {
    let Some(world) = World::start().await else { return };
    let proxy = Proxy::before(&world.url).await;
    let loader = world.loader_at(&proxy.url, 2);
    world.migrator.ensure(deadline(60)).await.expect("migrated");
    let months = 8;
    let mut artifacts = Vec::new();
    for month in 1..=months {
        let day = date(&format!("2024-{month:02}-05"));
        artifacts.push(world.curate(TABLE, day, 1, &rows(TABLE, day, 0..50, month)).await);
    }
    let late = artifacts.pop().expect("eight");
    proxy.hold_inserts();
    let callers: Vec<_> = artifacts
        .into_iter()
        .map(|artifact| {
            let loader = loader.clone();
            // As the orchestrator does it: told that the warehouse is away, a caller comes again.
            tokio::spawn(async move {
                let mut told = 0;
                let until = Instant::now() + Duration::from_secs(60);
                while let Err(error) = load(&loader, std::slice::from_ref(&artifact)).await {
                    assert!(error.kind() == ErrorKind::Unavailable && Instant::now() < until, "{error}");
                    told += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                told
            })
        })
        .collect();
    proxy.until_held(2).await;
    let began = Instant::now();
    let answer = loader.load(std::slice::from_ref(&late), &[], &Run::default(), deadline(1)).await;
    let error = answer.expect_err("both turns are taken");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Unavailable, "no turn within the deadline: other loads are in work")
    );
    assert!(began.elapsed() < Duration::from_secs(5), "told within the deadline");
    assert_eq!(proxy.most_held(), 2, "two months at a time, whoever asks");

    proxy.cut();
    let error = load(&loader, std::slice::from_ref(&late)).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.pass();

    let mut told = 0;
    for caller in callers {
        told += caller.await.expect("no panic");
    }
    assert!(told > 0, "callers were told");
    load(&loader, &[late]).await.expect("loaded");
    let held: (u64, u64) =
        world.one("SELECT count() AS n, uniqExact(trade_date) AS d FROM {db}.equity_delivery_current").await;
    assert_eq!(held, (8 * ROWS, 8), "nothing is lost and nothing is double");
    assert_eq!(world.one::<u64>("SELECT count() AS n FROM {db}.load_ledger FINAL").await, 8);
    world.stop().await;
}
