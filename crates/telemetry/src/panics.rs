//! A panic is a log line like any other, with the ids of its span.

use std::panic;

use tracing::error;

/// Logs every panic of the process instead of printing it beside the log.
pub(crate) fn log() {
    panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("not a text");
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        error!(panic = text, location, "panicked");
    }));
}
