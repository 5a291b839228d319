//! What is paid and what is not: every change of a session, an intent, a charge or a refund, each with the events Stripe sends of it,
//! in Stripe's order.

use super::journal::{
    ChargeRow, Delivery, DisputeRow, Entry, EventRow, IntentRow, Journal, KeptRow, RefundRow, SessionRow, VoucherRow,
};
use super::{Now, SandboxConfig, shape};
use crate::kernel::{Fault, Moment};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How long a customer has to walk to the store.
const VOUCHER_LIFE_S: i64 = 3 * 86_400;
/// How long a konbini refund waits in the sandbox (at Stripe: until the customer has given bank details).
const REFUND_WAIT_S: i64 = 60;
/// Yen that can be paid at a convenience store.
pub(super) const KONBINI_RANGE: std::ops::RangeInclusive<i64> = 120..=300_000;
/// Until when evidence is taken.
const EVIDENCE_LIFE_S: i64 = 9 * 86_400;
/// Stripe tries for up to three days.
const DELIVERY_LIFE_S: i64 = 3 * 86_400;

/// What a customer does on the payment page, or later at the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Pay,
    Decline,
    /// Choose to pay at a convenience store.
    Konbini,
    KonbiniPaid,
    KonbiniLapsed,
    Leave,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Missing,
    /// The session, voucher or refund is past the point where that can be done.
    Closed,
    /// Not in this currency or for this amount.
    NotOffered,
    Fault(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem::Fault(fault)
    }
}

pub(super) struct Till {
    base: String,
    secret_key: String,
    webhook_secret: String,
    now: Now,
    webhook_url: Mutex<Option<String>>,
    journal: Mutex<Journal>,
    /// Rings when there may be something to deliver.
    pub rung: Notify,
}

/// A webhook that is due.
pub(super) struct Parcel {
    pub event: String,
    pub url: String,
    pub body: Vec<u8>,
    pub attempts: u32,
    pub created: i64,
}

