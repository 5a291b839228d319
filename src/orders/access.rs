//! Who may see an order: the session that made it, whoever proved its e-mail address, whoever has the link from its mail, and staff.

use super::model::{Order, OrderId};
use super::table;
use crate::kernel::{Refusal, Result};
use crate::people::customers;
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{Problem, Role, Visit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How a visitor comes to see an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// By session or proven e-mail address.
    Own,
    /// By the signed link in a mail; the key goes into every further address.
    Link(String),
    Staff(Role),
}

impl Access {
    /// What is added to addresses of the order: `?key=…` or nothing.
    pub fn query(&self) -> String {
        match self {
            Access::Link(key) => format!("?key={key}"),
            Access::Own | Access::Staff(_) => String::new(),
        }
    }

    pub fn is_customer(&self) -> bool {
        !matches!(self, Access::Staff(_))
    }

    /// Prices, addresses and whatever else names a customer.
    pub fn sees_customers(&self) -> bool {
        match self {
            Access::Staff(role) => role.sees_customers(),
            _ => true,
        }
    }

    /// May change, pay or repeat the order.
    pub fn changes(&self) -> bool {
        match self {
            Access::Staff(role) => role.changes_orders(),
            _ => true,
        }
    }
}

/// Reads an id out of a path.
///
/// # Errors
/// 404 for anything else.
pub fn read_id<T: From<uuid::Uuid>>(text: &str) -> Result<T, Problem> {
    uuid::Uuid::try_parse(text).map(T::from).map_err(|_| Problem::not_found())
}

/// The order, when the visitor may see it.
///
/// # Errors
/// 404 for everybody else's.
pub fn owned(visit: &Visit, tx: &impl Snapshot, id: OrderId) -> Result<(Order, Access)> {
    let order = table::get(tx, id)?.ok_or_else(Refusal::not_found)?;
    if let Some(session) = visit.session()
        && (order.session == session || customers::proves(tx, session, &order.email)?)
    {
        return Ok((order, Access::Own));
    }
    if let Some(staff) = &visit.caller.staff {
        return Ok((order, Access::Staff(staff.role)));
    }
    let given = visit.query.split('&').find_map(|pair| pair.strip_prefix("key="));
    match given {
        Some(given) if opens(&visit.shop, id, given) => Ok((order, Access::Link(given.to_owned()))),
        _ => Err(Refusal::not_found().into()),
    }
}

fn mac(shop: &Shop, id: OrderId) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(shop.cookie_key()).expect("any length is a key");
    mac.update(b"order-link:");
    mac.update(id.0.as_bytes());
    mac
}

fn opens(shop: &Shop, id: OrderId, given: &str) -> bool {
    URL_SAFE_NO_PAD.decode(given).is_ok_and(|given| mac(shop, id).verify_slice(&given).is_ok())
}

/// The absolute address that opens the order without a log-in, for its mails.
pub fn link(shop: &Shop, id: OrderId) -> String {
    let key = URL_SAFE_NO_PAD.encode(mac(shop, id).finalize().into_bytes());
    format!("{}/orders/{id}?key={key}", shop.public_url())
}

/// The absolute address of the page where the customer changes pieces that were opened again.
pub fn changes_link(shop: &Shop, id: OrderId) -> String {
    link(shop, id).replacen(&format!("/orders/{id}"), &format!("/orders/{id}/changes"), 1)
}

/// The order's page, for somebody who came by `access`.
pub fn order_address(id: OrderId, access: &Access) -> String {
    format!("/orders/{id}{}", access.query())
}

/// The page where the order is seen once more before it is paid.
pub fn confirm_address(id: OrderId, access: &Access) -> String {
    format!("/orders/{id}/confirm{}", access.query())
}
