//! Filings to rows of `corporate_actions`: one a leg, sorted by the natural key.

use std::collections::{BTreeMap, HashMap};

use arrow::array::RecordBatch;
use champion_market_data::{Table, TradeDate};

use super::filing::Filing;
use super::text::{self, Concern, Leg};
use crate::columns::{ColumnBuilder, Envelope, batch};
use crate::event_id::EventId;

/// A leg with everything its row says.
struct Row<'f> {
    filing: &'f Filing,
    filing_id: String,
    date: TradeDate,
    leg_no: i64,
    leg: Leg,
    review: String,
}

/// Builds the table; counts the legs by action type.
pub(super) fn build(
    filings: &[(Filing, TradeDate)],
    envelope: &Envelope,
) -> (RecordBatch, BTreeMap<&'static str, u64>) {
    let mut actions = BTreeMap::new();
    let mut rows = rows(filings, envelope);
    rows.sort_by(|left, right| left.key().cmp(&right.key()));
    for row in &rows {
        *actions.entry(row.leg.action.as_str()).or_insert(0) += 1;
    }
    (record_batch(&rows, envelope), actions)
}

fn rows<'f>(filings: &'f [(Filing, TradeDate)], envelope: &Envelope) -> Vec<Row<'f>> {
    let mut id = EventId::default();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut rows = Vec::with_capacity(filings.len());
    for (filing, date) in filings {
        let among_equals = seen.entry(filing.id(envelope.exchange, 0, &mut id)).or_insert(0);
        let filing_id = filing.id(envelope.exchange, *among_equals, &mut id);
        *among_equals += 1;
        let reading = text::read(&filing.subject, filing.face_value);
        let review: Vec<&str> = reading.concerns.iter().copied().map(Concern::as_str).collect();
        let review = review.join(",");
        for (leg_no, leg) in (1..).zip(reading.legs) {
            rows.push(Row { filing, filing_id: filing_id.clone(), date: *date, leg_no, leg, review: review.clone() });
        }
    }
    rows
}

impl Row<'_> {
    /// The natural key; the exchange is the same for the whole file.
    fn key(&self) -> (&str, &str, TradeDate, &str, i64) {
        (&self.filing.symbol, &self.filing.series, self.date, &self.filing_id, self.leg_no)
    }

    /// Returns the value of a column that is not of the envelope.
    fn value(&self, column: &str) -> Value<'_> {
        let Self { filing, leg, .. } = self;
        match column {
            "trade_date" => Value::date(Some(self.date)),
            "symbol" => Value::Text(Some(&filing.symbol)),
            "series" => Value::Text(Some(&filing.series)),
            "filing_id" => Value::Text(Some(&self.filing_id)),
            "leg_no" => Value::Number(Some(self.leg_no)),
            "isin" => Value::Text(filing.isin.as_deref()),
            "company" => Value::Text(Some(&filing.company)),
            "face_value" => Value::Number(filing.face_value),
            "subject" => Value::Text(Some(&filing.subject)),
            "leg_text" => Value::Text(Some(&leg.text)),
            "action_type" => Value::Text(Some(leg.action.as_str())),
            "ex_date" => Value::date(filing.ex_date),
            "record_date" => Value::date(filing.record_date),
            "book_closure_start" => Value::date(filing.book_closure_start),
            "book_closure_end" => Value::date(filing.book_closure_end),
            "no_delivery_start" => Value::date(filing.no_delivery_start),
            "no_delivery_end" => Value::date(filing.no_delivery_end),
            "broadcast_at" => Value::Text(filing.broadcast_at.as_deref()),
            "ratio_new" => Value::Number(leg.ratio.map(|(new, _)| new)),
            "ratio_old" => Value::Number(leg.ratio.map(|(_, old)| old)),
            "amount" => Value::Number(leg.amount),
            "percent" => Value::Number(leg.percent),
            "needs_review" => Value::Number(Some(i64::from(!self.review.is_empty()))),
            "review_reason" => Value::Text(Some(&self.review)),
            _ => Value::Text(None),
        }
    }
}

/// A value of a row, as builders and ids take it.
#[derive(Debug, Clone, Copy)]
enum Value<'r> {
    Text(Option<&'r str>),
    Number(Option<i64>),
}

impl Value<'_> {
    fn date(date: Option<TradeDate>) -> Self {
        Self::Number(date.map(|date| i64::from(date.days_since_epoch())))
    }
}

fn record_batch(rows: &[Row<'_>], envelope: &Envelope) -> RecordBatch {
    let spec = Table::CorporateActions.spec();
    let [source, schema_version, sha256, exchange] = envelope.columns(rows.len());
    let columns = spec.columns.iter().map(|column| match column.name {
        "event_id" => {
            let mut builder = ColumnBuilder::new(column.kind, rows.len());
            let mut id = EventId::default();
            for row in rows {
                builder.push_text(Some(&event_id(row, envelope, &mut id)));
            }
            builder.finish()
        }
        "source" => source.clone(),
        "schema_version" => schema_version.clone(),
        "source_sha256" => sha256.clone(),
        "exchange" => exchange.clone(),
        name => {
            let mut builder = ColumnBuilder::new(column.kind, rows.len());
            for row in rows {
                match row.value(name) {
                    Value::Text(value) => builder.push_text(value),
                    Value::Number(value) => builder.push_number(value),
                }
            }
            builder.finish()
        }
    });
    batch(Table::CorporateActions, columns.collect())
}

/// The id is a function of the row's own values: everything but the envelope's source, hash and version.
fn event_id(row: &Row<'_>, envelope: &Envelope, id: &mut EventId) -> String {
    let id = id.begin(Table::CorporateActions.as_str()).text(Some(envelope.exchange.code()));
    for column in Table::CorporateActions.spec().columns {
        if matches!(column.name, "event_id" | "source" | "schema_version" | "source_sha256" | "exchange") {
            continue;
        }
        match row.value(column.name) {
            Value::Text(value) => id.text(value),
            Value::Number(value) => id.number(value),
        };
    }
    id.finish_hex()
}
