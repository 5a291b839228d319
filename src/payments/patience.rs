//! How long a round goes on asking, and where the next one begins.

use crate::kernel::{Code, Error, Fault, Result};
use crate::orders::OrderId;
use std::sync::Mutex;

/// Calls in a row that fail before a round is given up.
const SILENT: u32 = 3;

/// Goes on past what fails alone, and stops where Stripe is silent for all.
pub(super) struct Patience {
    in_a_row: u32,
    pub(super) trouble: Result<(), Fault>,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { in_a_row: 0, trouble: Ok(()) }
    }
}

impl Patience {
    /// True when those behind would only wait for the same silence.
    pub(super) fn is_over(&mut self, outcome: Result<(), Fault>) -> bool {
        match outcome {
            Ok(()) => self.in_a_row = 0,
            Err(fault) => {
                self.in_a_row += u32::from(matches!(fault, Fault::Remote(_)));
                self.trouble = Err(fault);
            }
        }
        self.in_a_row >= SILENT
    }
}

/// What became of one order, as a round counts it.
pub(super) fn of_round(outcome: Result<()>) -> Result<(), Fault> {
    match outcome {
        Ok(()) => Ok(()),
        // Money that is on its way is waited for.
        Err(Error::Refused(refusal)) if refusal.code == Code::OrderNotPayable => Ok(()),
        // Stripe could not be asked; the next round comes.
        Err(Error::Refused(refusal)) => {
            Err(Fault::Remote(format!("a payment page is not settled: {}", refusal.detail.key)))
        }
        Err(Error::Faulted(fault)) => Err(fault),
    }
}

/// The order at which the last round was given up. The next begins behind it, so that some about which Stripe never answers do not stand
/// before all the others.
#[derive(Default)]
pub(super) struct GivenUp(Mutex<Option<OrderId>>);

impl GivenUp {
    /// Puts what was not come to before everything else.
    pub(super) fn turn<T>(&self, all: &mut [T], order: impl Fn(&T) -> OrderId) {
        let given_up_at = self.0.lock().map(|at| *at).unwrap_or_default();
        if let Some(at) = given_up_at.and_then(|id| all.iter().position(|one| order(one) == id)) {
            all.rotate_left(at + 1);
        }
    }

    pub(super) fn put(&self, given_up_at: Option<OrderId>) {
        if let Ok(mut at) = self.0.lock() {
            *at = given_up_at;
        }
    }
}
