//! What an error means to a caller, and its gRPC status.

use tonic::{Code, Status};

/// The closed set of meanings a service's error can have; it decides status, label and retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong; asking again does not help.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// Something needed is down or overloaded; asking again later may help.
    Unavailable,
    /// Stored bytes are not what their reference says.
    Corrupt,
    /// The system is not in the state the call needs.
    Precondition,
    /// A defect of the service.
    Internal,
    /// The time allowed is over.
    Deadline,
}

impl ErrorKind {
    /// Every kind, for the initialisation of metrics.
    pub const ALL: [Self; 7] = [
        Self::Invalid,
        Self::NotFound,
        Self::Unavailable,
        Self::Corrupt,
        Self::Precondition,
        Self::Internal,
        Self::Deadline,
    ];

    /// Returns its one spelling, in labels and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Precondition => "precondition",
            Self::Internal => "internal",
            Self::Deadline => "deadline",
        }
    }

    /// Returns the gRPC status code.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::Unavailable => Code::Unavailable,
            Self::Corrupt => Code::DataLoss,
            Self::Precondition => Code::FailedPrecondition,
            Self::Internal => Code::Internal,
            Self::Deadline => Code::DeadlineExceeded,
        }
    }

    /// Returns the kind a caller reads from a status code.
    #[must_use]
    pub const fn from_code(code: Code) -> Self {
        match code {
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Self::Invalid,
            Code::NotFound => Self::NotFound,
            Code::Unavailable | Code::ResourceExhausted | Code::Cancelled | Code::Aborted => Self::Unavailable,
            Code::DataLoss => Self::Corrupt,
            Code::FailedPrecondition | Code::AlreadyExists | Code::PermissionDenied | Code::Unauthenticated => {
                Self::Precondition
            }
            Code::DeadlineExceeded => Self::Deadline,
            Code::Ok | Code::Unknown | Code::Internal => Self::Internal,
        }
    }

    /// Tells whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Unavailable | Self::Deadline => true,
            Self::Invalid | Self::NotFound | Self::Corrupt | Self::Precondition | Self::Internal => false,
        }
    }

    /// Returns the gRPC status with a message for people.
    #[must_use]
    pub fn status(self, message: impl Into<String>) -> Status {
        Status::new(self.code(), message)
    }
}
