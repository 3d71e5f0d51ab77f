//! One request on a thread of the pool: read the statement, check it, run it, hand out the answer.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

use crate::answer::{Answer, Head, Outlet};
use crate::body::BodyReader;
use crate::coding::{Limited, decoder};
use crate::engine::{Connection, Counts, Engine, Marked};
use crate::exception::{Code, Exception};
use crate::format::{Streaming, streaming};
use crate::metrics::{Metrics, Outcome};
use crate::pool::Ticket;
use crate::request::Request;
use crate::session::Sessions;
use crate::settings;
use crate::sql::{Kind, Parsed, Statement, ValuesGuard, parse};

/// What every request uses.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sessions: Sessions,
    pub(crate) metrics: Metrics,
    pub(crate) query_bytes: usize,
    pub(crate) decoded_bytes: u64,
    pub(crate) answer_bytes: u64,
    pub(crate) idle: Duration,
    pub(crate) runtime: Handle,
}

/// One request, ready to run.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) body: BodyReader,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) tag: String,
    pub(crate) reply: oneshot::Sender<Result<Answer, Exception>>,
    pub(crate) span: Span,
}

/// Size of the pieces in which an insert's data goes to the engine.
const PIECE: usize = 1024 * 1024;
/// Size of the steps in which the text of a statement is looked for.
const STEP: usize = 64 * 1024;

impl Job {
    /// Runs the request to its end.
    pub(crate) fn run(self, shared: &Shared) {
        let started = Instant::now();
        let Self { request, body, ticket, tag, reply, span } = self;
        let _entered = span.enter();
        let mut outlet = Outlet::new(reply, Arc::clone(&ticket), &request, tag, shared);
        let mut kind = Kind::Other;
        let result = ticket.check().and_then(|()| {
            let mut run =
                Run { request: &request, ticket: &ticket, shared, outlet: &mut outlet, kind: &mut kind, started };
            run.run(body)
        });
        let outcome = match &result {
            Ok(()) => Outcome::Ok,
            Err(_) if ticket.is_cancelled() => Outcome::Cancelled,
            Err(error) => Outcome::of(error.code()),
        };
        // Counted before the answer's last byte, so that a client that has its answer finds it counted.
        shared.metrics.finished(kind, outcome, started.elapsed());
        if let Err(error) = result.and_then(|()| outlet.complete()) {
            span.record("error.type", error.code().number());
            span.record("otel.status_code", "ERROR");
            tracing::debug!(%error, query_id = request.query_id, "statement failed");
            outlet.fail(error);
        }
    }
}

struct Run<'a, 'o> {
    request: &'a Request,
    ticket: &'a Ticket,
    shared: &'a Shared,
    outlet: &'a mut Outlet<'o>,
    kind: &'a mut Kind,
    started: Instant,
}

impl Run<'_, '_> {
    fn run(&mut self, body: BodyReader) -> Result<(), Exception> {
        let coded = decoder(body, self.request.body_coding).map_err(from_io)?;
        let mut data = Limited::new(coded, self.shared.decoded_bytes);
        let (statement, first) = self.read_statement(&mut data)?;
        *self.kind = statement.kind;
        self.describe(&statement);
        settings::check_method(self.request, &statement)?;
        self.shared.engine.guard().check(&statement.sql, &self.request.parameters)?;
        let shared = self.shared;
        match &self.request.session {
            Some(session) => shared.sessions.with(&shared.engine, session, |connection| {
                let undo = settings::apply_for_now(connection, self.request)?;
                let result = self.on(connection, &statement, first, &mut data);
                self.ticket.runs_on(None);
                let undone = undo.undo(connection);
                result.and(undone)
            }),
            None => {
                let mut connection = shared.engine.take()?;
                let bounded = statement.kind == Kind::Select && way(self.request, &statement).1.is_none();
                if bounded {
                    settings::bound_answer(&mut connection, shared.answer_bytes)?;
                }
                let changed = settings::apply(&mut connection, self.request)?;
                let clean = !(bounded || changed || statement.changes_session);
                let result = self.on(&mut connection, &statement, first, &mut data);
                // Before the connection is another's: what stops statements must not find it through this request.
                self.ticket.runs_on(None);
                if clean && result.is_ok() {
                    shared.engine.give_back(connection);
                }
                result
            }
        }
    }

    fn describe(&self, statement: &Statement) {
        let span = Span::current();
        span.record("db.operation.name", statement.kind.as_str());
        if let Some(table) = &statement.table {
            span.record("db.collection.name", table);
        }
    }

