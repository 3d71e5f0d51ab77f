//! The compacted zone: months against their manifests. A month is made again of its sessions.

use super::{Finding, Pass, Problem, Repair, Zone};
use crate::WriteError;
use crate::compact::{Compactor, Month, MonthManifest};

const MANIFEST: &str = ".manifest.json";

pub(super) async fn verify(pass: &mut Pass<'_>) -> Result<(), WriteError> {
    let listed = pass.lake().list(Zone::Compacted.as_str()).await?;
    let months: Vec<(String, Month)> = listed
        .into_iter()
        .filter_map(|key| {
            let name = key.rsplit('/').next()?;
            let month = name.strip_suffix(MANIFEST).or_else(|| name.strip_suffix(".parquet"))?.parse().ok()?;
            Some((key, month))
        })
        .filter(|(_, month)| pass.sweep.touches(*month))
        .collect();
    let total = months.len() as u64;
    for ((key, month), done) in months.into_iter().zip(1..) {
        let outcome = if key.ends_with(MANIFEST) { manifest(pass, &key, month).await } else { file(pass, &key).await };
        pass.go_on(outcome, Zone::Compacted, &key, None).await?;
        pass.progress(Zone::Compacted, done, total).await?;
    }
    Ok(())
}

async fn file(pass: &mut Pass<'_>, key: &str) -> Result<(), WriteError> {
    if pass.lake().size(&key.replace(".parquet", MANIFEST)).await?.is_some() {
        return Ok(());
    }
    let detail = "a month without a manifest: the next compaction writes it".to_owned();
    pass.found(finding(Problem::Orphan, key, detail, Repair::None, None)).await
}

async fn manifest(pass: &mut Pass<'_>, key: &str, month: Month) -> Result<(), WriteError> {
    let Some(json) = pass.lake().get(key).await? else { return Ok(()) };
    let manifest: MonthManifest = match serde_json::from_slice(&json) {
        Ok(manifest) => manifest,
        Err(error) => {
            let moved_to = if pass.sweep.repair { pass.lake().set_aside(key).await? } else { None };
            let detail = format!("{error}; the next compaction writes it");
            return pass.found(finding(Problem::UnreadableManifest, key, detail, Repair::None, moved_to)).await;
        }
    };
    let named = &manifest.artifact;
    let (problem, mut detail) = match pass.read(&named.key).await? {
        Some(read) if read.sha256 == named.sha256 => return Ok(()),
        Some(read) => {
            let length = read.bytes.len() as u64;
            let detail = format!("{length} bytes with sha256 {}", read.sha256);
            (Problem::of_length(length, Some(named.bytes)), detail)
        }
        None => (Problem::Missing, "its manifest names it".to_owned()),
    };
    let (mut repair, mut moved_to) = (Repair::None, None);
    if pass.sweep.repair {
        moved_to = pass.lake().set_aside(&named.key).await?;
        let compactor = Compactor::new(pass.lake().clone(), pass.verifier.encoding);
        let of = (manifest.table, manifest.exchange);
        let made = compactor.compact(of, (month, month), &manifest.run_id).await?;
        repair = if made.months.is_empty() { Repair::None } else { Repair::Restored };
        for fault in made.findings {
            detail = format!("{detail}; not made again: {}: {}", fault.key, fault.detail);
        }
    }
    pass.found(finding(problem, &named.key, detail, repair, moved_to)).await
}

fn finding(problem: Problem, key: &str, detail: String, repair: Repair, moved_to: Option<String>) -> Finding {
    Finding {
        zone: Zone::Compacted,
        problem,
        key: key.to_owned(),
        detail,
        repair,
        moved_to,
        session: None,
        remains: true,
    }
}
