//! Log-in and log-out, one's own account, and `/admin/staff` for owners: what these have in common.

mod account;
mod log_in;
mod members;

pub use account::own_account;

use super::throttle::Throttle;
use super::{StaffId, StaffRow, password, sessions};
use crate::kernel::{Code, Fault, Message, Moment, Refusal, Result as Ruled};
use crate::shop::Shop;
use crate::web::{Role, Visit, cookie};
use axum::http::HeaderValue;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .merge(log_in::routes())
        .merge(account::routes())
        .merge(members::routes())
        .merge(super::second_factor::routes())
        .merge(sessions::web::routes())
}

/// What log-ins share: who has to wait, and how many passwords are looked at at once (each takes 19 MiB and a core).
#[derive(Clone)]
pub struct LogIns(Arc<(Throttle, Semaphore)>);

impl Default for LogIns {
    fn default() -> Self {
        LogIns(Arc::new((Throttle::default(), Semaphore::new(2))))
    }
}

impl LogIns {
    fn throttle(&self) -> &Throttle {
        &self.0.0
    }

    /// Hashes a password away from the threads that answer requests.
    ///
    /// # Errors
    /// A system without random bytes.
    pub async fn hash(&self, text: String) -> Result<String, Fault> {
        self.aside(move || password::hash(&text)).await?
    }

    async fn matches(&self, text: String, stored: Option<String>) -> Result<bool, Fault> {
        self.aside(move || password::matches(&text, stored.as_deref())).await
    }

    /// Whether this is the account's password; wrong ones make the next try wait.
    ///
    /// # Errors
    /// 422 naming `password`, 429 when it comes too soon.
    pub async fn check_password(&self, visit: &Visit, row: &StaffRow, password: String) -> Ruled<()> {
        if let Err(wait_s) = self.throttle().begin(&row.email, visit.caller.address, visit.now) {
            let words = Message::new("people.log_in_wait").with("seconds", wait_s);
            return Err(Refusal::because(Code::RateLimited, words).retry_after(wait_s).into());
        }
        if !self.matches(password, Some(row.password_hash.clone())).await? {
            return Err(Refusal::field("password", Message::new("people.password_wrong")).into());
        }
        self.throttle().succeeded(&row.email, visit.caller.address);
        Ok(())
    }

    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let _turn = self.0.1.acquire().await.map_err(|_| Fault::Stopping)?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Fault::bug(error.to_string()))
    }
}

/// A `Set-Cookie` value for the staff's own cookie.
pub fn staff_cookie(shop: &Shop, secret: &str) -> HeaderValue {
    cookie::set(cookie::STAFF, secret, sessions::MAX_DAYS * 86_400, "/", shop.is_https())
}

/// An account without its password.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Staff)]
pub struct StaffView {
    #[schema(value_type = String, format = Uuid)]
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub version: u64,
    pub created_at: Moment,
    pub last_log_in_at: Option<Moment>,
    /// A second factor is asked for after the password.
    pub second_factor: bool,
}

impl From<StaffRow> for StaffView {
    fn from(row: StaffRow) -> Self {
        StaffView {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            disabled: row.disabled,
            version: row.version,
            created_at: row.created_at,
            last_log_in_at: row.last_log_in_at,
            second_factor: row.second_factor.is_some(),
        }
    }
}