impl Till {
    pub fn open(base: String, config: &SandboxConfig) -> Result<Till, Fault> {
        let journal = Journal::open(&config.state_file, (config.now)())?;
        Ok(Till {
            base,
            secret_key: config.secrets.secret_key.clone(),
            webhook_secret: config.secrets.webhook_secret.clone(),
            now: config.now.clone(),
            webhook_url: Mutex::new(config.webhook_url.clone()),
            journal: Mutex::new(journal),
            rung: Notify::new(),
        })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    pub fn webhook_secret(&self) -> &str {
        &self.webhook_secret
    }

    pub fn now(&self) -> Moment {
        (self.now)()
    }

    pub fn deliver_to(&self, url: Option<String>) {
        *self.webhook_url.lock().unwrap_or_else(PoisonError::into_inner) = url;
        self.rung.notify_one();
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the state as it is at this moment of the clock, and returns once its changes are on disk.
    pub fn work<T, E: From<Fault>>(&self, work: impl FnOnce(&mut Work<'_>) -> Result<T, E>) -> Result<T, E> {
        let now = self.now();
        let mut journal = self.journal();
        let before = journal.books.events.len();
        let mut ledger = Work { journal: &mut journal, base: &self.base, now };
        ledger.catch_up()?;
        let result = work(&mut ledger);
        // Also when the work was refused: lapsed sessions stay lapsed, and a declined card leaves its trace.
        journal.commit(now)?;
        if journal.books.events.len() != before {
            self.rung.notify_one();
        }
        result
    }

    pub fn tick(&self) -> Result<(), Fault> {
        self.work(|_| Ok(()))
    }

    pub fn act(&self, session: &str, action: Action) -> Result<String, Problem> {
        self.work(|work| work.act(session, action))
    }

    pub fn settle_refund(&self, refund: &str, ok: bool) -> Result<(), Problem> {
        self.work(|work| work.settle_refund(refund, ok))
    }

    pub fn events(&self) -> Vec<Value> {
        self.journal().books.events.iter().map(|event| event.body.clone()).collect()
    }

    /// The first webhook that is due. Those behind a failed one do not wait for it.
    pub fn next_parcel(&self) -> Option<Parcel> {
        let url = self.webhook_url.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let now = self.now();
        let journal = self.journal();
        let event =
            journal.books.events.iter().find(|event| !event.delivery.settled && event.delivery.next_at <= now)?;
        Some(Parcel {
            event: event.id.clone(),
            url,
            body: serde_json::to_vec_pretty(&event.body).unwrap_or_default(),
            attempts: event.delivery.attempts,
            created: event.created,
        })
    }

    /// Notes how a delivery went; a failed one is due again after a growing while.
    pub fn delivered(&self, parcel: &Parcel, ok: bool) -> Result<(), Fault> {
        const WAITS_S: [i64; 7] = [1, 3, 10, 30, 120, 600, 3600];
        let now = self.now();
        let attempts = parcel.attempts + 1;
        let wait = WAITS_S.get(parcel.attempts as usize).or(WAITS_S.last()).copied().unwrap_or(3600);
        let given_up = now.unix_seconds() - parcel.created > DELIVERY_LIFE_S;
        let delivery = Delivery { settled: ok || given_up, attempts, next_at: now.plus_seconds(wait) };
        let mut journal = self.journal();
        journal.put(Entry::Delivered { event: parcel.event.clone(), delivery });
        journal.commit(now)
    }
}

/// The books under the lock, at one moment.
pub(super) struct Work<'a> {
    pub journal: &'a mut Journal,
    pub base: &'a str,
    pub now: Moment,
}

impl Work<'_> {
    pub fn seconds(&self) -> i64 {
        self.now.unix_seconds()
    }

    pub fn session(&self, id: &str) -> Result<SessionRow, Problem> {
        self.journal.books.sessions.get(id).cloned().ok_or(Problem::Missing)
    }

    pub fn intent(&self, id: &str) -> Result<IntentRow, Problem> {
        self.journal.books.intents.get(id).cloned().ok_or(Problem::Missing)
    }

    pub fn keep(&mut self, kept: KeptRow) {
        self.journal.put(Entry::Kept(kept));
    }

    pub fn put_session(&mut self, row: SessionRow) {
        self.journal.put(Entry::Session(row));
    }

    fn event(&mut self, kind: &str, object: Value, before: Option<Value>) -> Result<(), Fault> {
        let id = format!("evt_{}", shape::token(24)?);
        let created = self.seconds();
        let body = shape::event(&id, kind, created, object, before);
        self.journal.put(Entry::Event(EventRow {
            id,
            kind: kind.to_owned(),
            created,
            body,
            delivery: Delivery::default(),
        }));
        Ok(())
    }

    fn session_event(&mut self, kind: &str, id: &str) -> Result<(), Problem> {
        let row = self.session(id)?;
        let object = shape::session(&row, self.base, &self.journal.books, &[]);
        Ok(self.event(kind, object, None)?)
    }

    fn intent_event(&mut self, kind: &str, id: &str) -> Result<(), Problem> {
        let row = self.intent(id)?;
        let object = shape::intent(&row, self.base, &self.journal.books, &[]);
        Ok(self.event(kind, object, None)?)
    }

    fn charge_event(&mut self, kind: &str, id: &str, before: Option<Value>) -> Result<(), Problem> {
        let object = shape::charge(self.journal.books.charges.get(id).ok_or(Problem::Missing)?);
        Ok(self.event(kind, object, before)?)
    }

    fn refund_event(&mut self, kind: &str, id: &str, before: Option<Value>) -> Result<(), Problem> {
        let object = shape::refund(self.journal.books.refunds.get(id).ok_or(Problem::Missing)?);
        Ok(self.event(kind, object, before)?)
    }

    /// What the clock alone brings about.
    fn catch_up(&mut self) -> Result<(), Fault> {
        let now = self.seconds();
        let books = &self.journal.books;
        let over = |row: &&SessionRow| row.status == "open" && row.expires_at <= now;
        let sessions: Vec<String> = books.sessions.values().filter(over).map(|row| row.id.clone()).collect();
        let lapsed = |row: &&IntentRow| {
            row.status == "requires_action" && row.voucher.as_ref().is_some_and(|voucher| voucher.expires_at <= now)
        };
        let vouchers: Vec<String> = books.intents.values().filter(lapsed).map(|row| row.session.clone()).collect();
        let due = |row: &&RefundRow| row.due.is_some_and(|due| due <= now);
        let refunds: Vec<String> = books.refunds.values().filter(due).map(|row| row.id.clone()).collect();
        let as_fault = |problem| match problem {
            Problem::Fault(fault) => fault,
            other => Fault::bug(format!("sandbox: {other:?}")),
        };
        for id in sessions {
            self.expire(&id).map_err(as_fault)?;
        }
        for id in vouchers {
            self.act(&id, Action::KonbiniLapsed).map_err(as_fault)?;
        }
        for id in refunds {
            self.settle_refund(&id, true).map_err(as_fault)?;
        }
        Ok(())
    }

    /// Closes an open session; an intent begun in it is cancelled.
    pub fn expire(&mut self, id: &str) -> Result<(), Problem> {
        let mut session = self.session(id)?;
        if session.status != "open" {
            return Err(Problem::Closed);
        }
        session.status = "expired".to_owned();
        let intent = session.intent.clone();
        self.put_session(session);
        if let Some(id) = &intent {
            let mut row = self.intent(id)?;
            row.status = "canceled".to_owned();
            row.canceled_at = Some(self.seconds());
            self.journal.put(Entry::Intent(row));
            self.intent_event("payment_intent.canceled", id)?;
        }
        self.session_event("checkout.session.expired", id)
    }

    /// One step of the customer's. Doing the same again changes nothing and leads to the same place.
    pub fn act(&mut self, id: &str, action: Action) -> Result<String, Problem> {
        let session = self.session(id)?;
        let paid = session.payment_status == "paid";
        let done = session.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
        let base = self.base;
        let voucher = |intent: &str| format!("{base}/voucher/{intent}");
        match (action, session.status.as_str()) {
            (Action::Leave, _) => Ok(session.cancel_url.unwrap_or(done)),
            (Action::Pay | Action::Decline | Action::Konbini, "complete") => match &session.intent {
                Some(intent) if !paid => Ok(voucher(intent)),
                _ => Ok(done),
            },
            (Action::Pay, "open") => {
                let intent = self.begin(session)?;
                self.receive(&intent, false)?;
                self.complete(id, "paid")?;
                self.session_event("checkout.session.completed", id)?;
                Ok(done)
            }
            (Action::Decline, "open") => {
                let intent = self.begin(session)?;
                self.decline(&intent)?;
                Ok(format!("{base}/pay/{id}?declined=1"))
            }
            (Action::Konbini, "open") => {
                if session.currency != "jpy" || !KONBINI_RANGE.contains(&session.amount_total) {
                    return Err(Problem::NotOffered);
                }
                let intent = self.begin(session)?;
                let mut row = self.intent(&intent)?;
                row.status = "requires_action".to_owned();
                row.last_error = None;
                row.voucher = Some(VoucherRow { expires_at: self.seconds() + VOUCHER_LIFE_S, number: digits(11)? });
                self.journal.put(Entry::Intent(row));
                self.intent_event("payment_intent.requires_action", &intent)?;
                self.complete(id, "unpaid")?;
                self.session_event("checkout.session.completed", id)?;
                Ok(voucher(&intent))
            }
            (Action::KonbiniPaid, "complete") if paid => Ok(done),
            (Action::KonbiniPaid | Action::KonbiniLapsed, "complete") => {
                let intent = session.intent.ok_or(Problem::Missing)?;
                let mut row = self.intent(&intent)?;
                if action == Action::KonbiniPaid && row.status == "requires_action" {
                    self.receive(&intent, true)?;
                    self.complete(id, "paid")?;
                    self.session_event("checkout.session.async_payment_succeeded", id)?;
                    Ok(done)
                } else if action == Action::KonbiniLapsed && !paid {
                    if row.status == "requires_action" {
                        row.status = "requires_payment_method".to_owned();
                        row.last_error = Some("payment_intent_payment_attempt_expired".to_owned());
                        self.journal.put(Entry::Intent(row));
                        self.intent_event("payment_intent.payment_failed", &intent)?;
                        self.session_event("checkout.session.async_payment_failed", id)?;
                    }
                    Ok(voucher(&intent))
                } else {
                    Err(Problem::Closed)
                }
            }
            _ => Err(Problem::Closed),
        }
    }

    /// The session's intent, made when the customer begins to pay.
    fn begin(&mut self, mut session: SessionRow) -> Result<String, Problem> {
        if let Some(intent) = session.intent {
            return Ok(intent);
        }
        let id = format!("pi_3{}", shape::token(23)?);
        let row = IntentRow {
            id: id.clone(),
            seq: self.journal.books.next_seq(),
            created: self.seconds(),
            session: session.id.clone(),
            amount: session.amount_total,
            amount_received: 0,
            currency: session.currency.clone(),
            status: "requires_payment_method".to_owned(),
            metadata: session.intent_metadata.clone(),
            description: session.intent_description.clone(),
            last_error: None,
            charge: None,
            voucher: None,
            canceled_at: None,
        };
        self.journal.put(Entry::Intent(row));
        self.intent_event("payment_intent.created", &id)?;
        session.intent = Some(id.clone());
        self.put_session(session);
        Ok(id)
    }

    fn new_charge(&mut self, intent: &IntentRow, paid: bool, konbini: bool) -> Result<String, Problem> {
        let id = format!("ch_3{}", shape::token(23)?);
        let row = ChargeRow {
            id: id.clone(),
            created: self.seconds(),
            intent: intent.id.clone(),
            email: self.session(&intent.session)?.customer_email,
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            paid,
            konbini,
            booked: false,
            disputed: false,
        };
        self.journal.put(Entry::Charge(row));
        Ok(id)
    }

    /// The money arrives. Stripe tells of the charge and the intent before the session.
    fn receive(&mut self, intent: &str, konbini: bool) -> Result<(), Problem> {
        let mut row = self.intent(intent)?;
        let charge = self.new_charge(&row, true, konbini)?;
        row.status = "succeeded".to_owned();
        row.amount_received = row.amount;
        row.charge = Some(charge.clone());
        row.last_error = None;
        self.journal.put(Entry::Intent(row));
        self.charge_event("charge.succeeded", &charge, None)?;
        self.intent_event("payment_intent.succeeded", intent)?;
        if let Some(mut row) = self.journal.books.charges.get(&charge).cloned() {
            row.booked = true;
            self.journal.put(Entry::Charge(row));
        }
        self.charge_event("charge.updated", &charge, Some(json!({"balance_transaction": null})))
    }

    fn decline(&mut self, intent: &str) -> Result<(), Problem> {
        let mut row = self.intent(intent)?;
        let charge = self.new_charge(&row, false, false)?;
        row.last_error = Some("card_declined".to_owned());
        row.charge = Some(charge.clone());
        self.journal.put(Entry::Intent(row));
        self.charge_event("charge.failed", &charge, None)?;
        self.intent_event("payment_intent.payment_failed", intent)
    }

    fn complete(&mut self, id: &str, payment_status: &str) -> Result<(), Problem> {
        let mut session = self.session(id)?;
        session.status = "complete".to_owned();
        session.payment_status = payment_status.to_owned();
        self.put_session(session);
        Ok(())
    }

    pub fn refund_session(&mut self, session: &str, amount: i64) -> Result<String, Problem> {
        let intent = self.session(session)?.intent.ok_or(Problem::Missing)?;
        let charge = self.intent(&intent)?.charge.ok_or(Problem::Missing)?;
        let charge = self.journal.books.charges.get(&charge).cloned().ok_or(Problem::Missing)?;
        if !charge.paid || amount < 1 || amount > charge.amount - charge.amount_refunded {
            return Err(Problem::Closed);
        }
        self.refund(charge, amount, None, BTreeMap::new()).map(|row| row.id)
    }

    /// Gives back `amount` of a charge; the caller has checked that so much is left.
    pub fn refund(
        &mut self,
        charge: ChargeRow,
        amount: i64,
        reason: Option<String>,
        metadata: BTreeMap<String, String>,
    ) -> Result<RefundRow, Problem> {
        let id = format!("re_3{}", shape::token(23)?);
        let row = RefundRow {
            id: id.clone(),
            seq: self.journal.books.next_seq(),
            created: self.seconds(),
            intent: charge.intent.clone(),
            charge: charge.id.clone(),
            amount,
            currency: charge.currency.clone(),
            status: if charge.konbini { "requires_action" } else { "succeeded" }.to_owned(),
            reason,
            failure_reason: None,
            metadata,
            due: charge.konbini.then(|| self.seconds() + REFUND_WAIT_S),
        };
        self.journal.put(Entry::Refund(row.clone()));
        self.refund_event("refund.created", &id, None)?;
        self.add_refunded(&charge.id, amount)?;
        self.charge_event("charge.refunded", &charge.id, Some(json!({"amount_refunded": charge.amount_refunded})))?;
        if !charge.konbini {
            self.refund_event("refund.updated", &id, Some(json!({"destination_details": null})))?;
        }
        Ok(row)
    }

    /// The bank takes a session's money back until it has heard the shop.
    pub fn dispute(&mut self, session: &str) -> Result<String, Problem> {
        let intent = self.session(session)?.intent.ok_or(Problem::Missing)?;
        let charge = self.intent(&intent)?.charge.ok_or(Problem::Missing)?;
        let mut charge = self.journal.books.charges.get(&charge).cloned().ok_or(Problem::Missing)?;
        if !charge.paid || charge.disputed {
            return Err(Problem::Closed);
        }
        charge.disputed = true;
        let id = format!("du_1{}", shape::token(23)?);
        let row = DisputeRow {
            id: id.clone(),
            seq: self.journal.books.next_seq(),
            created: self.seconds(),
            intent,
            charge: charge.id.clone(),
            amount: charge.amount,
            currency: charge.currency.clone(),
            status: "needs_response".to_owned(),
            due_by: self.seconds() + EVIDENCE_LIFE_S,
        };
        self.journal.put(Entry::Charge(charge));
        self.journal.put(Entry::Dispute(row));
        self.dispute_event("charge.dispute.created", &id)?;
        Ok(id)
    }

    pub fn close_dispute(&mut self, id: &str, won: bool) -> Result<(), Problem> {
        let mut row = self.journal.books.disputes.get(id).cloned().ok_or(Problem::Missing)?;
        if matches!(row.status.as_str(), "won" | "lost") {
            return Err(Problem::Closed);
        }
        row.status = if won { "won" } else { "lost" }.to_owned();
        self.journal.put(Entry::Dispute(row));
        self.dispute_event("charge.dispute.closed", id)
    }

    fn dispute_event(&mut self, kind: &str, id: &str) -> Result<(), Problem> {
        let object = shape::dispute(self.journal.books.disputes.get(id).ok_or(Problem::Missing)?);
        Ok(self.event(kind, object, None)?)
    }

    fn add_refunded(&mut self, charge: &str, amount: i64) -> Result<(), Problem> {
        let mut row = self.journal.books.charges.get(charge).cloned().ok_or(Problem::Missing)?;
        row.amount_refunded += amount;
        self.journal.put(Entry::Charge(row));
        Ok(())
    }

    pub fn settle_refund(&mut self, id: &str, ok: bool) -> Result<(), Problem> {
        let mut row = self.journal.books.refunds.get(id).cloned().ok_or(Problem::Missing)?;
        let before = json!({"status": row.status});
        let waiting = matches!(row.status.as_str(), "requires_action" | "pending");
        if row.status == "failed" || (ok && !waiting) {
            return Err(Problem::Closed);
        }
        row.due = None;
        if ok {
            row.status = "succeeded".to_owned();
            self.journal.put(Entry::Refund(row));
            return self.refund_event("refund.updated", id, Some(before));
        }
        row.status = "failed".to_owned();
        row.failure_reason = Some("expired_or_canceled_card".to_owned());
        let (charge, amount) = (row.charge.clone(), row.amount);
        self.journal.put(Entry::Refund(row));
        self.add_refunded(&charge, -amount)?;
        self.refund_event("refund.updated", id, Some(before))?;
        self.refund_event("refund.failed", id, None)
    }
}

fn digits(length: usize) -> Result<String, Fault> {
    let mut bytes = vec![0u8; length];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Io(format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| char::from(b'0' + byte % 10)).collect())
}
