//! The parser's report on one file: the books, and what was written.

use std::collections::BTreeMap;

use champion_decode::{DECODER_VERSION, Decoded};
use champion_market_data::artifact::{QuarantineKey, RawKey, RawSource, StagedKey};
use champion_market_data::columnar::SCHEMA_VERSION;
use champion_market_data::{
    ArtifactRef, Dataset, Era, Exchange, RawArtifact, RowCounts, Sha256, StagedArtifact, TradeDate,
};
use serde::{Deserialize, Serialize};

/// What became of one raw file. A function of the bytes and of the decoder: neither run nor time is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What the file is.
    pub dataset: Dataset,
    /// Who published it.
    pub exchange: Exchange,
    /// The session.
    pub trade_date: TradeDate,
    /// Hash of the raw bytes.
    pub source_sha256: Sha256,
    /// Version of the decoder.
    pub decoder_version: u32,
    /// Version of the tables' schemas.
    pub schema_version: i64,
    /// The format.
    pub era: Era,
    /// The books.
    pub counts: RowCounts,
    /// Published rows flagged, by rule.
    pub warnings: BTreeMap<String, u64>,
    /// Rows set aside, by rule.
    pub failures: BTreeMap<String, u64>,
    /// Legs of corporate actions, by type.
    pub actions: BTreeMap<String, u64>,
    /// Columns that no table has.
    pub unknown_columns: Vec<String>,
    /// The rows set aside; none when there are none.
    pub quarantine: Option<ArtifactRef>,
    /// The tables.
    pub staged: Vec<StagedArtifact>,
}

impl Report {
    /// Writes the report on a decoded file and what was written of it.
    pub(crate) fn new(
        raw: &RawArtifact,
        decoded: &Decoded,
        staged: Vec<StagedArtifact>,
        quarantine: Option<ArtifactRef>,
    ) -> Self {
        let owned = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect()
        };
        Self {
            dataset: raw.dataset,
            exchange: raw.exchange,
            trade_date: raw.trade_date,
            source_sha256: raw.artifact.sha256,
            decoder_version: DECODER_VERSION,
            schema_version: SCHEMA_VERSION,
            era: decoded.era,
            counts: decoded.counts,
            warnings: owned(&decoded.warnings),
            failures: owned(&decoded.failures),
            actions: owned(&decoded.actions),
            unknown_columns: decoded.unknown_columns.clone(),
            quarantine,
            staged,
        }
    }

    /// Tells whether the report is this decoder's on these bytes, and names nothing but what is made of them.
    pub(crate) fn is_of(&self, raw: &RawKey) -> bool {
        let Self { dataset, exchange, trade_date, source_sha256: sha256, decoder_version, .. } = *self;
        let is_made_of_it = |staged: &StagedArtifact| {
            let key = StagedKey { table: staged.table, source: raw.source, decoder: DECODER_VERSION };
            dataset.tables().contains(&staged.table) && staged.artifact.key == key.to_string()
        };
        let set_aside = QuarantineKey { source: raw.source, decoder: DECODER_VERSION }.to_string();
        RawSource { exchange, dataset, trade_date, sha256 } == raw.source
            && decoder_version == DECODER_VERSION
            && self.counts.conserved()
            && self.staged.iter().all(is_made_of_it)
            && self.quarantine.iter().all(|rows| rows.key == set_aside)
    }

    /// Returns everything the report says was written.
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = &ArtifactRef> {
        self.staged.iter().map(|staged| &staged.artifact).chain(&self.quarantine)
    }
}
