//! Trouble of the machine: the disk, the network, a broken row. Its text is for the log, never for a customer.

use std::{fmt, io};

/// Machine trouble. Jobs use [`Fault::is_lasting`] to decide whether trying again can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk has no room left for a write; nothing was changed.
    DiskFull,
    /// The database refused to read or write. It takes no more writes until the process starts again.
    Storage(String),
    /// A stored row or file is not what was written.
    Corrupt(String),
    /// A file could not be read or written.
    Io(String),
    /// Another machine did not answer as it should (mail server, Stripe). Trying later may help.
    Remote(String),
    /// More work is waiting than the machine takes; try again shortly.
    Busy,
    /// The shop is stopping.
    Stopping,
    /// Whoever runs the program has to do something first: whole sentences, shown on the terminal as they stand.
    Operator(String),
    /// A mistake in the program.
    Bug(String),
}

impl Fault {
    /// True when another attempt would end the same way.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Fault::Corrupt(_) | Fault::Operator(_) | Fault::Bug(_))
    }

    pub fn operator(text: impl Into<String>) -> Self {
        Fault::Operator(text.into())
    }

    pub fn bug(text: impl Into<String>) -> Self {
        Fault::Bug(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::DiskFull => write!(f, "the disk is full"),
            Fault::Storage(text) => write!(f, "database: {text}"),
            Fault::Corrupt(text) => write!(f, "damaged data: {text}"),
            Fault::Io(text) => write!(f, "file: {text}"),
            Fault::Remote(text) => write!(f, "remote: {text}"),
            Fault::Busy => write!(f, "too much work is waiting"),
            Fault::Stopping => write!(f, "the shop is stopping"),
            Fault::Operator(text) => f.write_str(text),
            Fault::Bug(text) => write!(f, "unexpected: {text}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::DiskFull,
            _ => Fault::Io(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Fault::Corrupt(format!("row: {error}"))
    }
}
