//! The parser's report as later stages read it.

use serde::Deserialize;

use super::{ArtifactRef, Disbelief, QuarantineKey, RawSource, RowCounts, Sha256, StagedArtifact, StagedKey};
use crate::{Dataset, Exchange, TradeDate};

/// The part of the parser's report that says what was made of raw bytes. Unknown members are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ParseBooks {
    dataset: Dataset,
    exchange: Exchange,
    trade_date: TradeDate,
    source_sha256: Sha256,
    decoder_version: u32,
    counts: RowCounts,
    staged: Vec<StagedArtifact>,
    quarantine: Option<ArtifactRef>,
}

impl ParseBooks {
    /// Tells whether the report is the one on these bytes by this decoder, and its books balance.
    ///
    /// # Errors
    /// [`Disbelief`] says what is wrong with it.
    pub fn believe(&self, source: RawSource, decoder: u32) -> Result<(), Disbelief> {
        let Self { dataset, exchange, trade_date, source_sha256: sha256, decoder_version, .. } = *self;
        if (RawSource { exchange, dataset, trade_date, sha256 }, decoder_version) != (source, decoder) {
            let found = format!("{dataset} of {exchange} {trade_date}, sha256 {sha256}, decoder {decoder_version}");
            return Err(Disbelief::Foreign { found });
        }
        let conserved = |staged: &StagedArtifact| staged.counts == self.counts;
        if !self.counts.conserved() || !self.staged.iter().all(conserved) {
            return Err(Disbelief::Books);
        }
        Ok(())
    }

    /// Returns what the report says of a staged table.
    ///
    /// # Errors
    /// [`Disbelief::Silent`] where it does not name the table, [`Disbelief::Foreign`] where it names it as another one.
    pub fn staged(&self, key: &StagedKey) -> Result<&StagedArtifact, Disbelief> {
        let name = key.to_string();
        let Some(staged) = self.staged.iter().find(|staged| staged.artifact.key == name) else {
            return Err(Disbelief::Silent { key: name });
        };
        let StagedArtifact { table, exchange, trade_date, source_sha256, .. } = *staged;
        let RawSource { exchange: of, trade_date: on, sha256, .. } = key.source;
        if (table, exchange, trade_date, source_sha256) != (key.table, of, on, sha256) {
            return Err(Disbelief::Foreign { found: format!("{table} of {exchange} {trade_date}") });
        }
        Ok(staged)
    }

    /// Returns the reference of the rows set aside, where the report names them.
    #[must_use]
    pub fn quarantine(&self, key: &QuarantineKey) -> Option<&ArtifactRef> {
        let name = key.to_string();
        self.quarantine.as_ref().filter(|rows| rows.key == name)
    }
}
