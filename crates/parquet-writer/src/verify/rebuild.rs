//! Making a published file again from what is staged.

use bytes::Bytes;
use champion_market_data::Sha256;

use super::Verifier;
use super::keys::Session;
use crate::{WriteError, staged};

impl Verifier {
    /// Looks among the staged artifacts of a session for the one that a file was made of, and returns the file's bytes.
    pub(super) async fn rebuild(&self, session: Session, expected: Sha256) -> Result<Option<Bytes>, WriteError> {
        let Session { table, exchange, date } = session;
        for key in self.lake.list(&format!("staged/{table}/{exchange}/{date}")).await? {
            let Some(bytes) = self.lake.get(&key).await? else { continue };
            let encoding = self.encoding;
            let work = move || {
                // A staged artifact that is damaged itself is none of which anything can be made.
                let rows = staged::read_rows(&bytes, table, exchange, date).ok()?;
                let file = encoding.encode(table, &rows).ok()?;
                (Sha256::of(&file) == expected).then(|| Bytes::from(file))
            };
            let made = tokio::task::spawn_blocking(work).await;
            if let Some(file) = made.map_err(|source| WriteError::CutOff { key, source })? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }
}
