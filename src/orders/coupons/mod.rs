//! Coupons: codes that take something off the goods of an order.
//!
//! An order names its coupon from the draft on; it uses one up only from the moment its customer goes to pay, in the same transaction,
//! and gives it back when Stripe says that the payment will not come, or when the order is changed or called off. Begin with [`find_usable`].

mod form;
pub mod table;
pub mod web;

use crate::kernel::{Code, Currency, FieldError, Message, Moment, Money, Refusal, Result};
use crate::people::customers;
use crate::store::Snapshot;
use crate::web::SessionId;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

crate::id!(
    /// A coupon.
    CouponId
);

/// The row is the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coupon {
    pub id: CouponId,
    /// As it is shown: `STAR-10`. Found by [`folded`].
    pub code: String,
    pub worth: Worth,
    /// Minor units of the shop's currency that the goods must come to, before the discount.
    pub minimum: i64,
    /// From this moment on.
    pub starts_at: Option<Moment>,
    /// Before this moment.
    pub ends_at: Option<Moment>,
    /// So many orders in all.
    pub limit: Option<u32>,
    /// So many orders of one customer.
    pub limit_per_customer: Option<u32>,
    pub active: bool,
    /// What it is for; seen by the staff only.
    pub note: String,
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// Hundredths of a per cent of the goods: 1000 is 10 %.
    Percent(u32),
    Amount(Money),
}

/// Who wants to use a coupon, and for which order.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    pub email: &'a str,
    pub session: SessionId,
}

impl Coupon {
    /// What it takes off goods worth `subtotal`: never more than that, a payable number of minor units, rounded half up.
    pub fn discount(&self, subtotal: i64, currency: Currency) -> i64 {
        let discount = match self.worth {
            Worth::Percent(rate_bp) => {
                let step = i128::from(currency.step());
                let exact = i128::from(subtotal) * i128::from(rate_bp);
                let steps = (2 * exact + 10_000 * step).div_euclid(20_000 * step);
                i64::try_from(steps * step).unwrap_or(subtotal)
            }
            Worth::Amount(money) => money.minor,
        };
        discount.clamp(0, subtotal.max(0))
    }

    /// Checks that it can be used now for goods worth `subtotal`. How often it was used is another question.
    ///
    /// # Errors
    /// `coupon_invalid` that says why.
    pub fn check(&self, subtotal: i64, currency: Currency, now: Moment) -> Result<(), Refusal> {
        let of_other_currency = matches!(self.worth, Worth::Amount(money) if money.currency != currency);
        if !self.active || of_other_currency {
            return Err(invalid(Message::new("orders.coupon_off")));
        }
        if self.starts_at.is_some_and(|start| now < start) {
            return Err(invalid(Message::new("orders.coupon_early")));
        }
        if self.ends_at.is_some_and(|end| now >= end) {
            return Err(invalid(Message::new("orders.coupon_over")));
        }
        if subtotal < self.minimum {
            let minimum = Money::new(self.minimum, currency).show();
            return Err(invalid(Message::new("orders.coupon_minimum").with("minimum", minimum)));
        }
        Ok(())
    }

    /// Checks that there is a use left for `user`.
    ///
    /// # Errors
    /// `coupon_invalid` that says why.
    pub fn check_uses(&self, tx: &impl Snapshot, user: User<'_>) -> Result<()> {
        let all = |limit: u32| limit as usize;
        if let Some(limit) = self.limit
            && super::table::coupon_uses(tx, self.id, all(limit))? >= all(limit)
        {
            return Err(invalid(Message::new("orders.coupon_used_up")).into());
        }
        if let Some(limit) = self.limit_per_customer {
            let by_email = super::table::coupon_uses_by_email(tx, self.id, &customers::normal(user.email), all(limit))?;
            let by_session = super::table::coupon_uses_by_session(tx, self.id, user.session, all(limit))?;
            if by_email.max(by_session) >= all(limit) {
                return Err(invalid(Message::new("orders.coupon_used_by_you")).into());
            }
        }
        Ok(())
    }
}

/// The coupon a customer means by `code`, with a use left for them. Period and minimum are checked when the order is priced.
///
/// # Errors
/// `coupon_invalid` that says why.
pub fn find_usable(tx: &impl Snapshot, code: &str, user: User<'_>) -> Result<Coupon> {
    let coupon = find(tx, code)?;
    coupon.check_uses(tx, user)?;
    Ok(coupon)
}

/// The coupon with this code.
///
/// # Errors
/// `coupon_invalid` when there is none.
pub fn find(tx: &impl Snapshot, code: &str) -> Result<Coupon> {
    Ok(table::by_code(tx, code)?.ok_or_else(|| invalid(Message::new("orders.coupon_unknown")))?)
}

/// A refusal of the coupon, at the field it was typed into.
pub fn invalid(message: Message) -> Refusal {
    let errors = vec![FieldError { field: "coupon".into(), message: message.clone() }];
    Refusal { errors, ..Refusal::because(Code::CouponInvalid, message) }
}

/// A code as it is shown: narrow, in capitals, without spaces. `ｓｔａｒ－１０ ` is `STAR-10`.
pub fn normal(code: &str) -> String {
    let dash = |c: char| if "‐‑‒–—―−ー－ｰ".contains(c) { '-' } else { c };
    code.nfkc().filter(|c| !c.is_whitespace()).map(dash).flat_map(char::to_uppercase).collect()
}

/// A code as it is compared: letters and digits alone, so that nobody fails for a hyphen.
pub fn folded(code: &str) -> String {
    normal(code).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests;
