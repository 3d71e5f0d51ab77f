//! One pass over a file: lines to rows, rows to columns, and the books beside them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder, UInt32Array};
use arrow::compute::take;
use champion_market_data::columnar::ColumnKind;
use champion_market_data::{Era, Exchange, Sha256, Table, TradeDate};

use super::books::Books;
use super::header::{Plan, plan};
use super::keys::Keys;
use super::row::{Broken, Row, RowReader};
use super::store::Store;
use crate::columns::{Envelope, repeated_date};
use crate::csv::{Line, Lines, shown};
use crate::event_id::{EventId, ID_DIGITS};
use crate::findings::Findings;
use crate::{Decoded, Refusal, RefusalCode, Request, RuleCode};

/// The only segment that equity tables hold.
pub(crate) const CASH_MARKET: &str = "CM";

/// What one of the equity reports has of its own.
pub(crate) trait EquityFile {
    /// The normalised table.
    const TABLE: Table;
    /// Slots of the natural key and of the ISIN, where the report has one.
    const SYMBOL: usize;
    const SERIES: usize;
    const ISIN: Option<usize>;
    /// Slots of the values behind the key, in the order of the normalised table; they make the event id.
    const VALUES: &'static [usize];

    /// Returns the kinds of the slots.
    fn kinds() -> Vec<ColumnKind>;

    /// Checks a row; returns what is to be flagged.
    fn check(row: &Row<'_>, plan: &Plan, date: TradeDate, exchange: Exchange) -> Result<Findings, Broken>;

    /// Builds the tables.
    fn tables(rows: PublishedRows, envelope: &Envelope) -> Vec<(Table, RecordBatch)>;
}

/// The rows of a file that are to be published.
pub(crate) struct PublishedRows {
    /// The date they all carry.
    pub(crate) date: TradeDate,
    /// The slots as columns, in file order.
    pub(crate) columns: Vec<ArrayRef>,
    /// Row numbers in the order of the natural key; `None` when the file has that order.
    order: Option<UInt32Array>,
    ids: Vec<[u8; ID_DIGITS / 2]>,
    findings: Vec<Findings>,
}

/// Decodes the text of one file.
pub(crate) fn decode<F: EquityFile>(text: &[u8], request: &Request, sha256: Sha256) -> Result<Decoded, Refusal> {
    let lines = memchr::memchr_iter(b'\n', text).count() as u64 + 1;
    if lines > request.limits.max_rows.saturating_add(2) {
        let reason = format!("the file has {lines} lines, at most {} rows are read", request.limits.max_rows);
        return Err(Refusal::new(RefusalCode::TooLarge, reason));
    }
    let mut pass = Pass::<F>::run(text, request, request.trade_date, lines)?;
    let content = pass.books.content_date(request.trade_date);
    if request.trade_date.is_none() && content != pass.expected {
        // The first row was of another date than most: begin again, knowing better.
        pass = Pass::<F>::run(text, request, content, lines)?;
    }
    pass.finish(request, sha256)
}

struct Pass<F> {
    plan: Plan,
    books: Books,
    expected: Option<TradeDate>,
    keys: Keys,
    store: Store,
    ids: Vec<[u8; ID_DIGITS / 2]>,
    findings: Vec<Findings>,
    event_id: EventId,
    exchange: Exchange,
    report: PhantomData<F>,
}

impl<F: EquityFile> Pass<F> {
    fn run(text: &[u8], request: &Request, expected: Option<TradeDate>, count: u64) -> Result<Self, Refusal> {
        let mut lines = Lines::new(text);
        let plan = plan(&mut lines, request.dataset, text)?;
        let era = plan.layout.era;
        if era != Era::Udiff && request.exchange != Exchange::Nse {
            let reason = format!("format {era} is of nse, asked for {}", request.exchange);
            return Err(Refusal::new(RefusalCode::WrongFormat, reason).of_era(era));
        }
        // A row has at least its commas: blank lines reserve nothing.
        let rows = (count as usize).min(text.len() / plan.width.max(1));
        let mut pass = Self {
            plan,
            books: Books::new(count, &request.limits),
            expected,
            keys: Keys::with_capacity(rows),
            store: Store::new(F::kinds(), rows),
            ids: Vec::with_capacity(rows),
            findings: Vec::with_capacity(rows),
            event_id: EventId::default(),
            exchange: request.exchange,
            report: PhantomData,
        };
        let mut reader = RowReader::new();
        for line in lines {
            match pass.admit(&mut reader, line) {
                Ok(()) => pass.books.publish(),
                Err(broken) => pass.books.set_aside(line, broken),
            }
            if !line.terminated && reader.field_count() < pass.plan.width {
                return Err(pass.books.cut_off(&pass.plan, line, reader.field_count()));
            }
        }
        Ok(pass)
    }

