//! What is asked of Stripe when an order is to be paid: a Checkout Session with exactly the order's amount.
//!
//! Discounts: Stripe has no negative lines, and its coupons are objects of their own (another call, another key, another thing that can fail
//! half-way). So every line carries what it costs after its share of the discount, which the order has worked out already. A line whose amount
//! is a multiple of its quantity is sent as quantity × unit amount, any other as one piece named "Name × 3": unit amounts are whole minor units,
//! and the sum must be right to the yen. Shipping, fees and added tax are lines like any other, for the same reason.

use super::StripeError;
use crate::kernel::{Lang, Moment, Money};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, ProductData,
};
use stripe_shared::{CheckoutSessionLocale, CheckoutSessionMode};

/// How long a session is offered for. Stripe takes 30 minutes to 24 hours from the moment the request *arrives*, and a repeated request must
/// carry the same moment, so there must be room for repeating.
pub const SESSION_LIFE_S: i64 = 2 * 60 * 60;

/// Stripe's limit in payment mode.
const MAX_LINES: usize = 100;

/// All that goes into a session. Stored whole before the first call, so that every repetition sends the same bytes under the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// Written as `client_reference_id` and into the metadata of session and payment intent, by which events find the order.
    pub order_id: String,
    pub order_number: String,
    /// Which attempt of the order it is, by which a session whose answer was lost is told from an older one. 0 is not sent.
    #[serde(default)]
    pub revision: u32,
    /// What the order says; the lines must add up to it.
    pub amount: Money,
    pub lines: Vec<SessionLine>,
    #[serde(default)]
    pub email: Option<String>,
    pub lang: Lang,
    /// `{CHECKOUT_SESSION_ID}` in it is replaced by Stripe.
    pub success_url: String,
    pub cancel_url: String,
    /// Whole seconds are sent.
    pub expires_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLine {
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    pub quantity: u32,
    /// The whole line after its share of the discount, in minor units.
    pub amount: i64,
}

impl SessionLine {
    /// One piece: shipping, a fee, added tax.
    pub fn single(name: impl Into<String>, amount: i64) -> Self {
        Self { name: name.into(), description: None, quantity: 1, amount }
    }
}

impl NewSession {
    /// The typed request, or why it would be wrong to send it.
    pub(super) fn request(&self) -> Result<CreateCheckoutSession, StripeError> {
        self.check()?;
        let currency = stripe_currency(self.amount);
        let items: Vec<_> = self.joined_lines().iter().map(|line| item(line, &currency)).collect();
        let mut metadata: HashMap<String, String> =
            [("order_id".to_owned(), self.order_id.clone()), ("order_number".to_owned(), self.order_number.clone())]
                .into();
        if self.revision > 0 {
            metadata.insert("revision".to_owned(), self.revision.to_string());
        }
        let mut intent = CreateCheckoutSessionPaymentIntentData::new();
        intent.metadata = Some(metadata.clone());
        intent.description = Some(self.order_number.clone());
        let locale = match self.lang {
            Lang::En => CheckoutSessionLocale::En,
            Lang::Ja => CheckoutSessionLocale::Ja,
        };
        let mut request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Payment)
            .line_items(items)
            .client_reference_id(self.order_id.clone())
            .metadata(metadata)
            .payment_intent_data(intent)
            .locale(locale)
            .expires_at(self.expires_at.unix_seconds())
            .success_url(self.success_url.clone())
            .cancel_url(self.cancel_url.clone());
        if let Some(email) = &self.email {
            request = request.customer_email(email.clone());
        }
        Ok(request)
    }

    fn check(&self) -> Result<(), StripeError> {
        let wrong = |code: &str, message: String| Err(StripeError::ours(code, message));
        if self.lines.iter().any(|line| line.quantity == 0 || line.amount < 0 || line.name.trim().is_empty()) {
            return wrong("line_invalid", "a line has no name, no quantity or a negative amount".to_owned());
        }
        let sum = self.lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount));
        if sum != Some(self.amount.minor) {
            return wrong(
                "amounts_do_not_add_up",
                format!("the lines add up to {sum:?}, the order says {}", self.amount.minor),
            );
        }
        if self.amount.minor < self.amount.currency.minimum_charge()
            || self.amount.minor % self.amount.currency.step() != 0
        {
            return wrong(
                "amount_not_chargeable",
                format!("{} {} cannot be charged", self.amount.minor, self.amount.currency),
            );
        }
        Ok(())
    }

    /// The lines, with those beyond Stripe's limit joined into one.
    fn joined_lines(&self) -> Vec<SessionLine> {
        if self.lines.len() <= MAX_LINES {
            return self.lines.clone();
        }
        let (shown, rest) = self.lines.split_at(MAX_LINES - 1);
        let joined = SessionLine::single(format!("+ {}", rest.len()), rest.iter().map(|line| line.amount).sum());
        shown.iter().cloned().chain([joined]).collect()
    }
}

fn stripe_currency(amount: Money) -> stripe_types::Currency {
    match amount.currency.code().to_ascii_lowercase().parse() {
        Ok(currency) => currency,
    }
}

