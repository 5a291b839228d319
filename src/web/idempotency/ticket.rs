//! What a request with a key carries to its handler, so that the answer can be stored with what it tells.

use super::{ANSWERS, Answer, Made, store};
use crate::kernel::{Code, Fault, Moment, Refusal};
use crate::store::WriteTx;
use crate::web::cookie;
use crate::web::visit::{RequestFacts, Visit};
use axum::http::response::Parts;
use axum::response::IntoResponse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// The key of one request and whose it is. Clones share whether it was used.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<Held>);

#[derive(Debug)]
struct Held {
    is_known: bool,
    key: (Uuid, String),
    fingerprint: String,
    until: Moment,
    new_session: Arc<Mutex<Option<cookie::Session>>>,
    used: AtomicBool,
}

impl Ticket {
    pub(super) fn new(
        known: Option<Uuid>,
        key: (Uuid, String),
        fingerprint: String,
        until: Moment,
        facts: &RequestFacts,
    ) -> Ticket {
        let new_session = facts.new_session.clone();
        Ticket(Arc::new(Held { is_known: known.is_some(), key, fingerprint, until, new_session, used: false.into() }))
    }

    /// The answer was committed together with what it tells.
    pub(super) fn is_used(&self) -> bool {
        self.0.used.load(Ordering::SeqCst)
    }

    fn session(&self) -> Option<cookie::Session> {
        self.0.new_session.lock().ok().and_then(|slot| *slot)
    }

    /// Who may have the answer again: the caller, and the session that a stranger's request opened.
    pub(super) fn owners(&self) -> Vec<Uuid> {
        let opened = self.session().filter(|_| !self.0.is_known).map(|session| session.id.0);
        std::iter::once(self.0.key.0).chain(opened).collect()
    }

    pub(super) fn answer(&self, parts: &Parts, body: &[u8]) -> Answer {
        Answer::new(&self.0.fingerprint, parts, body, self.session().map(|session| session.id))
    }

    pub(super) fn is_answered(&self, tx: &WriteTx) -> Result<bool, Fault> {
        ANSWERS.has(tx, &self.0.key)
    }

    pub(super) fn store(&self, tx: &WriteTx, answer: &Answer) -> Result<(), Fault> {
        store(tx, &self.owners(), &self.0.key.1, self.0.until, answer)
    }
}

impl Visit {
    /// Keeps what `made` gives as the answer to this request, in the transaction that makes it true: whoever sends the same key again
    /// is given it, whatever happens between the commit and the first answer. Without a key there is nothing to do. The handler then
    /// has to answer with the same [`Made`].
    ///
    /// # Errors
    /// Those of `made`, `idempotency_in_progress` when another request with this key was first, and a database that cannot be written.
    pub fn keep<E>(&self, tx: &WriteTx, made: impl FnOnce() -> Result<Made, E>) -> Result<(), E>
    where
        E: From<Fault> + From<Refusal>,
    {
        let Some(ticket) = self.ticket.clone() else { return Ok(()) };
        // A client that hangs up ends its request, but not a write that is under way: that one was first.
        if ticket.is_answered(tx)? {
            return Err(Refusal::new(Code::IdempotencyInProgress, "problem.idempotency_in_progress").into());
        }
        let made = made()?;
        let parts = made.clone().reply(self.face).into_response().into_parts().0;
        ticket.store(tx, &ticket.answer(&parts, made.body(self.face)))?;
        tx.after_commit(move || ticket.0.used.store(true, Ordering::SeqCst));
        Ok(())
    }
}
