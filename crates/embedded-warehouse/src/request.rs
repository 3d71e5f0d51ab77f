//! A request, as the HTTP side understood it.

use crate::engine::Parameters;

/// Everything a request says besides its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) query_id: String,
    /// The part of the statement that stands in the URL or in a form.
    pub(crate) query: String,
    pub(crate) database: Option<String>,
    pub(crate) default_format: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) parameters: Parameters,
    pub(crate) session: Option<SessionRequest>,
    /// Only reading is allowed: the method was GET or HEAD.
    pub(crate) read_only: bool,
    /// The answer is wanted whole, with its final summary (`wait_end_of_query`).
    pub(crate) whole_answer: bool,
    pub(crate) body_coding: BodyCoding,
    pub(crate) answer_coding: AnswerCoding,
}

/// The session a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRequest {
    pub(crate) id: String,
    pub(crate) timeout_seconds: u64,
    /// The session has to exist already.
    pub(crate) must_exist: bool,
    /// The session ends with this request.
    pub(crate) close: bool,
}

/// How a body is packed: a content encoding, and ClickHouse's own blocks inside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BodyCoding {
    pub(crate) encoding: Option<Encoding>,
    pub(crate) native_blocks: bool,
}

/// How an answer is to be packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AnswerCoding {
    #[default]
    Plain,
    /// ClickHouse's own blocks (`compress=1`).
    NativeBlocks,
    Encoded(Encoding),
}

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Deflate,
    Zstd,
    Lz4,
}

impl Encoding {
    /// Every encoding, the preferred one first.
    pub(crate) const ALL: [Self; 4] = [Self::Zstd, Self::Lz4, Self::Gzip, Self::Deflate];

    /// Returns the name in HTTP headers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// Finds an encoding by its name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|encoding| name.eq_ignore_ascii_case(encoding.as_str()))
    }
}
