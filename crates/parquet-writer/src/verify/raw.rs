//! The raw zone: bytes against the hash in their name, facts against the bytes they name.

use bytes::Bytes;
use champion_market_data::RawArtifact;
use champion_market_data::artifact::{FactsKey, keys as names};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::keys::{self, RawKey};
use super::{Finding, Pass, Problem, Repair, Zone};
use crate::WriteError;

pub(super) async fn verify(pass: &mut Pass<'_>) -> Result<(), WriteError> {
    let listed = pass.lake().list(Zone::Raw.as_str()).await?;
    let files: Vec<(String, RawKey)> = listed
        .into_iter()
        .filter_map(|key| keys::raw(&key).map(|parsed| (key, parsed)))
        .filter(|(_, parsed)| pass.sweep.covers(parsed.date))
        .collect();
    let total = files.len() as u64;
    for ((key, parsed), done) in files.iter().zip(1..) {
        let outcome = if parsed.is_facts { facts(pass, key, parsed).await } else { bytes(pass, key, parsed).await };
        let session = Some((parsed.dataset, parsed.exchange, parsed.date));
        pass.go_on(outcome, Zone::Raw, key, session).await?;
        pass.progress(Zone::Raw, done, total).await?;
    }
    Ok(())
}

async fn bytes(pass: &mut Pass<'_>, key: &str, parsed: &RawKey) -> Result<(), WriteError> {
    let Some(read) = pass.read(key).await? else { return Ok(()) };
    let facts_key = names::raw_facts(parsed.exchange, parsed.dataset, parsed.date, &parsed.sha256);
    let facts = pass.lake().get(&facts_key).await?;
    let facts: Option<Value> = facts.as_ref().and_then(|json| serde_json::from_slice(json).ok());
    if read.sha256 != parsed.sha256 {
        let expected = facts.as_ref().and_then(|facts| facts["artifact"]["bytes"].as_u64());
        let problem = Problem::of_length(read.bytes.len() as u64, expected);
        let detail = format!("{} bytes with sha256 {}", read.bytes.len(), read.sha256);
        let moved_to = if pass.sweep.repair {
            let aside = pass.lake().set_aside(key).await?;
            if let (Some(facts), Some(aside)) = (facts, &aside) {
                note_damage(pass, &facts_key, facts, &read.sha256.to_string(), aside).await?;
            }
            aside
        } else {
            None
        };
        return pass.found(finding(pass, key, parsed, problem, detail, moved_to)).await;
    }
    if facts.is_none() && pass.lake().size(&facts_key).await?.is_none() && !is_observed_again(pass, parsed).await? {
        let detail = "bytes without facts: the next fetch of the session writes them".to_owned();
        return pass.found(finding(pass, key, parsed, Problem::Orphan, detail, None)).await;
    }
    Ok(())
}

/// The facts of the first observation may have been moved aside since; those of a later one stand beside the bytes too.
async fn is_observed_again(pass: &Pass<'_>, parsed: &RawKey) -> Result<bool, WriteError> {
    let RawKey { exchange, dataset, date, sha256, .. } = *parsed;
    let keys = pass.lake().list(&names::raw_folder(exchange, dataset, date)).await?;
    Ok(keys.iter().any(|key| key.parse::<FactsKey>().is_ok_and(|facts| facts.source.sha256 == sha256)))
}

async fn facts(pass: &mut Pass<'_>, key: &str, parsed: &RawKey) -> Result<(), WriteError> {
    let Some(read) = pass.read(key).await? else { return Ok(()) };
    let believed = || {
        let place = key.parse::<FactsKey>().map_err(|error| error.to_string())?;
        let facts: RawArtifact =
            serde_json::from_slice(&read.bytes).map_err(|error| format!("no facts can be read from it: {error}"))?;
        place.believe(&facts, Utc::now()).map(|()| facts).map_err(|reason| reason.to_string())
    };
    let named = match believed() {
        Ok(facts) => facts.artifact.key,
        Err(detail) => {
            let moved_to = if pass.sweep.repair { pass.lake().set_aside(key).await? } else { None };
            return pass.found(finding(pass, key, parsed, Problem::UnreadableManifest, detail, moved_to)).await;
        }
    };
    if pass.lake().size(&named).await?.is_none() {
        let detail = format!("its facts name {named}");
        return pass.found(finding(pass, &named, parsed, Problem::Missing, detail, None)).await;
    }
    Ok(())
}

/// Writes into the facts that their bytes were damaged and where those are.
async fn note_damage(
    pass: &Pass<'_>,
    facts_key: &str,
    mut facts: Value,
    found: &str,
    moved_to: &str,
) -> Result<(), WriteError> {
    let note = json!({
        "found_sha256": found,
        "moved_to": moved_to,
        "noticed_at": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    match facts.get_mut("damaged").and_then(Value::as_array_mut) {
        Some(notes) => notes.push(note),
        None => facts["damaged"] = json!([note]),
    }
    let json = serde_json::to_vec_pretty(&facts).expect("JSON that was read is JSON that can be written");
    Ok(pass.lake().publish(facts_key, Bytes::from(json)).await?)
}

fn finding(
    pass: &Pass<'_>,
    key: &str,
    parsed: &RawKey,
    problem: Problem,
    detail: String,
    moved_to: Option<String>,
) -> Finding {
    Finding {
        zone: Zone::Raw,
        problem,
        key: key.to_owned(),
        detail,
        // Only the exchange has these bytes.
        repair: if pass.sweep.repair { Repair::NeedsReplay } else { Repair::None },
        moved_to,
        session: Some((parsed.dataset, parsed.exchange, parsed.date)),
        remains: true,
    }
}
