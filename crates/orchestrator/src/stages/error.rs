//! How a call to a stage ends when it does not end well, and what that means for the run.

use champion_service::ErrorKind;
use thiserror::Error;
use tonic::{Code, Status};

use crate::vocabulary::Stage;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The stage cannot be reached: not up yet, killed, being restarted. It is waited for.
    Away,
    /// The stage says that what it needs is not there, or the deadline passed. It is asked a few times.
    Busy,
    /// The stage answered, and asking the same again gives the same.
    Answered(ErrorKind),
    /// The stage's answer does not fit the question.
    BadAnswer,
    /// The stage works for the orchestrator of another epoch.
    Superseded(u64),
    /// The orchestrator is stopping; nothing is wrong with the step.
    Stopped,
}

/// A call to a stage that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{stage} failed: {message}")]
pub(crate) struct StageError {
    pub(crate) stage: Stage,
    pub(crate) trouble: Trouble,
    pub(crate) message: String,
}

impl StageError {
    /// Tells whether the trouble belongs to one of the artifacts in the request, so that the others can do without it.
    pub(crate) const fn is_about_an_artifact(&self) -> bool {
        match self.trouble {
            Trouble::Answered(_) | Trouble::BadAnswer => true,
            Trouble::Away | Trouble::Busy | Trouble::Superseded(_) | Trouble::Stopped => false,
        }
    }

    /// Tells whether the stage misses what the stage before it made.
    pub(crate) fn misses_its_input(&self) -> bool {
        self.trouble == Trouble::Answered(ErrorKind::NotFound)
    }
}

/// Message of the client's own timeout in `tonic`, which comes as CANCELLED.
const TIMEOUT_EXPIRED: &str = "Timeout expired";

/// How every stage's refusal of an older epoch begins; the lake words it.
const SUPERSEDED: &str = "superseded by orchestrator epoch ";

/// Reads the newer epoch from a stage's refusal.
fn superseded_by(status: &Status) -> Option<u64> {
    let rest = status.message().split_once(SUPERSEDED)?.1;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Reads the trouble from a status.
///
/// A status with a source was made on this side of the wire: the stage never answered. UNKNOWN is what a connection that
/// broke in the middle of a call comes out as.
pub(crate) fn trouble_of(status: &Status) -> Trouble {
    match status.code() {
        Code::DeadlineExceeded => Trouble::Busy,
        Code::Cancelled if status.message().contains(TIMEOUT_EXPIRED) => Trouble::Busy,
        Code::Unknown | Code::Cancelled => Trouble::Away,
        Code::FailedPrecondition if let Some(epoch) = superseded_by(status) => Trouble::Superseded(epoch),
        _ if std::error::Error::source(status).is_some() => Trouble::Away,
        code => match ErrorKind::from_code(code) {
            ErrorKind::Unavailable | ErrorKind::Deadline => Trouble::Busy,
            kind @ (ErrorKind::Invalid
            | ErrorKind::NotFound
            | ErrorKind::Corrupt
            | ErrorKind::Precondition
            | ErrorKind::Internal) => Trouble::Answered(kind),
        },
    }
}

/// Says what happened, for people: the innermost cause of a broken connection, else the stage's own words.
pub(crate) fn message_of(status: &Status) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(status);
    let mut innermost = status.message().to_owned();
    while let Some(error) = cause {
        innermost = error.to_string();
        cause = error.source();
    }
    if innermost.is_empty() { status.code().description().to_owned() } else { innermost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_a_stage_has_its_meaning() {
        let meaning = |code| trouble_of(&Status::new(code, "so it is"));
        assert_eq!(meaning(Code::Unavailable), Trouble::Busy);
        assert_eq!(meaning(Code::DeadlineExceeded), Trouble::Busy);
        assert_eq!(meaning(Code::NotFound), Trouble::Answered(ErrorKind::NotFound));
        assert_eq!(meaning(Code::DataLoss), Trouble::Answered(ErrorKind::Corrupt));
        assert_eq!(meaning(Code::Internal), Trouble::Answered(ErrorKind::Internal));
        assert_eq!(meaning(Code::Unknown), Trouble::Away);
        let refused = Status::failed_precondition("superseded by orchestrator epoch 12: this is for epoch 11");
        assert_eq!(trouble_of(&refused), Trouble::Superseded(12));
    }

    #[test]
    fn a_connection_that_is_refused_means_the_stage_is_away() {
        let status = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)));
        assert_eq!(trouble_of(&status), Trouble::Away);
        assert_eq!(message_of(&status), "connection refused");
    }
}
