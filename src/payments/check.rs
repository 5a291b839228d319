//! What `petstar check` looks at in payments.

use super::STRIPE_EVENT;
use super::table::{self, Outcome};
use crate::kernel::{Fault, Moment};
use crate::orders::{self, PaymentMethod, Status};
use crate::queue::{self, JobStatus, NewJob};
use crate::store::{Snapshot, WriteTx};
use crate::stripe::Event;
use serde_json::json;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Everything wrong between orders and what Stripe told, in words.
///
/// # Errors
/// A database that cannot be read.
pub fn check(tx: &impl Snapshot) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    orders::table::each(tx, |order| {
        let mut say = |what: &str| wrong.push(format!("Order {}: {what}.", order.order_number));
        let through_stripe = order.payment_method == PaymentMethod::Online;
        if through_stripe
            && order.status == Status::PendingPayment
            && table::attempt(tx, order.id, order.revision)?.is_none()
        {
            say("it waits for its money, but nobody knows what Stripe was asked for");
        }
        // Every paid order is paid by Stripe's word, by somebody of the staff who stands for it, or costs nothing.
        let by_stripe = order.stripe_payment_intent_id.is_some() || order.stripe_checkout_session_id.is_some();
        if order.paid_at.is_some() && order.totals.amount > 0 && order.taken.is_none() && !by_stripe {
            say("it is paid, but neither Stripe nor anybody of the staff has its money");
        }
        if order.taken.is_some() && (order.paid_at.is_none() || order.stripe_payment_intent_id.is_some()) {
            say("somebody took its money by hand, but it is not paid by that");
        }
        if order.paid_at.is_some() && order.stripe_checkout_session_id.is_some() {
            let attempts = table::attempts(tx, order.id)?;
            if !attempts.iter().any(|attempt| attempt.new_session.amount == order.amount()) {
                say("it was paid at Stripe, but its amount was never asked for there");
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let working = worked_on(tx)?;
    table::each_event(tx, |event| {
        let mut say = |what: &str| wrong.push(format!("Event {} of Stripe: {what}.", event.id));
        match Event::parse(event.body.as_bytes()) {
            Ok(parsed) if parsed.id == event.id => {}
            _ => say("its stored body is not what came"),
        }
        if event.outcome == Outcome::Waiting && !working.contains(&event.id) {
            say("it waits, but no job works on it");
        }
        if let Some(order) = event.order
            && orders::find(tx, order)?.is_none()
        {
            say("its order does not exist");
        }
        Ok(())
    })?;
    Ok(wrong)
}

/// The events a job works on, or has given up in the sight of staff.
fn worked_on(tx: &impl Snapshot) -> Result<HashSet<String>, Fault> {
    let mut working = HashSet::new();
    queue::each_open(tx, |job| {
        if job.kind == STRIPE_EVENT.name {
            working.extend(job.payload["event"].as_str().map(str::to_owned));
        }
        Ok(())
    })?;
    // One that failed or was cancelled is shown to staff, who can have it tried again.
    for status in [JobStatus::Failed, JobStatus::Cancelled] {
        let given_up = queue::list(tx, Some(status), Some(STRIPE_EVENT.name), None, usize::MAX)?;
        working.extend(given_up.iter().filter_map(|job| job.payload["event"].as_str().map(str::to_owned)));
    }
    Ok(working)
}

/// Has jobs work again on events that wait for one that will never come, and gives how many those were.
///
/// # Errors
/// A database that cannot be written.
pub fn requeue(tx: &WriteTx, now: Moment) -> Result<u64, Fault> {
    let working = worked_on(tx)?;
    let mut lost = Vec::new();
    table::each_event(tx, |event| {
        if event.outcome == Outcome::Waiting && !working.contains(&event.id) {
            lost.push(event.id);
        }
        Ok(())
    })?;
    for event in &lost {
        queue::enqueue(tx, NewJob::new(&STRIPE_EVENT, json!({"event": event}), now))?;
    }
    Ok(lost.len() as u64)
}
