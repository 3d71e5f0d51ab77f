//! What a reference stands for: read from the manifests in the lake, never from the caller.

use champion_market_data::Sha256;
use champion_market_data::artifact::CuratedKey;
use champion_retry::Deadline;
use futures::stream::{self, StreamExt};

use super::{Loader, Receipt, Run};
use crate::quarantine::SetAside;
use crate::{LoadError, manifest};

impl Loader {
    /// Loads the content that is named, as the manifests in the lake describe it, and returns the receipts in the order of
    /// the call. Files of refused rows come in beside it.
    ///
    /// Everything is tried, also after another reference failed.
    ///
    /// # Errors
    /// [`LoadError`]: the first reference that no manifest bears out, else that of [`load`](Self::load).
    pub async fn load_named(
        &self,
        curated: &[(CuratedKey, Sha256)],
        refused: &[SetAside],
        run: &Run,
        deadline: Deadline,
    ) -> Result<Vec<Receipt>, LoadError> {
        self.lake.check_fencing_token(run.fencing_token).await?;
        let now = (self.clock)();
        let reads: Vec<_> =
            curated.iter().map(|(key, sha256)| manifest::of_content(&self.lake, *key, *sha256, now)).collect();
        let read: Vec<_> = stream::iter(reads).buffered(self.bounds.reads).collect().await;
        let (mut artifacts, mut unknown) = (Vec::with_capacity(read.len()), None);
        for (artifact, (key, _)) in read.into_iter().zip(curated) {
            match artifact {
                Ok(artifact) => artifacts.push(artifact),
                Err(error) => {
                    self.metrics.failed(key.table, 1);
                    unknown.get_or_insert(error);
                }
            }
        }
        let receipts = self.load(&artifacts, refused, run, deadline).await;
        unknown.map_or(receipts, Err)
    }
}
