//! What can go wrong with the lake.

use champion_market_data::Sha256;
use champion_market_data::artifact::Disbelief;
use thiserror::Error;

/// A failed operation on the lake.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The place of the lake cannot be used.
    #[error("cannot open the lake at {place}: {reason}")]
    Open {
        /// The configured place.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing under the key.
    #[error("{key} is not in the lake")]
    NotFound {
        /// The key.
        key: String,
    },
    /// The bytes are not those the reference names: a flipped bit or a foreign file.
    #[error(
        "{key} does not match its reference: expected {expected_bytes} bytes with sha256 {expected}, found {found_bytes} bytes with sha256 {found}"
    )]
    Corrupt {
        /// The key.
        key: String,
        /// Hash of the reference.
        expected: Sha256,
        /// Length of the reference.
        expected_bytes: u64,
        /// Hash of the bytes.
        found: Sha256,
        /// Length of the bytes.
        found_bytes: u64,
    },
    /// Facts, a report or a manifest that cannot be true: of something else than its key, or of a time that cannot be.
    #[error(
        "{key} is not believed: {reason}; have it moved aside (`champion verify --repair`) and run the session again"
    )]
    Unbelievable {
        /// The key.
        key: String,
        /// What is wrong.
        reason: Disbelief,
    },
    /// A create-once key holds other bytes.
    #[error("{key} exists with other bytes and is never rewritten")]
    Conflict {
        /// The key.
        key: String,
    },
    /// Another process wrote in the meantime, or the turn was lost; trying again helps.
    #[error("{key} was changed by another process in the meantime")]
    Raced {
        /// The key.
        key: String,
    },
    /// The call was made for an orchestrator that leads no longer.
    #[error("superseded by orchestrator epoch {epoch}: this is for epoch {token}")]
    Superseded {
        /// The epoch it was made for.
        token: u64,
        /// The newest one.
        epoch: u64,
    },
    /// The store failed: no space, no permission, an input or output error.
    #[error("cannot {action} {key}: {}", cause(source))]
    Store {
        /// `read`, `write`, `list`, `delete`, `lock` or `name`.
        action: &'static str,
        /// The key.
        key: String,
        /// The store's error.
        source: object_store::Error,
    },
}

/// What an error means to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeErrorKind {
    /// The configuration or the key is wrong; trying again does not help.
    Invalid,
    /// The bytes are not there.
    NotFound,
    /// The bytes are there and wrong.
    Corrupt,
    /// The store failed; trying again may help.
    Unavailable,
    /// Another orchestrator leads; the caller must not go on.
    Superseded,
}

/// Says the innermost cause: the layers above it repeat the key as a path and name the store's own calls.
fn cause(error: &object_store::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = without_body(innermost.to_string());
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        // A sentence of the operating system; an abbreviation keeps its letters.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(std::iter::once(second)).chain(letters).collect()
        }
        _ => text,
    }
}

/// Keeps the code of an object store's answer and drops the rest of it: a store repeats the request it refused, with the
/// caller's key and token.
fn without_body(text: String) -> String {
    let Some((head, body)) = text.split_once('<') else { return text };
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    format!("{head}{code}").trim_end_matches([':', ' ']).to_owned()
}

impl LakeError {
    /// Returns what the error means to the caller.
    #[must_use]
    pub const fn kind(&self) -> LakeErrorKind {
        match self {
            Self::Open { .. } => LakeErrorKind::Invalid,
            Self::NotFound { .. } => LakeErrorKind::NotFound,
            Self::Corrupt { .. } | Self::Conflict { .. } | Self::Unbelievable { .. } => LakeErrorKind::Corrupt,
            Self::Store { .. } | Self::Raced { .. } => LakeErrorKind::Unavailable,
            Self::Superseded { .. } => LakeErrorKind::Superseded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_repeats_of_a_refused_request_is_told_to_nobody() {
        let answer = "403 Forbidden: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>";
        assert_eq!(without_body(answer.to_owned()), "403 Forbidden: SignatureDoesNotMatch");
        assert_eq!(without_body("500: <html>AKIA</html>".to_owned()), "500");
        assert_eq!(without_body("no space left".to_owned()), "no space left");
    }
}
