//! Doors to the readers of foreign bytes for the fuzz targets and nobody else; no part of the crate's contract.

use std::io::{self, Read};

use axum::body::Body;
use bytes::Bytes;

use crate::coding::{Encoder, Limited, decoder};
use crate::engine::Parameters;
use crate::http::request_of;
use crate::request::{AnswerCoding, BodyCoding, Encoding};
use crate::sql::{Guard, Lexer, Parsed, TokenKind, ValuesGuard, parse};

/// How a body is packed: a number that stands for each content encoding or none, and for native blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding(BodyCoding);

impl Coding {
    /// Codings there are.
    pub const COUNT: u8 = 10;

    /// Returns the coding of a number below [`Coding::COUNT`].
    #[must_use]
    pub fn of(number: u8) -> Self {
        let encoding = Encoding::ALL.get(usize::from(number / 2 % 5)).copied();
        Self(BodyCoding { encoding, native_blocks: number % 2 == 1 })
    }
}

/// Unpacks a body up to a number of bytes, as a request's body is.
///
/// # Errors
/// The refusal's text.
pub fn unpack(body: &[u8], coding: Coding, most: u64) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Limited::new(decoder(body, coding.0)?, most).read_to_end(&mut out)?;
        Ok(out)
    };
    read().map_err(|error| error.to_string())
}

/// Packs bytes as an answer is, first into native blocks and then into the content encoding.
#[must_use]
pub fn pack(data: &[u8], coding: Coding) -> Vec<u8> {
    let pass = |data: Vec<u8>, coding| -> io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(coding)?;
        let mut out = encoder.push(Bytes::from(data))?.to_vec();
        out.extend_from_slice(&encoder.finish()?);
        Ok(out)
    };
    let mut packed = data.to_vec();
    if coding.0.native_blocks {
        packed = pass(packed, AnswerCoding::NativeBlocks).expect("memory takes what is written");
    }
    match coding.0.encoding {
        Some(encoding) => pass(packed, AnswerCoding::Encoded(encoding)).expect("memory takes what is written"),
        None => packed,
    }
}

/// Reads what a request says in its URL and headers, within so many parameters; returns it as text, without the
/// query id, which is drawn where the request names none.
///
/// # Errors
/// The refusal's text.
pub fn request(http: &axum::http::Request<Body>, parameters: usize) -> Result<String, String> {
    let mut request = request_of(http, parameters).map_err(|error| error.to_string())?;
    request.query_id.clear();
    Ok(format!("{request:?}"))
}

/// A statement, as far as a reader of bytes tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, its kind and its format, for comparing.
    pub shown: String,
    /// Its text.
    pub sql: String,
    /// Where its data begins, when it is an insert with data.
    pub data_at: Option<usize>,
}

/// Reads a statement's text; `None` while it is too short to tell.
///
/// # Errors
/// The refusal's text.
pub fn statement(text: &[u8], complete: bool) -> Result<Option<Statement>, String> {
    let of = |statement: crate::sql::Statement, data_at| {
        Some(Statement { shown: format!("{statement:?}"), sql: statement.sql, data_at })
    };
    Ok(match parse(text, complete).map_err(|error| error.to_string())? {
        Parsed::Whole(statement) => of(statement, None),
        Parsed::Insert(statement, at) => of(statement, Some(at)),
        Parsed::Incomplete => None,
    })
}

/// Returns the borders of the tokens of a text, and whether each has its end.
#[must_use]
pub fn tokens(text: &[u8]) -> Vec<(std::ops::Range<usize>, bool)> {
    // The name as well: unquoting must not leave the token.
    let token = |token: crate::sql::Token<'_>| {
        let _ = token.name();
        (token.start..token.end(), token.kind != TokenKind::Unclosed)
    };
    Lexer::new(text).map(token).collect()
}

fn guard() -> Guard {
    Guard::new("file\nurl\nnumbers\nremote\nexecutable\ns3", "MergeTree\nFile\nExecutable\nAtomic\nMySQL", false)
}

/// Tells whether the guard lets a statement through whose parameter `f` has this value.
#[must_use]
pub fn admits(sql: &str, parameter: &str) -> bool {
    let mut parameters = Parameters::default();
    parameters.push("f".to_owned(), parameter.to_owned());
    guard().check(sql, &parameters).is_ok()
}

/// Tells whether the guard lets the data of `INSERT … VALUES` through when it comes in these pieces.
#[must_use]
pub fn admits_values(pieces: &[&[u8]]) -> bool {
    let (guard, mut values) = (guard(), ValuesGuard::default());
    pieces.iter().enumerate().all(|(at, piece)| values.check(&guard, piece, at + 1 == pieces.len()).is_ok())
}
