//! What the panel's list of orders is asked for, and how it is found.

use super::{BY_CREATED, BY_EMAIL, BY_NAME, BY_NUMBER, BY_READING, BY_STATUS, Place, WITH_ATTENTION, rows};
use crate::catalog::ProductId;
use crate::kernel::{Fault, Moment};
use crate::orders::lists;
use crate::orders::model::{Order, OrderId, Status};
use crate::people::customers;
use crate::search::words::fold;
use crate::store::{Order as Direction, Snapshot};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What the panel's list is asked for.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    pub status: Option<Status>,
    /// Created at this moment or later.
    pub from: Option<Moment>,
    /// Created before this moment.
    pub until: Option<Moment>,
    /// Orders with this product in one of their lines.
    pub product: Option<ProductId>,
    /// Only those that need a decision.
    pub attention: bool,
    pub words: String,
    /// Names and addresses are not searched, for those who must not see them.
    pub by_number_only: bool,
}

impl Sought {
    pub fn fits(&self, order: &Order) -> bool {
        self.status.is_none_or(|status| order.status == status)
            && self.from.is_none_or(|from| order.created_at >= from)
            && self.until.is_none_or(|until| order.created_at < until)
            && self.product.is_none_or(|product| order.lines.iter().any(|line| line.product_id == product))
            && (!self.attention || !order.attention.is_empty())
    }
}

/// How many orders a search by words looks at; beyond this it asks for more letters.
pub(in crate::orders) const SEARCHED: usize = 2000;

/// The orders sought, newest first, behind `after`. By words it finds a number, or the beginning of a name or an e-mail address; more
/// than that is known to [`crate::orders::finding`].
pub fn seek(tx: &impl Snapshot, sought: &Sought, after: Option<Place>, limit: usize) -> Result<Vec<Order>, Fault> {
    if !sought.words.trim().is_empty() {
        return seek_words(tx, sought, after, limit);
    }
    if sought.attention {
        // Few at any time: whoever has decided takes the order off this list.
        let keys = WITH_ATTENTION.range(tx, .., Direction::Falling, SEARCHED)?;
        let behind = keys.into_iter().filter(|place| after.is_none_or(|after| *place < after));
        let mut found = rows(tx, behind.map(|(_, id)| id))?;
        found.retain(|order| sought.fits(order));
        found.truncate(limit);
        return Ok(found);
    }
    let low = (sought.from.unwrap_or(Moment(i64::MIN)), OrderId(Uuid::nil()));
    let mut high = (sought.until.unwrap_or(Moment(i64::MAX)), OrderId(Uuid::nil()));
    if let Some(after) = after {
        high = high.min(after);
    }
    if let Some(product) = sought.product {
        let places = lists::of_product(tx, product, sought.status, (low, high), Direction::Falling, limit)?;
        return rows(tx, places.into_iter().map(|(_, id)| id));
    }
    let ids: Vec<OrderId> = match sought.status {
        None => BY_CREATED.range(tx, low..high, Direction::Falling, limit)?.into_iter().map(|(_, id)| id).collect(),
        Some(status) => {
            let name = status.name().to_owned();
            let (low, high) = ((name.clone(), low.0, low.1), (name, high.0, high.1));
            BY_STATUS.range(tx, low..high, Direction::Falling, limit)?.into_iter().map(|(_, _, id)| id).collect()
        }
    };
    rows(tx, ids.into_iter())
}

fn seek_words(tx: &impl Snapshot, sought: &Sought, after: Option<Place>, limit: usize) -> Result<Vec<Order>, Fault> {
    let words = sought.words.trim();
    let mut ids: BTreeSet<OrderId> = BTreeSet::new();
    if let Some(number) = number_in(words) {
        ids.extend(BY_NUMBER.get(tx, &number)?);
    }
    let customers =
        [(&BY_EMAIL, customers::normal(words)), (&BY_NAME, folded(words)), (&BY_READING, folded_reading(words))];
    for (index, beginning) in customers.into_iter().filter(|_| !sought.by_number_only) {
        let end = (format!("{beginning}\u{10FFFF}"), Moment(i64::MAX), OrderId(Uuid::max()));
        let start = (beginning, Moment(i64::MIN), OrderId(Uuid::nil()));
        ids.extend(index.range(tx, start..end, Direction::Rising, SEARCHED)?.into_iter().map(|(_, _, id)| id));
    }
    let mut found = rows(tx, ids.into_iter())?;
    found.retain(|order| sought.fits(order) && after.is_none_or(|after| (order.created_at, order.id) < after));
    found.sort_by_key(|order| std::cmp::Reverse((order.created_at, order.id)));
    found.truncate(limit);
    Ok(found)
}

/// `ps-123`, `PS000123` and `123` all mean `PS-000123`.
pub(in crate::orders) fn number_in(words: &str) -> Option<String> {
    let upper = words.to_ascii_uppercase();
    let digits = upper.strip_prefix("PS").unwrap_or(&upper).trim_start_matches(['-', ' ']);
    let number: u64 = digits.parse().ok()?;
    Some(format!("PS-{number:06}"))
}

/// A name as it is searched: small letters, no spaces of any kind.
pub(in crate::orders) fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// A reading as it is searched: hiragana, katakana and its narrow form are one.
pub(in crate::orders) fn folded_reading(text: &str) -> String {
    fold(text).chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_however_they_are_typed() {
        for text in ["PS-000123", "ps-000123", "ps123", "123", "PS 123"] {
            assert_eq!(number_in(text).as_deref(), Some("PS-000123"), "{text}");
        }
        assert_eq!(number_in("Mika"), None);
        assert_eq!(number_in("PS-"), None);
    }

    #[test]
    fn names_are_folded() {
        assert_eq!(folded("山田　花子"), "山田花子");
        assert_eq!(folded("Mika de  Boer"), "mikadeboer");
        for text in ["サトウ ミカ", "さとう　みか", "ｻﾄｳﾐｶ"] {
            assert_eq!(folded_reading(text), "さとうみか");
        }
    }
}
