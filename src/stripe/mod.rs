//! Stripe: our own client, the signature check of webhooks, lenient reading of events, and the sandbox stand-in.
//!
//! May touch: `kernel`, the network and, for the sandbox alone, its own journal file. Knows no order and no database.
//! Begin with [`client::Stripe`] for calls, [`signature::verify`] and [`event::Event`] for webhooks, [`sandbox::Sandbox`] for payments without Stripe.
//!
//! Requests are written by async-stripe's typed builders, so that a wrong parameter does not compile. Answers are read by our own small types,
//! because strict ones would call an answer unreadable after Stripe has already acted on it.

pub mod client;
pub mod error;
pub mod event;
pub mod object;
pub mod probe;
pub mod sandbox;
pub mod session;
pub mod signature;
mod wire;

pub use client::{
    API_VERSION, EventBatch, EventsFrom, Mode, NewRefund, Reach, Stripe, StripeConfig, WANTED_EVENTS, WebhookEndpoint,
};
pub use error::StripeError;
pub use event::{Event, EventProblem, Object};
pub use object::{
    Charge, Dispute, IntentStatus, PaymentIntent, PaymentStatus, Refund, RefundStatus, Session, SessionStatus, Voucher,
};
pub use session::{NewSession, SESSION_LIFE_S, SessionLine};
