//! The history: earlier versions against the hash in their name, and whether each is there.

use std::collections::{BTreeMap, BTreeSet};

use champion_market_data::Sha256;
use champion_market_data::artifact::{CuratedKey, HistoryKey, keys as names};
use chrono::Utc;

use super::keys::{self, Session};
use super::{Finding, Pass, Problem, Repair, Zone};
use crate::WriteError;
use crate::manifest::Manifest;

/// Where damaged files of a lake are, by the key they had.
const SET_ASIDE: &str = "quarantine/damaged/";

/// Where those of the history are.
const DAMAGED: &str = "quarantine/damaged/history";

/// Last bytes of every Parquet file.
const PARQUET_END: &[u8] = b"PAR1";

pub(super) async fn verify(pass: &mut Pass<'_>) -> Result<(), WriteError> {
    let listed = pass.lake().list(Zone::History.as_str()).await?;
    for kept in listed.iter().filter_map(|key| HistoryKey::of_manifest(key).ok()) {
        if pass.sweep.covers(kept.session.trade_date) {
            manifest(pass, kept).await?;
        }
    }
    let files: Vec<(String, (Session, u32, Sha256))> = listed
        .into_iter()
        .filter_map(|key| keys::history(&key).map(|parsed| (key, parsed)))
        .filter(|(_, (session, ..))| pass.sweep.covers(session.date))
        .collect();
    let mut versions: BTreeMap<Session, BTreeSet<u32>> = BTreeMap::new();
    let total = files.len() as u64;
    for ((key, (session, version, sha256)), done) in files.into_iter().zip(1..) {
        versions.entry(session).or_default().insert(version);
        let outcome = file(pass, &key, session, sha256).await;
        pass.go_on(outcome, Zone::History, &key, Some(session.replay())).await?;
        pass.progress(Zone::History, done, total).await?;
    }
    for (session, kept) in &versions {
        let outcome = gaps(pass, *session, kept).await;
        let Session { table, exchange, date } = *session;
        pass.go_on(outcome, Zone::History, &names::manifest(table, exchange, date), Some(session.replay())).await?;
    }
    lost(pass, &versions).await
}

/// Names versions that were damaged and set aside and did not come back: nothing else would tell that they are lost.
async fn lost(pass: &mut Pass<'_>, versions: &BTreeMap<Session, BTreeSet<u32>>) -> Result<(), WriteError> {
    let mut named = BTreeSet::new();
    for aside in pass.lake().list(DAMAGED).await? {
        let original = aside.strip_prefix(SET_ASIDE).and_then(|key| key.rsplit_once('.')).map(|(key, _)| key);
        let Some((key, (session, version, _))) = original.and_then(|key| Some((key, keys::history(key)?))) else {
            continue;
        };
        let stands = versions.get(&session).is_some_and(|kept| kept.contains(&version));
        if stands || !pass.sweep.covers(session.date) || !named.insert((session, version)) {
            continue;
        }
        let detail = format!("it was damaged; what was found is in {aside}");
        pass.found(finding(session, Problem::Missing, key.to_owned(), detail, Repair::None, None)).await?;
    }
    Ok(())
}

/// The manifest of an earlier version has to be of it; the version itself stands without.
async fn manifest(pass: &mut Pass<'_>, kept: HistoryKey) -> Result<(), WriteError> {
    let key = kept.manifest();
    let Some(read) = pass.read(&key).await? else { return Ok(()) };
    let believed = || {
        let manifest = Manifest::from_json(&read.bytes).map_err(|error| error.to_string())?;
        manifest.believe(kept.session, Utc::now()).map_err(|reason| reason.to_string())?;
        let says = (manifest.version, manifest.sha256);
        if says == (kept.version, kept.sha256) { Ok(()) } else { Err(format!("it is of version {}", says.0)) }
    };
    let Err(detail) = believed() else { return Ok(()) };
    let (mut repair, mut moved_to) = (Repair::None, None);
    if pass.sweep.repair {
        (repair, moved_to) = (Repair::NeedsReplay, pass.lake().set_aside(&key).await?);
    }
    let CuratedKey { table, exchange, trade_date: date } = kept.session;
    let session = Session { table, exchange, date };
    pass.found(finding(session, Problem::UnreadableManifest, key, detail, repair, moved_to)).await
}

async fn file(pass: &mut Pass<'_>, key: &str, session: Session, expected: Sha256) -> Result<(), WriteError> {
    let Some(read) = pass.read(key).await? else { return Ok(()) };
    if read.sha256 == expected {
        return Ok(());
    }
    let problem = if read.bytes.ends_with(PARQUET_END) { Problem::Flipped } else { Problem::Short };
    let detail = format!("{} bytes with sha256 {}", read.bytes.len(), read.sha256);
    let (mut repair, mut moved_to) = (Repair::None, None);
    if pass.sweep.repair {
        let made = pass.verifier.rebuild(session, expected).await?;
        moved_to = pass.lake().set_aside(key).await?;
        repair = Repair::NeedsReplay;
        if let Some(bytes) = made {
            pass.lake().put_if_absent(key, bytes).await?;
            repair = Repair::Restored;
        }
    }
    pass.found(finding(session, problem, key.to_owned(), detail, repair, moved_to)).await
}

/// Names versions between the oldest kept one and the published one that are not there.
async fn gaps(pass: &mut Pass<'_>, session: Session, kept: &BTreeSet<u32>) -> Result<(), WriteError> {
    let Session { table, exchange, date } = session;
    let Some(json) = pass.lake().get(&names::manifest(table, exchange, date)).await? else { return Ok(()) };
    let Ok(manifest) = Manifest::from_json(&json) else { return Ok(()) };
    // Retention takes the oldest versions first; a gap above the oldest is none of its doing.
    let oldest = kept.first().copied().unwrap_or(manifest.version);
    for version in (oldest..manifest.version).filter(|version| !kept.contains(version)) {
        let key = format!("history/{table}/exchange={exchange}/{date}/v{version}-");
        let detail = format!("version {} is published", manifest.version);
        pass.found(finding(session, Problem::Missing, key, detail, Repair::None, None)).await?;
    }
    Ok(())
}

fn finding(
    session: Session,
    problem: Problem,
    key: String,
    detail: String,
    repair: Repair,
    moved_to: Option<String>,
) -> Finding {
    Finding {
        zone: Zone::History,
        problem,
        key,
        detail,
        repair,
        moved_to,
        session: Some(session.replay()),
        remains: true,
    }
}
