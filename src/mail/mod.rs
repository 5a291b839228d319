//! Hands letters over: to a mail server, or as files into a folder while no server is set.
//!
//! May touch: kernel, store (to write files), the mail server. Knows no noun of the shop: what is said to whom stands elsewhere.
//! Begin with [`Mailer::send`].

mod address;
mod letter;
mod smtp;

pub use letter::Letter;

use crate::kernel::Fault;
use crate::store::files;
use address::Server;
use serde::{Deserialize, Serialize};
use smtp::Smtp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where letters go. Clones share one set of connections.
#[derive(Clone)]
pub enum Mailer {
    Smtp(Arc<Smtp>),
    /// One `.eml` file a letter (RFC 5322), which every mail program opens.
    Outbox(PathBuf),
}

/// What is known about a letter that was not simply taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Another try would be refused as well.
    Refused,
    /// Certainly not handed over; trying later may help.
    Later,
    /// The letter went out, but the server's answer did not come back.
    Unknown,
}

/// Why, in a word that the panel has a sentence for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An address or a header that cannot be written into a letter.
    Malformed,
    /// The server said no to this letter.
    Refused,
    /// The server said "not now".
    Busy,
    Unreachable,
    Encryption,
    LogIn,
    /// The connection broke after the letter was sent.
    Silent,
    Disk,
}

impl Reason {
    pub const ALL: [Reason; 8] = [
        Reason::Malformed,
        Reason::Refused,
        Reason::Busy,
        Reason::Unreachable,
        Reason::Encryption,
        Reason::LogIn,
        Reason::Silent,
        Reason::Disk,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::Refused => "refused",
            Reason::Busy => "busy",
            Reason::Unreachable => "unreachable",
            Reason::Encryption => "encryption",
            Reason::LogIn => "log_in",
            Reason::Silent => "silent",
            Reason::Disk => "disk",
        }
    }
}

/// A letter that was not simply taken. `answer` is the server's own line and may name the recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub outcome: Outcome,
    pub reason: Reason,
    pub answer: String,
}

impl Trouble {
    pub(self) fn new(outcome: Outcome, reason: Reason, answer: impl ToString) -> Trouble {
        let answer = answer.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        Trouble { outcome, reason, answer }
    }
}

impl Mailer {
    /// A mailer for `smtp_url`, or for the folder `outbox` without one.
    ///
    /// # Errors
    /// An address of a mail server that cannot be understood. The message does not quote it, since it may hold a password.
    pub fn new(smtp_url: Option<&str>, outbox: &Path) -> Result<Mailer, Fault> {
        match smtp_url {
            None => Ok(Mailer::Outbox(outbox.to_owned())),
            Some(url) => {
                let server = Server::parse(url).map_err(|why| Fault::Io(format!("`mail.smtp_url` {why}")))?;
                Ok(Mailer::Smtp(Arc::new(Smtp::new(server))))
            }
        }
    }

    /// Hands `letter` over. `Ok` means that the server took it, or that the file is on the disk.
    ///
    /// # Errors
    /// What is known about the letter then.
    pub async fn send(&self, letter: &Letter) -> Result<(), Trouble> {
        let message = letter.build()?;
        match self {
            Mailer::Smtp(smtp) => smtp.send(message.envelope(), &message.formatted()).await,
            Mailer::Outbox(folder) => {
                // The name follows from the letter, so that a repeated try replaces the file instead of adding one.
                let when = letter.date.to_string().replace([':', '-'], "").replace('.', "_");
                let name: String =
                    letter.message_id.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
                let written = files::make_folder(folder).and_then(|()| {
                    files::write_atomically(&folder.join(format!("{when}-{name}.eml")), &message.formatted(), 0o600)
                });
                written.map_err(|fault| Trouble::new(Outcome::Later, Reason::Disk, fault))
            }
        }
    }

    /// Connects and says who answered.
    ///
    /// # Errors
    /// Why nobody did, in words.
    pub async fn reach(&self) -> Result<String, String> {
        match self {
            Mailer::Outbox(folder) => Ok(format!("no mail server is set; mails are files in {}", folder.display())),
            Mailer::Smtp(smtp) => smtp.reach().await.map_err(|trouble| {
                let what = match trouble.reason {
                    Reason::LogIn => "the mail server does not take the name or the password",
                    Reason::Encryption => "no encrypted connection to the mail server could be made",
                    _ => "the mail server does not answer as it should",
                };
                format!("{what}: {}", trouble.answer)
            }),
        }
    }

    pub fn is_outbox(&self) -> bool {
        matches!(self, Mailer::Outbox(_))
    }
}

#[cfg(test)]
mod tests;
