//! A file beside the one of the session before: a copy of it under the right date is no session.

use std::sync::Arc;

use champion_market_data::{Dataset, Report, Sha256};
use tracing::warn;

use super::{FetchRequest, Fetcher};
use crate::FetchError;
use crate::classify::{Class, Judgement};
use crate::copied::Rows;
use crate::exchange::Fetched;
use crate::facts::{Facts, Refusal};

/// How far back the session before is looked for: no two sessions lie further apart.
const DAYS_BACK: u32 = 10;

impl Fetcher {
    /// Sets a file aside whose rows are those of the session before; without that session in the lake nothing is proven.
    pub(super) async fn copied(
        &self,
        request: &FetchRequest,
        report: &Report,
        fetched: &Fetched,
    ) -> Result<Option<Judgement>, FetchError> {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        let Some(previous) = self.previous(request).await? else { return Ok(None) };
        let before = match self.store.bytes(&previous).await {
            Ok(Some(before)) => before,
            Ok(None) => return Ok(None),
            Err(error) => {
                warn!(key = previous.artifact.key, %error, "the session before cannot be read and is not compared with");
                return Ok(None);
            }
        };
        let (new, day, lately) = (fetched.answer.body.clone(), previous.trade_date, Arc::clone(&self.lately));
        let compare = move || {
            let rows = |bytes: &[u8], date| lately.rows(Sha256::of(bytes), || Rows::of(bytes, dataset, exchange, date));
            rows(&new, trade_date)?.copied_from(rows(&before, day)?.as_ref())
        };
        let Some(share) = tokio::task::spawn_blocking(compare).await? else { return Ok(None) };
        let percent = (share * 1000.0).round() / 10.0;
        let reason = format!("{percent} % of the rows are those of {day} ({})", previous.artifact.key);
        Ok(Some(self.set_aside_whole(request, report, fetched, Class::CopiedSession, reason).await?))
    }

    /// Sets aside a correction that lost more than a tenth of the rows: corrections change a few lines, and a file cut at the
    /// end of a line looks whole otherwise.
    pub(super) async fn shrunk(
        &self,
        request: &FetchRequest,
        report: &Report,
        fetched: &Fetched,
        before: u64,
    ) -> Result<Option<Judgement>, FetchError> {
        let now = fetched.inspection.rows;
        if now.saturating_mul(10) >= before.saturating_mul(9) {
            return Ok(None);
        }
        let reason = format!("{now} rows, the version that is there has {before} rows");
        Ok(Some(self.set_aside_whole(request, report, fetched, Class::TooFewRows, reason).await?))
    }

    async fn set_aside_whole(
        &self,
        request: &FetchRequest,
        report: &Report,
        fetched: &Fetched,
        class: Class,
        reason: String,
    ) -> Result<Judgement, FetchError> {
        let facts = self.facts(request, report, fetched);
        let refusal = Refusal { class: class.as_str().to_owned(), reason: reason.clone(), facts };
        let key = self.store.set_aside(fetched.answer.body.clone(), refusal).await?;
        Ok(Judgement { class, reason: format!("{reason}; set aside as {key}"), retry_after: None })
    }

    /// Returns the newest raw session before the one that is asked for, where it may be the one just before.
    async fn previous(&self, request: &FetchRequest) -> Result<Option<Facts>, FetchError> {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        let days = match dataset {
            Dataset::Bhavcopy | Dataset::FullBhavcopy => DAYS_BACK,
            Dataset::CorporateActions => 0,
        };
        let calendar = self.almanac.calendar();
        let mut day = trade_date;
        for _ in 0..days {
            day = day.previous();
            if calendar.kind(day).has_session() == Some(false) {
                continue;
            }
            match self.store.latest(exchange, dataset, day).await {
                Ok(Some(facts)) => return Ok(Some(facts)),
                Ok(None) => {}
                // Another session's bad object is that session's trouble: this one is fetched without the comparison.
                Err(error) => {
                    warn!(%dataset, trade_date = %day, %error, "the session before cannot be read and is not compared with");
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }
}
