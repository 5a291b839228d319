//! Finding orders by what people type: number, name, e-mail, address, parcel, text on the design. The index follows the database a moment
//! later; without it, numbers and the beginnings of names and addresses are looked up in the database, and no order waits for it.

use super::lists::{self, Bell};
use super::model::{Order, OrderId};
use super::table::{self, Place, Sought};
use crate::designs;
use crate::kernel::{Fault, Lang};
use crate::search::{Document, Narrow, Search};
use crate::shop::Shop;
use crate::store::Snapshot;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const KIND: &str = "order";
/// More words than these nobody types to find an order.
const MAX_QUERY_CHARS: usize = 200;
/// Changed orders that are indexed in one go.
const AT_ONCE: usize = 2000;
/// Results that are only like the words have no more pages.
const ALIKE: usize = 20;

/// The index of orders, beside that of products: customers' searches stay as quick as the catalogue is small.
struct OrderIndex(Search);

fn index(shop: &Shop) -> Arc<OrderIndex> {
    shop.kept(|| OrderIndex(Search::open(&shop.data_dir().join("index-orders"))))
}

/// Makes the writes ring when an order reads differently. Called once, at the start.
pub fn listen(shop: &Shop) {
    shop.store().attach(&shop.kept(Bell::default));
}

/// Waits for changed orders and brings the index up to date. Called again and again.
///
/// # Errors
/// A database that cannot be read, or an index that cannot be written; what was missed is made up for the next time.
pub async fn follow(shop: &Shop) -> Result<(), Fault> {
    let inner = shop.clone();
    tokio::task::spawn_blocking(move || catch_up(&inner)).await.map_err(|error| Fault::bug(error.to_string()))??;
    let bell = shop.kept(Bell::default);
    // Whatever happens, it is looked again from time to time.
    let _ = tokio::time::timeout(Duration::from_secs(30), bell.0.notified()).await;
    Ok(())
}

/// Brings the index up to date with the database, from where it stands or from the beginning. Returns how many orders it was told.
///
/// # Errors
/// As [`follow`].
pub fn catch_up(shop: &Shop) -> Result<usize, Fault> {
    let index = index(shop);
    let mut told = 0;
    loop {
        let tx = shop.store().read()?;
        let newest = lists::last_change(&tx)?;
        let known = index.0.mark(KIND).and_then(|mark| mark.parse::<u64>().ok());
        let changes = match known {
            Some(known) if known == newest => return Ok(told),
            Some(known) => lists::unheard(&tx, known, AT_ONCE)?,
            None => Vec::new(),
        };
        // Each change has the next number: a gap, or an index that is ahead, belongs to another time of this database.
        let follows = known.is_some_and(|known| changes.first().is_some_and(|(first, _)| *first == known + 1));
        let until = match (follows, changes.last()) {
            (true, Some((last, _))) => {
                let mut ids: Vec<OrderId> = changes.iter().map(|(_, id)| *id).collect();
                ids.sort_unstable();
                ids.dedup();
                let orders = table::rows(&tx, ids.into_iter())?;
                let documents = orders.iter().map(|order| document(&tx, order)).collect::<Result<Vec<_>, _>>()?;
                index.0.update(KIND, &documents, &last.to_string())?;
                told += documents.len();
                *last
            }
            _ => {
                told += rebuild(&index, &tx, newest)?;
                newest
            }
        };
        drop(tx);
        shop.store().write_blocking(move |tx| lists::heard(tx, until))?;
    }
}

fn rebuild(index: &OrderIndex, tx: &impl Snapshot, newest: u64) -> Result<usize, Fault> {
    let mut count = 0;
    index.0.rebuild(KIND, &newest.to_string(), &mut |add| {
        count = 0;
        table::each(tx, |order| {
            count += 1;
            add(document(tx, &order)?)?;
            Ok(ControlFlow::Continue(()))
        })
    })?;
    Ok(count)
}

/// Makes the index anew. Returns how many orders it holds.
///
/// # Errors
/// As [`follow`].
pub fn reindex(shop: &Shop) -> Result<usize, Fault> {
    let tx = shop.store().read()?;
    let count = rebuild(&index(shop), &tx, lists::last_change(&tx)?)?;
    drop(tx);
    catch_up(shop)?;
    Ok(count)
}

