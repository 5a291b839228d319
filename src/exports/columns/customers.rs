//! Customers: whoever went to pay, by e-mail address, with what they bought.

use super::{Source, Text, Visit, decode};
use crate::exports::model::{Place, Size, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::{Fault, Moment};
use crate::orders::{self, OrderId, Span};
use crate::store::ReadTx;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use uuid::Uuid;

/// What is read of an order, in the order in which it is stored.
#[derive(Deserialize)]
struct OrderRow<'a> {
    #[serde(borrow)]
    lang: Text<'a>,
    #[serde(borrow)]
    lines: Vec<LineRow<'a>>,
    #[serde(borrow)]
    totals: TotalsRow<'a>,
    #[serde(borrow)]
    shipping_address: AddressRow<'a>,
    amount_refunded: i64,
    #[serde(borrow)]
    paid_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct LineRow<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
    quantity: i64,
}

#[derive(Deserialize)]
struct TotalsRow<'a> {
    #[serde(borrow)]
    currency: Text<'a>,
    amount: i64,
}

#[derive(Deserialize)]
struct AddressRow<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    country: Text<'a>,
    #[serde(borrow)]
    region: Text<'a>,
}

pub struct Customers {
    wish: Wish,
}

/// One customer in one currency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Customer {
    email: String,
    name: String,
    language: String,
    country: String,
    region: String,
    /// Paid for, whether or not the money went back later.
    orders: i64,
    pieces: i64,
    currency: String,
    amount: i64,
    amount_refunded: i64,
    first_order_at: String,
    last_order_at: String,
}

impl Customers {
    pub fn new(wish: &Wish) -> Customers {
        Customers { wish: wish.clone() }
    }

    /// One entry for each currency that was paid in; none for somebody who never paid in the days asked for.
    fn sum(&self, tx: &ReadTx, email: &str, ids: &[OrderId]) -> Result<Vec<Customer>, Fault> {
        let mut found: Vec<Customer> = Vec::new();
        for id in ids {
            let mut added = Ok(());
            orders::with_stored(tx, *id, |json| added = self.add(&mut found, email, json))?;
            added?;
        }
        Ok(found)
    }

    fn add(&self, found: &mut Vec<Customer>, email: &str, json: &[u8]) -> Result<(), Fault> {
        let order: OrderRow<'_> = decode("an order", json)?;
        let Some(paid_at) = &order.paid_at else { return Ok(()) };
        if !self.wish.is_everything() && !Moment::parse(paid_at).is_some_and(|at| self.wish.covers(at)) {
            return Ok(());
        }
        if let Some(product) = self.wish.product
            && !order.lines.iter().any(|line| line.product_id.parse::<Uuid>().is_ok_and(|id| id == product.0))
        {
            return Ok(());
        }
        let currency = &*order.totals.currency;
        let at = match found.iter().position(|known| known.currency == currency) {
            Some(at) => at,
            None => {
                let (email, currency) = (email.to_owned(), currency.to_owned());
                let (first_order_at, last_order_at) = (paid_at.to_string(), paid_at.to_string());
                found.push(Customer { email, currency, first_order_at, last_order_at, ..Customer::default() });
                found.len() - 1
            }
        };
        let customer = &mut found[at];
        // Orders come oldest first: name and place are those of the last one. Which was paid first is another matter.
        customer.name = order.shipping_address.name.to_string();
        customer.language = order.lang.to_string();
        customer.country = order.shipping_address.country.to_string();
        customer.region = order.shipping_address.region.to_string();
        customer.orders += 1;
        customer.pieces += order.lines.iter().map(|line| line.quantity).sum::<i64>();
        customer.amount += order.totals.amount;
        customer.amount_refunded += order.amount_refunded;
        if is_before(paid_at, &customer.first_order_at) {
            customer.first_order_at = paid_at.to_string();
        }
        if is_before(&customer.last_order_at, paid_at) {
            customer.last_order_at = paid_at.to_string();
        }
        Ok(())
    }
}

/// Of two stored moments. Some have parts of a second before the `Z`; without it they sort as texts.
fn is_before(one: &str, other: &str) -> bool {
    one.trim_end_matches('Z') < other.trim_end_matches('Z')
}

impl Source for Customers {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "email",
            "name",
            "language",
            "country",
            "region",
            "orders",
            "pieces",
            "currency",
            "amount",
            "amount_refunded",
            "first_order_at",
            "last_order_at",
        ]
    }

    fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        orders::count(tx, &Span::default()).map(Size::Sifted)
    }

    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
        const READ: usize = 512;
        let mut after = match after {
            Some(Place::Customer(email)) => Some(email.clone()),
            _ => None,
        };
        loop {
            let addresses = orders::by_address(tx, after.as_deref(), READ)?;
            let is_last = addresses.len() < READ;
            for (email, ids) in addresses {
                // Without an address are all who were erased: they are no customer together.
                let customers = if email.is_empty() { Vec::new() } else { self.sum(tx, &email, &ids)? };
                let record = if customers.is_empty() { None } else { Some(serde_json::to_vec(&customers)?) };
                after = Some(email.clone());
                if visit(Place::Customer(email), ids.len() as u64, record.as_deref())?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if is_last {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        for customer in decode::<Vec<Customer>>("a customer", record)? {
            let places = sheet.decimals(&customer.currency);
            sheet.record(&customer.email);
            sheet.text(&customer.email);
            sheet.text(&customer.name);
            sheet.word(&customer.language);
            sheet.text(&customer.country);
            sheet.text(&customer.region);
            sheet.number(customer.orders);
            sheet.number(customer.pieces);
            sheet.word(&customer.currency);
            sheet.money(customer.amount, places);
            sheet.money(customer.amount_refunded, places);
            sheet.time(Some(&customer.first_order_at));
            sheet.time(Some(&customer.last_order_at));
            sheet.end_row();
        }
        Ok(())
    }
}
