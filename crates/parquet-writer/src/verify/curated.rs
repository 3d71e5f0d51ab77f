//! The curated zone: files against their manifests, manifests against their files.

use std::collections::BTreeSet;

use champion_lake::LakeError;
use champion_market_data::Sha256;
use champion_market_data::artifact::{CuratedKey, keys as names};
use chrono::Utc;

use super::keys::{self, Session};
use super::{Finding, Pass, Problem, Repair, Zone};
use crate::WriteError;
use crate::manifest::Manifest;

pub(super) async fn verify(pass: &mut Pass<'_>) -> Result<(), WriteError> {
    let listed = pass.lake().list(Zone::Curated.as_str()).await?;
    let sessions: BTreeSet<Session> =
        listed.iter().filter_map(|key| keys::curated(key)).filter(|session| pass.sweep.covers(session.date)).collect();
    let total = sessions.len() as u64;
    for (session, done) in sessions.into_iter().zip(1..) {
        let outcome = match examine(pass, session).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => in_turn(pass, session).await,
            Err(error) => Err(error),
        };
        let key = names::manifest(session.table, session.exchange, session.date);
        pass.go_on(outcome, Zone::Curated, &key, Some(session.replay())).await?;
        pass.progress(Zone::Curated, done, total).await?;
    }
    Ok(())
}

/// What is wrong with a session.
struct Fault {
    problem: Problem,
    key: String,
    detail: String,
    /// Hash of the file that should stand there.
    expected: Option<Sha256>,
}

/// Looks again while nobody publishes: a publication in progress is no fault. Repairs if asked to.
async fn in_turn(pass: &mut Pass<'_>, session: Session) -> Result<(), WriteError> {
    let Session { table, exchange, date } = session;
    let turn = pass.lake().turn(&names::manifest(table, exchange, date)).await?;
    let outcome = match examine(pass, session).await {
        Ok(None) => Ok(None),
        Ok(Some(fault)) if !pass.sweep.repair => Ok(Some(finding(session, fault, Repair::None, None))),
        Ok(Some(fault)) => repair(pass, session, fault).await.map(Some),
        Err(error) => Err(error),
    };
    turn.end().await;
    match outcome? {
        Some(finding) => pass.found(finding).await,
        None => Ok(()),
    }
}

async fn examine(pass: &mut Pass<'_>, session: Session) -> Result<Option<Fault>, WriteError> {
    let Session { table, exchange, date } = session;
    let (file_key, manifest_key) = (names::curated(table, exchange, date), names::manifest(table, exchange, date));
    let fault = |problem, key: &str, detail, expected| Some(Fault { problem, key: key.to_owned(), detail, expected });
    let file = pass.read(&file_key).await?;
    let Some(json) = pass.lake().get(&manifest_key).await? else {
        return Ok(file.and(fault(Problem::Orphan, &file_key, "a file without a manifest".to_owned(), None)));
    };
    let manifest = match Manifest::from_json(&json) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(fault(Problem::UnreadableManifest, &manifest_key, error.to_string(), None)),
    };
    if let Err(reason) = manifest.believe(CuratedKey { table, exchange, trade_date: date }, Utc::now()) {
        return Ok(fault(Problem::UnreadableManifest, &manifest_key, reason.to_string(), None));
    }
    let expected = Some(manifest.sha256);
    let Some(file) = file else {
        let detail = format!("its manifest names version {}", manifest.version);
        return Ok(fault(Problem::Missing, &file_key, detail, expected));
    };
    if file.sha256 == manifest.sha256 {
        return Ok(None);
    }
    if let Some(next) = manifest.replaced_by.filter(|next| next.sha256 == file.sha256) {
        let detail = format!("version {} was cut off before its manifest", next.version);
        return Ok(fault(Problem::Orphan, &file_key, detail, None));
    }
    let problem = Problem::of_length(file.bytes.len() as u64, Some(manifest.bytes));
    let detail = format!("{} bytes with sha256 {}", file.bytes.len(), file.sha256);
    Ok(fault(problem, &file_key, detail, expected))
}

async fn repair(pass: &mut Pass<'_>, session: Session, fault: Fault) -> Result<Finding, WriteError> {
    let damaged = matches!(fault.problem, Problem::Flipped | Problem::Short | Problem::UnreadableManifest);
    let made = match fault.expected {
        Some(expected) => match kept(pass, session, expected).await? {
            Some(bytes) => Some(bytes),
            None => pass.verifier.rebuild(session, expected).await?,
        },
        None => None,
    };
    // Readers never see damage, nor a gap where the whole bytes are at hand.
    let moved_to = if damaged { pass.lake().set_aside(&fault.key).await? } else { None };
    let repair = match made {
        None => Repair::NeedsReplay,
        Some(bytes) => {
            pass.lake().publish(&fault.key, bytes).await?;
            Repair::Restored
        }
    };
    Ok(finding(session, fault, repair, moved_to))
}

/// The same bytes may lie in the history: a correction was cut off after it had kept them.
async fn kept(pass: &Pass<'_>, session: Session, expected: Sha256) -> Result<Option<bytes::Bytes>, LakeError> {
    let Session { table, exchange, date } = session;
    for key in pass.lake().list(&format!("history/{table}/exchange={exchange}/{date}")).await? {
        if keys::history(&key).is_some_and(|(_, _, sha256)| sha256 == expected)
            && let Some(bytes) = pass.lake().get(&key).await?
            && Sha256::of(&bytes) == expected
        {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn finding(session: Session, fault: Fault, repair: Repair, moved_to: Option<String>) -> Finding {
    let Fault { problem, key, detail, .. } = fault;
    Finding {
        zone: Zone::Curated,
        problem,
        key,
        detail,
        repair,
        moved_to,
        session: Some(session.replay()),
        remains: true,
    }
}
