//! Customers: whoever went to pay, by e-mail address, with what they bought.

use super::orders::{BriefLine, OrderRow};
use super::{Slab, Source, unreadable};
use crate::exports::model::{Place, Wish};
use crate::exports::sheet::{Sheet, decimals};
use crate::kernel::{Fault, Moment};
use crate::orders::{self, OrderId};
use crate::store::ReadTx;
use serde::{Deserialize, Serialize};

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
        let order: OrderRow<'_, BriefLine<'_>> =
            serde_json::from_slice(json).map_err(|error| unreadable("an order", &error))?;
        let Some(paid_at) = &order.paid_at else { return Ok(()) };
        if !self.wish.is_everything() && !Moment::parse(paid_at).is_some_and(|at| self.wish.covers(at)) {
            return Ok(());
        }
        let currency = &*order.totals.currency;
        let at = match found.iter().position(|known| known.currency == currency) {
            Some(at) => at,
            None => {
                let (email, currency) = (email.to_owned(), currency.to_owned());
                found.push(Customer { email, currency, first_order_at: paid_at.to_string(), ..Customer::default() });
                found.len() - 1
            }
        };
        let customer = &mut found[at];
        // Orders come oldest first: name and place are those of the last one.
        customer.name = order.shipping_address.name.to_string();
        customer.language = order.lang.to_string();
        customer.country = order.shipping_address.country.to_string();
        customer.region = order.shipping_address.region.to_string();
        customer.orders += 1;
        customer.pieces += order.lines.iter().map(|line| line.quantity).sum::<i64>();
        customer.amount += order.totals.amount;
        customer.amount_refunded += order.amount_refunded;
        customer.last_order_at = paid_at.to_string();
        Ok(())
    }

    /// Calls `visit` with the customers of each address; gives the last address looked at, and whether there are more.
    fn each(
        &self,
        tx: &ReadTx,
        after: Option<&str>,
        mut visit: impl FnMut(String, Vec<Customer>) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        const READ: usize = 512;
        let mut after = after.map(str::to_owned);
        loop {
            let addresses = orders::by_address(tx, after.as_deref(), READ)?;
            let is_last = addresses.len() < READ;
            for (email, ids) in addresses {
                let customers = self.sum(tx, &email, &ids)?;
                after = Some(email.clone());
                if !visit(email, customers)? {
                    return Ok(true);
                }
            }
            if is_last {
                return Ok(false);
            }
        }
    }
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

    fn total(&self, tx: &ReadTx) -> Result<u64, Fault> {
        let mut count = 0;
        self.each(tx, None, |_, customers| {
            count += customers.len() as u64;
            Ok(true)
        })?;
        Ok(count)
    }

    fn read(&self, tx: &ReadTx, after: Option<&Place>, slab: &mut Slab) -> Result<(), Fault> {
        let after = match after {
            Some(Place::Customer(email)) => Some(email.as_str()),
            _ => None,
        };
        let more = self.each(tx, after, |email, customers| {
            slab.last = Some(Place::Customer(email));
            let mut has_room = true;
            for customer in customers {
                has_room = slab.push(&serde_json::to_vec(&customer)?).is_continue();
            }
            Ok(has_room)
        })?;
        slab.is_end = !more;
        Ok(())
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let customer: Customer = serde_json::from_slice(record).map_err(|error| unreadable("a customer", &error))?;
        let places = decimals(&customer.currency);
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
        Ok(())
    }
}
