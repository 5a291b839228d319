//! The commands of the command line, as one function over an open shop: the same whether the shop runs or not.

use crate::exports::model::Filters;
use crate::exports::{self, Encoding, Heads, Kind, Rows, Wish};
use crate::kernel::{Error, Fault, Lang, Moment};
use crate::people;
use crate::people::audit::{self, Actor, Entry};
use crate::shop::Shop;
use crate::store::WriteTx;
use crate::web::{Role, words};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// A command that needs the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    StaffAdd {
        email: String,
        name: String,
        role: Role,
        password: String,
    },
    StaffList,
    StaffResetPassword {
        email: String,
        password: String,
    },
    TokenAdd {
        name: String,
        role: Role,
    },
    Check {
        repair: bool,
    },
    StripeCheck,
    /// Through the socket the bytes come back, and whoever asked writes the file: with their rights, where they are.
    Backup {
        file: PathBuf,
    },
    /// As with a backup, whoever asked writes the file.
    Export {
        wish: ExportWish,
        file: PathBuf,
    },
    Reindex,
}

/// A CSV file as it is asked for on the command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportWish {
    pub kind: Kind,
    pub encoding: Encoding,
    pub rows: Rows,
    pub heads: Heads,
    pub filters: Filters,
}

impl ExportWish {
    /// # Errors
    /// A day or a state that cannot be read, a product that is not there.
    pub fn read(self, shop: &Shop) -> Result<Wish, Error> {
        let filters = exports::with_product(shop, self.filters)?;
        let wish = Wish::new(self.kind, self.encoding, self.rows, filters, &shop.settings())?;
        Ok(Wish { heads: self.heads, ..wish })
    }
}

/// What a command prints, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub code: u8,
}

impl Outcome {
    fn said(stdout: String) -> Outcome {
        Outcome { stdout, ..Outcome::default() }
    }

    pub fn failed(stderr: impl Into<String>) -> Outcome {
        Outcome { stderr: stderr.into(), code: 1, ..Outcome::default() }
    }
}

/// Carries out `command`.
pub async fn run(shop: &Shop, command: Command) -> Outcome {
    let done = match command {
        Command::StaffAdd { email, name, role, password } => {
            people::commands::add_staff(shop, &email, &name, role, &password).await.map(Outcome::said)
        }
        Command::StaffList => people::commands::list_staff(shop).map(Outcome::said),
        Command::StaffResetPassword { email, password } => {
            people::commands::reset_password(shop, &email, &password).await.map(Outcome::said)
        }
        Command::TokenAdd { name, role } => people::commands::add_token(shop, &name, role).await.map(|token| Outcome {
            stdout: format!("{token}\n"),
            stderr: "This token is shown only once. Send it as `Authorization: Bearer …`.\n".into(),
            code: 0,
        }),
        Command::Backup { file } => super::backup::command(shop, &file).await.map_err(Error::from),
        Command::Export { wish, file } => super::export::command(shop, wish, &file).await,
        Command::Check { repair } => super::check::run(shop, repair).await,
        Command::StripeCheck => {
            let (stdout, is_fine) = crate::payments::check_stripe(shop).await;
            Ok(Outcome { stdout, stderr: String::new(), code: u8::from(!is_fine) })
        }
        Command::Reindex => reindex(shop).await.map_err(Error::from),
    };
    done.unwrap_or_else(|error| Outcome::failed(format!("{}\n", tell(&error))))
}

/// Whoever may use the command line may do everything, so what they did is written down.
///
/// # Errors
/// A database that cannot be written.
pub fn record(tx: &WriteTx, action: &'static str, after: Value, at: Moment) -> Result<(), Fault> {
    let (target_type, target_id) = ("shop", "shop".to_owned());
    let (actor, before) = (Actor::command_line(), Value::Null);
    audit::record(tx, Entry { actor, action, target_type, target_id, before, after, at })?;
    Ok(())
}

async fn reindex(shop: &Shop) -> Result<Outcome, Fault> {
    let shop = shop.clone();
    let work = tokio::task::spawn_blocking(move || {
        let (products, orders) = (crate::catalog::reindex(&shop)?, crate::orders::finding::reindex(&shop)?);
        Ok(Outcome::said(format!(
            "The search index was rebuilt. Products in it: {products}. Orders in it: {orders}.\n"
        )))
    });
    work.await.map_err(|error| Fault::bug(error.to_string()))?
}

/// An error in one or two plain sentences.
pub fn tell(error: &Error) -> String {
    match error {
        Error::Refused(refusal) if refusal.errors.is_empty() => words::message(Lang::En, &refusal.detail),
        Error::Refused(refusal) => refusal
            .errors
            .iter()
            .map(|wrong| format!("{}: {}", wrong.field, words::message(Lang::En, &wrong.message)))
            .collect::<Vec<_>>()
            .join("\n"),
        Error::Faulted(Fault::Operator(text)) => text.clone(),
        Error::Faulted(fault) => format!("It did not work: {fault}."),
    }
}
