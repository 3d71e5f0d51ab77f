//! What a staged key stands for: read from the parser's report and the raw facts, never from the caller.

use std::collections::HashMap;

use champion_lake::LakeError;
use champion_market_data::StagedArtifact;
use champion_market_data::artifact::{RawSource, StagedKey};
use futures::stream::{self, StreamExt};

use crate::WriteError;
use crate::publisher::{Publisher, Run, Written};

impl Publisher {
    /// Publishes the artifacts under the keys, several at once, and returns the outcomes in the order of the call.
    ///
    /// Every key is tried, also after another one failed: what could be published needs no second try.
    ///
    /// # Errors
    /// [`WriteError`]: the first key that could not be traced to its source, else that of
    /// [`write_all`](Self::write_all).
    pub async fn write_keys(&self, keys: &[StagedKey], run: &Run) -> Result<Vec<Written>, WriteError> {
        self.lake().check_fencing_token(run.fencing_token).await?;
        let mut files: HashMap<(RawSource, u32), Vec<(usize, StagedKey)>> = HashMap::new();
        for (position, key) in keys.iter().enumerate() {
            files.entry((key.source, key.decoder)).or_default().push((position, *key));
        }
        let traces: Vec<_> = files.into_values().map(|tables| self.trace(tables)).collect();
        let traced: Vec<_> = stream::iter(traces).buffer_unordered(self.at_once()).concat().await;
        let (mut found, mut failed): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
        for (position, artifact) in traced {
            match artifact {
                Ok(artifact) => found.push((position, artifact)),
                Err(error) => failed.push((position, error)),
            }
        }
        found.sort_by_key(|(position, _)| *position);
        let artifacts: Vec<StagedArtifact> = found.into_iter().map(|(_, artifact)| artifact).collect();
        let written = self.write_all(&artifacts, run).await;
        failed.iter().for_each(|(position, _)| self.note_failure(keys[*position].table));
        match failed.into_iter().min_by_key(|(position, _)| *position) {
            Some((_, error)) => Err(error),
            None => written,
        }
    }

    /// Traces the tables of one raw file: one report and one set of facts, however many tables.
    async fn trace(&self, tables: Vec<(usize, StagedKey)>) -> Vec<(usize, Result<StagedArtifact, WriteError>)> {
        let mut traced = Vec::with_capacity(tables.len());
        let Some((_, first)) = tables.first() else { return traced };
        let origin = async {
            let missing = || LakeError::NotFound { key: first.source.report(first.decoder) };
            let books = self.lake().parse_books(&first.source, first.decoder).await?.ok_or_else(missing)?;
            Ok((books, self.lake().raw_facts(&first.source, self.now()).await?))
        };
        match origin.await {
            Err(error) => traced.extend(tables.first().map(|(position, _)| (*position, Err(WriteError::Lake(error))))),
            Ok((books, facts)) => traced.extend(tables.iter().map(|(position, key)| {
                let artifact = books.staged(key).cloned().map_err(|reason| {
                    let key = key.source.report(key.decoder);
                    WriteError::Lake(LakeError::Unbelievable { key, reason })
                });
                (*position, artifact.map(|staged| StagedArtifact { observed_at: facts.observed_at, ..staged }))
            })),
        }
        traced
    }
}
