//! Who may see an order: the session that made it, whoever proved its e-mail address, whoever has the link from its mail, and staff.

use super::model::{Order, OrderId};
use super::table;
use crate::kernel::{Code, Moment, Refusal, Result};
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
        && order.erased_at.is_none()
        && (order.session == session || customers::proves(tx, session, &order.email)?)
    {
        return Ok((order, Access::Own));
    }
    if let Some(staff) = &visit.caller.staff {
        return Ok((order, Access::Staff(staff.role)));
    }
    let given = visit.query.split('&').find_map(|pair| pair.strip_prefix("key="));
    match given {
        Some(given) if order.erased_at.is_none() && opens(&visit.shop, id, given) => {
            Ok((order, Access::Link(given.to_owned())))
        }
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
    format!("{}/orders/{id}{}", shop.public_url(), key_query(shop, id))
}

/// How long the link to a customer's history is good: as long as a mail is likely to be looked up, and not for ever, since mails are
/// passed on.
const HISTORY_DAYS: i64 = 90;

fn history_mac(shop: &Shop, id: OrderId, email: &str, until: Moment) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(shop.cookie_key()).expect("any length is a key");
    mac.update(b"history-link:");
    mac.update(id.0.as_bytes());
    mac.update(&until.unix_millis().to_be_bytes());
    mac.update(customers::normal(email).as_bytes());
    mac
}

/// The absolute address that shows every order of the order's e-mail address without a log-in. It stands only in mails to that address,
/// never on a page: whoever shares the page of one order shares that order alone (decision 0112).
pub fn history_link(shop: &Shop, order: &Order, now: Moment) -> String {
    let until = now.plus_days(HISTORY_DAYS);
    let key = URL_SAFE_NO_PAD.encode(history_mac(shop, order.id, &order.email, until).finalize().into_bytes());
    format!("{}/orders?of={}&until={}&key={key}", shop.public_url(), order.id, until.unix_millis())
}

/// The address whose orders the visitor came to see by the link from a mail. The link is bound to the address it was sent to: an order that
/// has another one by now opens nobody's.
///
/// # Errors
/// 404 for a link that is not ours or too old; a database that cannot be read.
pub fn history_of(visit: &Visit, tx: &impl Snapshot) -> Result<Option<String>> {
    let value = |name: &str| {
        visit.query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name)).map(|(_, v)| v)
    };
    let Some(of) = value("of") else { return Ok(None) };
    let spent = || Refusal::new(Code::NotFound, "orders.history_link_spent");
    let id = uuid::Uuid::try_parse(of).map(OrderId::from).map_err(|_| spent())?;
    let until = value("until").and_then(|until| until.parse().ok()).map(Moment).ok_or_else(spent)?;
    let order = table::get(tx, id)?.ok_or_else(spent)?;
    let given = value("key").and_then(|key| URL_SAFE_NO_PAD.decode(key).ok()).ok_or_else(spent)?;
    let is_ours = history_mac(&visit.shop, id, &order.email, until).verify_slice(&given).is_ok();
    if !is_ours || visit.now >= until {
        return Err(spent().into());
    }
    Ok(Some(order.email))
}

/// What is added to the address of an order for somebody who has its key.
pub fn key_query(shop: &Shop, id: OrderId) -> String {
    format!("?key={}", URL_SAFE_NO_PAD.encode(mac(shop, id).finalize().into_bytes()))
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
