//! Saying an error to a person, and choosing the exit code.

use tonic::Code;

use crate::exit::Exit;
use crate::render::harmless;

/// Returns the sentence for standard error, without anything a terminal would obey, and how the command ends.
#[must_use]
pub fn explain(error: &anyhow::Error) -> (String, Exit) {
    let (text, exit) = reason(error);
    (harmless(&text), exit)
}

fn reason(error: &anyhow::Error) -> (String, Exit) {
    if let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>()) {
        return match status.code() {
            // It does answer, and says who would do what was asked.
            Code::Unavailable if status.message().starts_with("this orchestrator stands by") => {
                (status.message().to_owned(), Exit::Unreachable)
            }
            Code::Unavailable | Code::DeadlineExceeded => {
                let reason =
                    format!("the stack does not answer ({}); is it up? start it with `champion up`", status.message());
                (reason, Exit::Unreachable)
            }
            Code::InvalidArgument => (status.message().to_owned(), Exit::Usage),
            _ => (status.message().to_owned(), Exit::Failed),
        };
    }
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<clickhouse::error::Error>()) {
        return match error {
            clickhouse::error::Error::Network(reason) => (
                format!("the warehouse does not answer ({reason}); is it up? start it with `champion up`"),
                Exit::Unreachable,
            ),
            other => (other.to_string(), Exit::Failed),
        };
    }
    (format!("{error:#}"), Exit::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_is_not_up_is_said_in_words() {
        let error = anyhow::Error::from(tonic::Status::unavailable("connection refused")).context("run");
        let (text, exit) = explain(&error);
        assert!(text.contains("is it up?"), "{text}");
        assert_eq!(exit, Exit::Unreachable);
    }

    #[test]
    fn a_request_that_makes_no_sense_is_a_usage_error() {
        let (text, exit) = explain(&tonic::Status::invalid_argument("field dataset is missing").into());
        assert_eq!((text.as_str(), exit), ("field dataset is missing", Exit::Usage));
    }
}