    /// Reads and checks a row, and appends it to the columns if it is good.
    fn admit(&mut self, reader: &mut RowReader, line: Line<'_>) -> Result<(), Broken> {
        let text = reader.split(&self.plan, line)?;
        let place = reader.place(&self.plan, text)?;
        let date = place.date;
        self.books.count_date(date);
        if let Some((segment, exchange)) = place.segment
            && (segment != CASH_MARKET || exchange != self.exchange.code())
        {
            let expected = format!("{CASH_MARKET} of {}", self.exchange.code());
            let reason = other_segment(&format!("{segment} of {exchange}"), &expected);
            return Err(Broken::new(RuleCode::WrongSegment, reason));
        }
        let expected = *self.expected.get_or_insert(date);
        if date != expected {
            let reason = format!("the row is of {date}, the file of {expected}");
            return Err(Broken::new(RuleCode::DateMismatch, reason));
        }
        let row = reader.read(&self.plan, text, date)?;
        let findings = F::check(&row, &self.plan, date, self.exchange)?;
        let (symbol, series) = (row.key(F::SYMBOL), row.key(F::SERIES));
        if !self.keys.insert(symbol, series) {
            let reason = format!("symbol {symbol} in series {series} stands in an earlier row of the file");
            return Err(Broken::new(RuleCode::DuplicateKey, reason));
        }
        let no_isin = findings.contains(RuleCode::IsinMalformed);
        let id = self.event_id.begin(F::TABLE.as_str()).text(Some(self.exchange.code()));
        id.number(Some(i64::from(date.days_since_epoch()))).text(Some(symbol)).text(Some(series));
        for slot in F::VALUES {
            match self.store.is_text(*slot) {
                true if Some(*slot) == F::ISIN && no_isin => id.text(None),
                true => id.text(row.text(*slot)),
                false => id.number(row.number(*slot)),
            };
        }
        self.ids.push(id.finish());
        self.findings.push(findings);
        self.store.push(&row, &self.plan);
        Ok(())
    }

    fn finish(self, request: &Request, sha256: Sha256) -> Result<Decoded, Refusal> {
        let closed = self.books.close(&self.plan, request)?;
        let era = self.plan.layout.era;
        let envelope = Envelope { exchange: self.exchange, era, sha256 };
        let rows = PublishedRows {
            date: closed.date,
            columns: self.store.finish(&self.plan),
            order: self.keys.order().map(UInt32Array::from),
            ids: self.ids,
            findings: self.findings,
        };
        let warnings = Findings::count(&rows.findings);
        Ok(Decoded {
            era,
            trade_date: Some(closed.date),
            sha256,
            counts: closed.counts,
            tables: F::tables(rows, &envelope),
            quarantined: closed.rows,
            warnings,
            failures: closed.failures,
            actions: BTreeMap::new(),
            unknown_columns: self.plan.unknown,
        })
    }
}

/// Says that a row is of another segment.
pub(crate) fn other_segment(found: &str, expected: &str) -> String {
    format!("the row is of segment {}, expected {expected}", shown(found))
}

impl PublishedRows {
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns a column in the order of the natural key.
    pub(crate) fn ordered(&self, column: &ArrayRef) -> ArrayRef {
        match &self.order {
            None => Arc::clone(column),
            Some(order) => take(column, order, None).expect("the order holds each row number once"),
        }
    }

    /// Returns a slot's column in the order of the natural key.
    pub(crate) fn value(&self, slot: usize) -> ArrayRef {
        self.ordered(&self.columns[slot])
    }

    /// Returns the ISINs in the order of the natural key, null where the file prints something else than an ISIN.
    pub(crate) fn isin(&self, slot: usize) -> ArrayRef {
        let malformed = |row: usize| self.findings[row].contains(RuleCode::IsinMalformed);
        if !(0..self.len()).any(malformed) {
            return self.value(slot);
        }
        let column = self.columns[slot].as_string::<i32>();
        let rows = column.iter().enumerate().map(|(row, isin)| isin.filter(|_| !malformed(row)));
        self.ordered(&(Arc::new(rows.collect::<StringArray>()) as ArrayRef))
    }

    /// Returns the columns that all normalised tables begin with, event id to series.
    pub(crate) fn leading_columns(&self, envelope: &Envelope, symbol: usize, series: usize) -> Vec<ArrayRef> {
        let rows = self.len();
        let mut ids = StringBuilder::with_capacity(rows, rows * ID_DIGITS);
        let mut digits = [0; ID_DIGITS];
        for row in self.rows() {
            hex::encode_to_slice(self.ids[row], &mut digits).expect("two digits a byte");
            ids.append_value(str::from_utf8(&digits).expect("hex digits are ASCII"));
        }
        let [source, schema_version, sha256, exchange] = envelope.columns(rows);
        let date = repeated_date(self.date, rows);
        let (symbol, series) = (self.value(symbol), self.value(series));
        vec![Arc::new(ids.finish()), source, schema_version, sha256, exchange, date, symbol, series]
    }

    /// Returns the column `warnings`.
    pub(crate) fn warnings(&self) -> ArrayRef {
        let mut texts = StringBuilder::with_capacity(self.len(), 0);
        for row in self.rows() {
            let findings = self.findings[row];
            texts.append_value(if findings.is_empty() { String::new() } else { findings.to_text() });
        }
        Arc::new(texts.finish())
    }

    /// Iterates over the row numbers in the order of the natural key.
    fn rows(&self) -> impl Iterator<Item = usize> {
        let order = self.order.as_ref().map(|order| order.values().as_ref());
        (0..self.len()).map(move |row| order.map_or(row, |order: &[u32]| order[row] as usize))
    }
}