    /// Reads as much of the body as the statement's text takes; returns it and the data that came with it.
    fn read_statement(&self, data: &mut impl Read) -> Result<(Statement, Vec<u8>), Exception> {
        let mut text = self.request.query.clone().into_bytes();
        if !text.is_empty() {
            text.push(b'\n');
        }
        loop {
            match parse(&text, false)? {
                Parsed::Insert(statement, at) => return Ok((statement, text.split_off(at))),
                Parsed::Whole(statement) => return Ok((statement, Vec::new())),
                Parsed::Incomplete => {}
            }
            let before = text.len();
            data.by_ref().take(STEP as u64).read_to_end(&mut text).map_err(from_io)?;
            if text.len() == before {
                break;
            }
            if text.len() > self.shared.query_bytes + STEP {
                break;
            }
        }
        if text.len() > self.shared.query_bytes {
            let text = format!("The query is longer than limits.query_bytes = {}", self.shared.query_bytes);
            return Err(Exception::new(Code::QUERY_IS_TOO_LARGE, text));
        }
        match parse(&text, true)? {
            Parsed::Insert(statement, at) => Ok((statement, text.split_off(at))),
            Parsed::Whole(statement) => Ok((statement, Vec::new())),
            Parsed::Incomplete => Err(Exception::new(Code::SYNTAX_ERROR, "Syntax error: the query has no end")),
        }
    }

    fn on(
        &mut self,
        marked: &mut Marked,
        statement: &Statement,
        first: Vec<u8>,
        data: &mut impl Read,
    ) -> Result<(), Exception> {
        self.ticket.runs_on(Some(&marked.marker));
        self.ticket.check()?;
        let connection = &mut marked.connection;
        if statement.takes_data {
            return self.insert(connection, statement, first, data);
        }
        match way(self.request, statement) {
            (format, Some(way)) => self.stream(connection, statement, format, way),
            (format, None) => {
                let result = connection.query(&statement.sql, format, &self.request.parameters)?;
                let counts = result.counts();
                self.outlet.whole(self.head(format, counts), Bytes::from_owner(result))
            }
        }
    }

    fn head(&self, format: &str, counts: Counts) -> Head {
        Head { format: format.to_owned(), counts, elapsed: self.started.elapsed() }
    }

    fn stream(
        &mut self,
        connection: &mut Connection,
        statement: &Statement,
        format: &str,
        way: Streaming,
    ) -> Result<(), Exception> {
        let mut stream = connection.stream(&statement.sql, format, &self.request.parameters)?;
        let mut header: Option<usize> = None;
        while let Some(block) = stream.next()? {
            self.ticket.check()?;
            let counts = block.counts();
            let mut bytes = Bytes::from_owner(block);
            // Every block is a document of its own: keep the first header and drop the others.
            match header {
                None => header = Some(way.header(&bytes)?),
                Some(length) => {
                    let _ = bytes.split_to(length.min(bytes.len()));
                }
            }
            self.outlet.block(format, counts, bytes, self.started)?;
        }
        self.outlet.end(format, self.started);
        Ok(())
    }

    fn insert(
        &mut self,
        connection: &mut Connection,
        statement: &Statement,
        first: Vec<u8>,
        data: &mut impl Read,
    ) -> Result<(), Exception> {
        let format = statement.format.as_deref().unwrap_or("Values");
        let mut values = format.eq_ignore_ascii_case("Values").then(ValuesGuard::default);
        let guard = self.shared.engine.guard();
        let mut insert = connection.insert(&statement.sql, format, &self.request.parameters)?;
        let mut piece = first;
        loop {
            let mut last = false;
            if piece.len() < PIECE {
                let missing = PIECE - piece.len();
                let got = data.by_ref().take(missing as u64).read_to_end(&mut piece).map_err(from_io)?;
                last = got < missing;
            }
            self.ticket.check()?;
            if let Some(values) = &mut values {
                values.check(guard, &piece, last)?;
            }
            if !piece.is_empty() {
                insert.append(&piece)?;
            }
            if last {
                break;
            }
            piece.clear();
        }
        let counts = insert.finish()?;
        self.shared.metrics.inserted(counts.written_rows);
        Span::current().record("db.operation.batch.size", counts.written_rows);
        self.outlet.whole(self.head(format, counts), Bytes::new())
    }
}

/// Returns the format of a statement's answer, and how it is streamed; an answer that is not is kept whole.
fn way<'s>(request: &'s Request, statement: &'s Statement) -> (&'s str, Option<Streaming>) {
    let format = statement.format.as_deref().or(request.default_format.as_deref()).unwrap_or("TabSeparated");
    let may = statement.streams && !request.whole_answer && request.session.is_none();
    (format, streaming(format).filter(|_| may))
}

/// Takes the exception out of an error that passed through readers.
fn from_io(error: io::Error) -> Exception {
    match error.downcast::<Exception>() {
        Ok(exception) => exception,
        Err(error) => Exception::new(Code::INCORRECT_DATA, format!("Cannot read the request body: {error}")),
    }
}