fn item(line: &SessionLine, currency: &stripe_types::Currency) -> CreateCheckoutSessionLineItems {
    let (quantity, unit_amount, name) = if line.amount % i64::from(line.quantity) == 0 {
        (line.quantity, line.amount / i64::from(line.quantity), line.name.clone())
    } else {
        (1, line.amount, format!("{} × {}", line.name, line.quantity))
    };
    let mut product = ProductData::new(name.chars().take(250).collect::<String>());
    product.description =
        line.description.clone().filter(|text| !text.is_empty()).map(|text| text.chars().take(500).collect());
    let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency.clone());
    price.unit_amount = Some(unit_amount);
    price.product_data = Some(product);
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price_data = Some(price);
    item.quantity = Some(u64::from(quantity));
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Currency;
    use crate::stripe::client::form_of;
    use proptest::prelude::*;

    pub(crate) fn example() -> NewSession {
        NewSession {
            order_id: "0198c0de-0000-7000-8000-000000000001".into(),
            order_number: "PS-1001".into(),
            revision: 0,
            amount: Money::new(9_700, Currency::JPY),
            lines: vec![
                SessionLine {
                    name: "星のポスター A4".into(),
                    description: Some("ポチ & Co".into()),
                    quantity: 3,
                    amount: 8_900,
                },
                SessionLine { name: "Mug".into(), description: None, quantity: 2, amount: 0 },
                SessionLine::single("Shipping", 800),
            ],
            email: Some("hana@example.jp".into()),
            lang: Lang::Ja,
            success_url: "http://127.0.0.1:8080/orders/1?session={CHECKOUT_SESSION_ID}".into(),
            cancel_url: "http://127.0.0.1:8080/orders/1".into(),
            expires_at: Moment(1_795_345_409_000),
        }
    }

    #[test]
    fn the_bytes_sent_are_always_these() {
        // A change of this form under an old key is a refusal at Stripe for every order being paid while the shop is upgraded.
        let form = form_of(&example().request().unwrap());
        let decoded: Vec<(String, String)> = serde_urlencoded::from_str(&form).unwrap();
        let lines: Vec<String> = decoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            lines,
            [
                "cancel_url=http://127.0.0.1:8080/orders/1",
                "client_reference_id=0198c0de-0000-7000-8000-000000000001",
                "customer_email=hana@example.jp",
                "expires_at=1795345409",
                "line_items[0][price_data][currency]=jpy",
                "line_items[0][price_data][product_data][description]=ポチ & Co",
                "line_items[0][price_data][product_data][name]=星のポスター A4 × 3",
                "line_items[0][price_data][unit_amount]=8900",
                "line_items[0][quantity]=1",
                "line_items[1][price_data][currency]=jpy",
                "line_items[1][price_data][product_data][name]=Mug",
                "line_items[1][price_data][unit_amount]=0",
                "line_items[1][quantity]=2",
                "line_items[2][price_data][currency]=jpy",
                "line_items[2][price_data][product_data][name]=Shipping",
                "line_items[2][price_data][unit_amount]=800",
                "line_items[2][quantity]=1",
                "locale=ja",
                "metadata[order_id]=0198c0de-0000-7000-8000-000000000001",
                "metadata[order_number]=PS-1001",
                "mode=payment",
                "payment_intent_data[description]=PS-1001",
                "payment_intent_data[metadata][order_id]=0198c0de-0000-7000-8000-000000000001",
                "payment_intent_data[metadata][order_number]=PS-1001",
                "success_url=http://127.0.0.1:8080/orders/1?session={CHECKOUT_SESSION_ID}",
            ]
        );
        for _ in 0..20 {
            assert_eq!(form_of(&example().request().unwrap()), form, "each HashMap has an order of its own");
        }
    }

    #[test]
    fn what_was_stored_is_what_is_sent() {
        let stored = serde_json::to_string(&example()).unwrap();
        let back: NewSession = serde_json::from_str(&stored).unwrap();
        assert_eq!(form_of(&back.request().unwrap()), form_of(&example().request().unwrap()));
    }

    #[test]
    fn wrong_sums_are_not_sent() {
        let code = |change: fn(&mut NewSession)| {
            let mut session = example();
            change(&mut session);
            match session.request() {
                Err(StripeError::Refused { status: 0, code, .. }) => code.unwrap(),
                other => panic!("{:?}", other.is_ok()),
            }
        };
        assert_eq!(code(|s| s.amount.minor += 1), "amounts_do_not_add_up");
        assert_eq!(code(|s| s.lines[0].amount = i64::MAX), "amounts_do_not_add_up");
        assert_eq!(code(|s| s.lines[0].quantity = 0), "line_invalid");
        assert_eq!(code(|s| s.lines[0].amount = -1), "line_invalid");
        assert_eq!(
            code(|s| (s.lines, s.amount.minor) = (vec![SessionLine::single("Tag", 49)], 49)),
            "amount_not_chargeable"
        );
        assert_eq!(
            code(|s| (s.lines, s.amount) =
                (vec![SessionLine::single("Tag", 150)], Money::new(150, "ISK".parse().unwrap()))),
            "amount_not_chargeable"
        );
    }

    proptest! {
        #[test]
        fn every_order_is_sent_to_the_yen(lines in proptest::collection::vec((1u32..1000, 0i64..5_000_000), 1..140)) {
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(quantity, amount)| SessionLine { name: "Poster".into(), description: None, quantity, amount: amount + 50 })
                .collect();
            let sum = lines.iter().map(|line| line.amount).sum();
            let session = NewSession { amount: Money::new(sum, Currency::JPY), lines, ..example() };
            let form: HashMap<String, String> = serde_urlencoded::from_str(&form_of(&session.request().unwrap())).unwrap();
            let mut total = 0;
            let mut count = 0;
            while let Some(unit) = form.get(&format!("line_items[{count}][price_data][unit_amount]")) {
                total += unit.parse::<i64>().unwrap() * form[&format!("line_items[{count}][quantity]")].parse::<i64>().unwrap();
                count += 1;
            }
            prop_assert_eq!(total, sum);
            prop_assert!(count <= MAX_LINES);
        }
    }
}
