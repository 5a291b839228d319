//! What stops a piece of work: a rule's no, or trouble of the machine.

use super::{Fault, Refusal};

/// Either outcome that is not a success. Handlers turn it into a problem document, jobs into "retry" or "stop".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Refused(Refusal),
    Faulted(Fault),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::Faulted(fault)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Faulted(error.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Refused(refusal) => write!(f, "refused: {} ({})", refusal.code.name(), refusal.detail.key),
            Error::Faulted(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