fn document(tx: &impl Snapshot, order: &Order) -> Result<Document, Fault> {
    let digits = order.order_number.trim_start_matches("PS-");
    let bare = digits.trim_start_matches('0');
    // However it is typed: PS-000123, PS000123, ps123, 123.
    let mut title = format!("{} PS{digits} PS{bare} {bare}", order.order_number);
    let mut add = |text: &str| {
        title.push('\n');
        title.push_str(text);
    };
    for line in &order.lines {
        Lang::ALL.iter().for_each(|lang| add(line.title.get(*lang)));
        match &line.frozen {
            Some(frozen) => frozen.params.values().for_each(|value| texts(value, &mut add)),
            None => {
                let design = designs::find(tx, line.design_id)?;
                design.iter().flat_map(|design| design.params.values()).for_each(|value| texts(value, &mut add));
            }
        }
    }
    let to = &order.shipping_address;
    let only_digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
    let mut text = [&order.email, &to.name, &to.name_kana, &to.region, &to.city, &to.line1, &to.line2, &to.postal_code]
        .map(|s| s.as_str())
        .join("\n");
    for more in
        [without_spaces(&to.name), without_spaces(&to.name_kana), only_digits(&to.postal_code), only_digits(&to.phone)]
    {
        text.push('\n');
        text.push_str(&more);
    }
    for parcel in &order.tracking {
        text.push('\n');
        text.push_str(&parcel.number);
        text.push('\n');
        text.push_str(&only_digits(&parcel.number));
    }
    let mut tags = vec![format!("status {}", order.status.name())];
    tags.extend(order.lines.iter().map(|line| format!("product {}", line.product_id)));
    tags.dedup();
    Ok(Document { id: order.id.0, title, text, tags, rank: rank(order) })
}

/// What people can read on the piece. Colours, choices and numbers are left out; they all look the same.
fn texts(value: &Value, add: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if !text.starts_with('#') => add(text),
        Value::Object(members) => {
            for name in ["text", "name"] {
                if let Some(Value::String(text)) = members.get(name) {
                    add(text);
                }
            }
        }
        _ => {}
    }
}

const NUMBER_BITS: u32 = 20;

/// Rises with the time an order was made, and with its number where two were made in the same moment.
fn rank(order: &Order) -> u64 {
    let number: u64 = order.order_number.trim_start_matches("PS-").parse().unwrap_or(0);
    rank_at(order.created_at.unix_millis()) | (number & ((1 << NUMBER_BITS) - 1))
}

fn rank_at(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0) << NUMBER_BITS
}

/// What is looked for where the beginning of an order's number was typed: its digits, because the letters before them stand on every order.
fn digits_of_a_number(words: &str) -> &str {
    let rest = match words.split_at_checked(2) {
        Some((letters, rest)) if letters.eq_ignore_ascii_case("ps") => rest.trim_start_matches('-'),
        _ => return words,
    };
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { words }
}

/// A page of found orders.
pub struct Found {
    pub orders: Vec<Order>,
    /// Only like what was typed; there are no more pages.
    pub is_alike: bool,
}

/// The orders sought, newest first, behind `after`.
///
/// # Errors
/// A database that cannot be read.
pub fn find(
    shop: &Shop,
    tx: &impl Snapshot,
    sought: &Sought,
    after: Option<Place>,
    limit: usize,
) -> Result<Found, Fault> {
    let words: String = sought.words.trim().chars().take(MAX_QUERY_CHARS).collect();
    let index = index(shop);
    if words.is_empty() || sought.attention || index.0.mark(KIND).is_none() {
        return Ok(Found { orders: table::seek(tx, sought, after, limit)?, is_alike: false });
    }
    let below = match after {
        Some((_, id)) => table::get(tx, id)?.map(|order| rank(&order)),
        None => sought.until.map(|until| rank_at(until.unix_millis())),
    };
    let status = sought.status.map(|status| format!("status {}", status.name()));
    let product = sought.product.map(|product| format!("product {product}"));
    let narrow = Narrow {
        tags: status.into_iter().chain(product).collect(),
        from: sought.from.map(|from| rank_at(from.unix_millis())),
        below,
        title_only: sought.by_number_only,
    };
    let found = index.0.newest(KIND, digits_of_a_number(&words), &narrow, limit);
    let found = match found {
        Ok(found) => found,
        Err(fault) => {
            tracing::warn!(%fault, "looking for orders without the index");
            return Ok(Found { orders: table::seek(tx, sought, after, limit)?, is_alike: false });
        }
    };
    let mut ids: Vec<Uuid> = found.ids;
    let mut is_alike = found.is_alike;
    if after.is_none()
        && let Some(exact) = table::number_in(&words)
        && let Some(order) = table::by_number(tx, &exact)?.filter(|order| sought.fits(order))
    {
        // The one whose number was typed comes first, also before the index has heard of it.
        if is_alike {
            ids.clear();
        }
        is_alike = false;
        ids.retain(|id| *id != order.id.0);
        ids.insert(0, order.id.0);
        ids.truncate(limit);
    }
    if is_alike {
        ids.truncate(ALIKE);
    }
    let mut orders = table::rows(tx, ids.into_iter().map(OrderId))?;
    orders.retain(|order| sought.fits(order));
    Ok(Found { orders, is_alike })
}

#[cfg(test)]
mod tests {
    use super::digits_of_a_number;

    #[test]
    fn a_number_is_looked_for_by_its_digits() {
        for (typed, sought) in [
            ("PS-000123", "000123"),
            ("ps123", "123"),
            ("PS-", "PS-"),
            ("ps", "ps"),
            ("PS-12 佐藤", "PS-12 佐藤"),
            ("psst", "psst"),
            ("星", "星"),
            ("000123", "000123"),
        ] {
            assert_eq!(digits_of_a_number(typed), sought);
        }
    }
}
