//! The dialogue with a mail server (RFC 5321). Led step by step, so that it is known whether a letter can have been taken when
//! the connection breaks: before the last step certainly not, after it nobody knows.

use super::address::{Protection, Server};
use super::{Outcome, Reason, Trouble};
use crate::kernel::failpoint;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use std::future::Future;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a server is waited for.
#[derive(Clone, Copy)]
pub struct Patience {
    pub connect: Duration,
    pub command: Duration,
    /// A server may look through a letter before it answers.
    pub letter: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(20), command: seconds(30), letter: seconds(60) }
    }
}

/// Connections kept for the next letter.
const MAX_IDLE: usize = 2;

pub struct Smtp {
    server: Server,
    patience: Patience,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl Smtp {
    pub fn new(server: Server) -> Self {
        Smtp::patient(server, Patience::default())
    }

    pub fn patient(server: Server, patience: Patience) -> Self {
        Smtp { server, patience, idle: Mutex::default() }
    }

    pub async fn send(&self, envelope: &Envelope, letter: &[u8]) -> Result<(), Trouble> {
        let mut connection = self.connection().await?;
        if let Err(trouble) = within(self.patience.command, announce(&mut connection, envelope)).await {
            self.leave(&mut connection).await;
            return Err(trouble);
        }
        failpoint::reached("mail.announced");
        let answered = tokio::time::timeout(self.patience.letter, connection.message(letter)).await;
        let trouble = match answered {
            Ok(Ok(_)) => {
                failpoint::reached("mail.taken");
                let mut idle = self.idle.lock().await;
                if idle.len() < MAX_IDLE {
                    idle.push(connection);
                } else {
                    drop(idle);
                    let _ = tokio::time::timeout(Duration::from_secs(5), connection.quit()).await;
                }
                return Ok(());
            }
            Ok(Err(error)) if error.is_permanent() => Trouble::new(Outcome::Refused, Reason::Refused, told(&error)),
            Ok(Err(error)) if error.is_transient() => Trouble::new(Outcome::Later, Reason::Busy, told(&error)),
            Ok(Err(error)) => Trouble::new(Outcome::Unknown, Reason::Silent, told(&error)),
            Err(_) => Trouble::new(Outcome::Unknown, Reason::Silent, "no answer to the letter in time"),
        };
        self.leave(&mut connection).await;
        Err(trouble)
    }

    /// Says goodbye, which a server that has fallen silent will not answer either.
    async fn leave(&self, connection: &mut AsyncSmtpConnection) {
        let _ = tokio::time::timeout(self.patience.command.min(Duration::from_secs(5)), connection.abort()).await;
    }

    /// Connects, logs in and says which server that was.
    pub async fn reach(&self) -> Result<String, Trouble> {
        let mut connection = self.connect().await?;
        let lock = if connection.is_encrypted() { "encrypted" } else { "not encrypted" };
        let _ = tokio::time::timeout(Duration::from_secs(5), connection.quit()).await;
        Ok(format!("{}:{} answers ({lock})", self.server.host, self.server.port))
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Trouble> {
        loop {
            let Some(mut idle) = self.idle.lock().await.pop() else { return self.connect().await };
            // Servers hang up on the quiet, so an old connection is asked before it is trusted with a letter.
            let alive = tokio::time::timeout(Duration::from_secs(5), idle.test_connected()).await;
            if alive == Ok(true) {
                return Ok(idle);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Trouble> {
        let (server, patience) = (&self.server, self.patience);
        let hello = server.hello.clone().map_or_else(ClientId::default, ClientId::Domain);
        let tls = || TlsParameters::new(server.host.clone()).map_err(|error| at_connecting(&error));
        let wrapped = (server.protection == Protection::Wrapped).then(tls).transpose()?;
        let opened = AsyncSmtpConnection::connect_tokio1(
            (server.host.as_str(), server.port),
            Some(patience.connect),
            &hello,
            wrapped,
            None,
        );
        let mut connection =
            within(patience.connect * 2, async { opened.await.map_err(|error| at_connecting(&error)) }).await?;
        let wants_tls = match server.protection {
            Protection::Required => true,
            Protection::Offered => connection.can_starttls(),
            Protection::Wrapped | Protection::Never => false,
        };
        if wants_tls {
            let upgraded = connection.starttls(tls()?, &hello);
            within(patience.connect, async {
                upgraded.await.map_err(|error| Trouble::new(Outcome::Later, Reason::Encryption, told(&error)))
            })
            .await?;
        }
        if let Some((name, password)) = &server.log_in {
            let in_the_clear =
                !connection.is_encrypted() && !server.is_local() && server.protection != Protection::Never;
            if in_the_clear {
                self.leave(&mut connection).await;
                let answer = "the server offers no encryption, so the password was not sent";
                return Err(Trouble::new(Outcome::Later, Reason::Encryption, answer));
            }
            let credentials = Credentials::new(name.clone(), password.clone());
            let answered = within(patience.command, async {
                connection.auth(DEFAULT_MECHANISMS, &credentials).await.map(drop).map_err(|error| {
                    let reason = match error.is_permanent() || error.is_client() {
                        true => Reason::LogIn,
                        false => Reason::Busy,
                    };
                    Trouble::new(Outcome::Later, reason, told(&error))
                })
            });
            answered.await?;
        }
        Ok(connection)
    }
}

/// Sender, recipient, and the wish to send. Nothing has been handed over when this fails.
async fn announce(connection: &mut AsyncSmtpConnection, envelope: &Envelope) -> Result<(), Trouble> {
    connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await.map_err(|error| before_letter(&error))?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| before_letter(&error))?;
    }
    connection.command(Data).await.map_err(|error| before_letter(&error))?;
    Ok(())
}

fn before_letter(error: &Error) -> Trouble {
    let answer = told(error);
    // 530, 535 and 538 speak about us, not about the letter: the owner can cure them, and the letter then goes out.
    let about_us = ["530", "535", "538"].iter().any(|code| answer.starts_with(code));
    match error {
        _ if about_us => Trouble::new(Outcome::Later, Reason::LogIn, answer),
        error if error.is_permanent() => Trouble::new(Outcome::Refused, Reason::Refused, answer),
        error if error.is_transient() => Trouble::new(Outcome::Later, Reason::Busy, answer),
        _ => Trouble::new(Outcome::Later, Reason::Unreachable, answer),
    }
}

fn at_connecting(error: &Error) -> Trouble {
    let reason = if error.is_tls() {
        Reason::Encryption
    } else if error.is_permanent() || error.is_transient() {
        Reason::Busy
    } else {
        Reason::Unreachable
    };
    Trouble::new(Outcome::Later, reason, told(error))
}

/// Everything before the letter itself may be cut short without harm.
async fn within<T>(time: Duration, step: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    match tokio::time::timeout(time, step).await {
        Ok(result) => result,
        Err(_) => Err(Trouble::new(Outcome::Later, Reason::Unreachable, "no answer in time")),
    }
}

/// The server's own line with its code, or what the network said.
fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    match (error.status(), source) {
        (Some(code), Some(text)) => format!("{code} {text}"),
        (Some(code), None) => code.to_string(),
        (None, Some(text)) => text,
        (None, None) => error.to_string(),
    }
}
