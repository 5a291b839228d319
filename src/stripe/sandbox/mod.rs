//! The stand-in for Stripe: the shop works from end to end without an account, and tests have a Stripe at the wire.
//!
//! It answers Stripe's API shapes for the calls the client makes, shows a payment page of its own, and sends signed webhooks, from a
//! listener of its own, so that the shop's code takes the same path as with the real one. No money moves.
//!
//! `till` knows what is paid, `journal` keeps it through restarts, `api` and `page` are its two faces, `courier` carries the webhooks,
//! `server` listens, and `mishap` lets tests break each exchange in every way a network can.

mod api;
mod courier;
mod form;
mod journal;
mod list;
mod mishap;
mod page;
mod server;
mod shape;
mod till;
mod words;

#[cfg(test)]
mod tests;

pub use mishap::{Call, Cut, Faults, Mishap};
pub use till::Action;

use crate::kernel::{Fault, Moment};
use serde_json::Value;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};
use till::Till;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Keys for one run of the sandbox, made anew at each start: nothing outside the process ever needs them.
#[derive(Clone)]
pub struct Secrets {
    pub secret_key: String,
    pub webhook_secret: String,
}

impl Secrets {
    pub fn random() -> Result<Secrets, Fault> {
        Ok(Secrets {
            secret_key: format!("sk_test_sandbox{}", shape::token(32)?),
            webhook_secret: format!("whsec_{}", shape::token(32)?),
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

pub(crate) type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// How the sandbox is run.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Under which the browser reaches the payment page; `http://<listen>` when empty.
    pub public_base: String,
    /// What survives a restart. Its folder must exist.
    pub state_file: PathBuf,
    pub secrets: Secrets,
    /// Where webhooks go; none are sent while it is `None`.
    pub webhook_url: Option<String>,
    pub now: Now,
}

impl SandboxConfig {
    pub fn new(
        listen: SocketAddr,
        state_file: impl Into<PathBuf>,
        secrets: Secrets,
        now: impl Fn() -> Moment + Send + Sync + 'static,
    ) -> Self {
        Self {
            listen,
            public_base: String::new(),
            state_file: state_file.into(),
            secrets,
            webhook_url: None,
            now: Arc::new(now),
        }
    }

    pub fn public_base(mut self, url: impl Into<String>) -> Self {
        self.public_base = url.into();
        self
    }

    pub fn webhook_url(mut self, url: impl Into<String>) -> Self {
        self.webhook_url = Some(url.into());
        self
    }
}

/// A running sandbox. Dropping it stops it without waiting; [`Sandbox::stop`] lets requests under way end.
pub struct Sandbox {
    addr: SocketAddr,
    till: Arc<Till>,
    faults: Faults,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Opens the state file, binds the listener, and serves until stopped.
    ///
    /// # Errors
    /// The address is taken, or the state file cannot be read or written.
    pub async fn start(config: SandboxConfig) -> Result<Sandbox, Fault> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let base = match config.public_base.trim_end_matches('/') {
            "" => format!("http://{addr}"),
            base => base.to_owned(),
        };
        let faults = Faults::default();
        let till = Arc::new(Till::open(base, &config)?);
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(server::serve(listener, till.clone(), faults.clone(), stopped.clone())),
            tokio::spawn(courier::carry(till.clone(), stopped)),
        ];
        Ok(Sandbox { addr, till, faults, stop, tasks })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address without a slash at the end: `stripe.api_base` for the client, and the origin of the payment page.
    pub fn base(&self) -> &str {
        self.till.base()
    }

    /// Changes where webhooks go. `None` keeps them back until there is an address again.
    pub fn deliver_to(&self, url: Option<String>) {
        self.till.deliver_to(url);
    }

    /// No new requests; those under way have a second to end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has nothing left to stop.
            let _ = task.await;
        }
    }

    /// How to make the wire fail, for tests.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Does what a button of the payment page does, and gives the address the browser would be sent to.
    ///
    /// # Errors
    /// There is no such session, or its state does not allow the action.
    pub fn act(&self, session: &str, action: Action) -> Result<String, Fault> {
        self.till.act(session, action).map_err(|problem| Fault::Remote(format!("sandbox: {problem:?}")))
    }

    /// Ends a refund that is waiting, or takes back one that seemed done (`ok` false), as a bank does days later.
    pub fn settle_refund(&self, refund: &str, ok: bool) -> Result<(), Fault> {
        self.till.settle_refund(refund, ok).map_err(|problem| Fault::Remote(format!("sandbox: {problem:?}")))
    }

    /// The customer's bank disputes the payment of a session. Gives the dispute's id.
    pub fn dispute(&self, session: &str) -> Result<String, Fault> {
        let disputed = self.till.work(|work| work.dispute(session));
        disputed.map_err(|problem| Fault::Remote(format!("sandbox: {problem:?}")))
    }

    /// Ends a dispute.
    pub fn close_dispute(&self, dispute: &str, won: bool) -> Result<(), Fault> {
        let closed = self.till.work(|work| work.close_dispute(dispute, won));
        closed.map_err(|problem| Fault::Remote(format!("sandbox: {problem:?}")))
    }

    /// Gives back a part of a session's money, as somebody does in Stripe's dashboard. Gives the refund's id.
    pub fn refund(&self, session: &str, amount: i64) -> Result<String, Fault> {
        let made = self.till.work(|work| work.refund_session(session, amount));
        made.map_err(|problem| Fault::Remote(format!("sandbox: {problem:?}")))
    }

    /// Every event so far, oldest first, as it is sent.
    pub fn events(&self) -> Vec<Value> {
        self.till.events()
    }

    /// Lets the clock's changes take effect: sessions and vouchers lapse, refunds arrive. Also happens by itself, and before every request.
    pub fn tick(&self) -> Result<(), Fault> {
        self.till.tick()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}
