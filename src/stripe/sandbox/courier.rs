//! Webhooks to the shop: signed, in the order of their events, at least once, again after a growing while on anything but a 2xx.

use super::till::{Parcel, Till};
use crate::stripe::{signature, wire::Wire};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often the clock is looked at when nothing happens.
const PULSE: Duration = Duration::from_millis(500);
/// Stripe waits about this long for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries until stopped.
pub(super) async fn carry(till: Arc<Till>, mut stopped: watch::Receiver<bool>) {
    let wire = Wire::new();
    while !*stopped.borrow() {
        let till = till.clone();
        let round = async {
            note(blocking(till.clone(), |till| till.tick()).await);
            while let Some(parcel) = till.next_parcel() {
                let ok = hand_over(&wire, &till, &parcel).await;
                note(blocking(till.clone(), move |till| till.delivered(&parcel, ok)).await);
            }
            // A ring that came meanwhile is kept and ends the wait at once.
            let _ = tokio::time::timeout(PULSE, till.rung.notified()).await;
        };
        tokio::select! {
            () = round => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Runs what touches the disk away from the threads that serve.
async fn blocking<T: Send + 'static>(till: Arc<Till>, work: impl FnOnce(&Till) -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(move || work(&till)).await.ok()
}

fn note(result: Option<Result<(), crate::kernel::Fault>>) {
    if let Some(Err(fault)) = result {
        tracing::error!(%fault, "the sandbox cannot keep its state");
    }
}

async fn hand_over(wire: &Wire, till: &Till, parcel: &Parcel) -> bool {
    let signature = signature::sign(&parcel.body, till.webhook_secret(), till.now());
    let request = Request::builder()
        .method(Method::POST)
        .uri(parcel.url.as_str())
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header(header::ACCEPT, "*/*")
        .header("stripe-signature", signature)
        .body(Full::new(Bytes::from(parcel.body.clone())));
    let Ok(request) = request else {
        tracing::warn!("the sandbox's webhook address is not one that can be called");
        return false;
    };
    match wire.exchange(request, PATIENCE).await {
        Ok(answer) if (200..300).contains(&answer.status) => true,
        Ok(answer) => {
            tracing::warn!(event = %parcel.event, status = answer.status, "the sandbox's webhook was not taken");
            false
        }
        Err(_) => {
            tracing::warn!(event = %parcel.event, "the sandbox's webhook could not be handed over");
            false
        }
    }
}
