//! What can be wrong with a message.

use thiserror::Error;

/// A message that cannot be taken as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// A field that has to be there is not.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field holds something that is not of its kind.
    #[error("field {field} is invalid: {reason}")]
    Invalid {
        /// The field's name.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl From<WireError> for tonic::Status {
    fn from(error: WireError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}
