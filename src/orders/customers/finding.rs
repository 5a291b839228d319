//! Customers looked for: by the beginning of an address, of a name, or of how the name is read. Each list is a walk along an index.

use crate::kernel::{Fault, Moment};
use crate::orders::model::{Order, OrderId};
use crate::orders::table::{self, BY_EMAIL, BY_NAME, BY_READING, folded, folded_reading};
use crate::people::customers::normal;
use crate::store::{Index, Order as Direction, Snapshot};
use std::collections::HashMap;
use std::ops::Bound;
use uuid::Uuid;

/// Orders of one customer are counted up to here.
const COUNTED: usize = 1000;
/// Orders looked at for one page; where few customers have many orders of one name, a page is short and the next one goes on.
const LOOKED_AT: usize = 500;
/// Keys read at once.
const READ: usize = 100;
/// The newest orders of one customer among which one with the name sought is looked for.
const NEWEST: usize = 100;

/// One address that ordered.
#[derive(Clone, Debug)]
pub struct Known {
    /// In the form in which addresses are compared.
    pub email: String,
    /// Counted up to 1000.
    pub orders: usize,
    pub newest: Order,
}

fn known(tx: &impl Snapshot, email: String) -> Result<Option<Known>, Fault> {
    let newest = table::of_address(tx, &email, 1)?.pop();
    let orders = BY_EMAIL.count(tx, &email, COUNTED)?;
    Ok(newest.map(|newest| Known { email, orders, newest }))
}

/// Addresses that begin with `beginning`, in the order of the alphabet, behind `after`. Each is one jump through the index, however many
/// orders it has.
///
/// # Errors
/// A database that cannot be read.
pub fn by_email(tx: &impl Snapshot, beginning: &str, after: Option<&str>, limit: usize) -> Result<Vec<Known>, Fault> {
    let past = |email: &str| Bound::Excluded((email.to_owned(), Moment(i64::MAX), OrderId(Uuid::max())));
    let beginning = normal(beginning);
    let mut low = match after {
        Some(after) if normal(after) >= beginning => past(&normal(after)),
        // An empty address is what an erased customer leaves.
        _ if beginning.is_empty() => past(""),
        _ => Bound::Included((beginning.clone(), Moment(i64::MIN), OrderId(Uuid::nil()))),
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let next = BY_EMAIL.range(tx, (low, Bound::Unbounded), Direction::Rising, 1)?.pop();
        let Some((email, ..)) = next.filter(|(email, ..)| email.starts_with(&beginning)) else { break };
        low = past(&email);
        found.extend(known(tx, email)?);
    }
    Ok(found)
}

/// A page of customers.
#[derive(Default)]
pub struct Found {
    pub customers: Vec<Known>,
    /// Where the list goes on, for [`Place::read`].
    pub next: Option<String>,
}

/// By what a customer is found, in the order in which they are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum By {
    Email,
    Name,
    Reading,
}

impl By {
    /// An order is in several lists, so its id alone says no place: `<id>`, `name.<id>`, `reading.<id>`.
    fn place(self, id: OrderId) -> String {
        match self {
            By::Email => id.to_string(),
            By::Name => format!("name.{id}"),
            By::Reading => format!("reading.{id}"),
        }
    }
}

/// Where the page before ended.
pub struct Place {
    by: By,
    order: Order,
}

impl Place {
    /// Reads a `next`; nothing for a text that is none, or of somebody who was erased since.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn read(tx: &impl Snapshot, text: &str) -> Result<Option<Place>, Fault> {
        let (by, id) = match text.split_once('.') {
            None => (By::Email, text),
            Some(("name", id)) => (By::Name, id),
            Some(("reading", id)) => (By::Reading, id),
            Some(_) => return Ok(None),
        };
        let Ok(id) = Uuid::try_parse(id) else { return Ok(None) };
        let place = table::get(tx, OrderId(id))?.map(|order| Place { by, order });
        // Whoever was erased has no place in the list any more, and an empty one would be its beginning.
        Ok(place.filter(|place| !place.key().is_empty()))
    }

    /// What the list is sorted by.
    fn key(&self) -> String {
        match self.by {
            By::Email => normal(&self.order.email),
            By::Name => folded(&self.order.shipping_address.name),
            By::Reading => folded_reading(&self.order.shipping_address.name_kana),
        }
    }
}

/// What was typed, as each index has it.
struct Sought {
    email: String,
    name: String,
    reading: String,
}

impl Sought {
    /// By what an order shows the customer; the name comes first.
    fn shows(&self, order: &Order) -> Option<By> {
        let to = &order.shipping_address;
        if folded(&to.name).starts_with(&self.name) {
            return Some(By::Name);
        }
        let reading = folded_reading(&to.name_kana);
        (!reading.is_empty() && reading.starts_with(&self.reading)).then_some(By::Reading)
    }

    /// The one order that stands for a customer in the list: the newest with what was typed. So everybody is listed once, on whichever page.
    fn stands_for(&self, tx: &impl Snapshot, email: &str) -> Result<Option<(By, OrderId)>, Fault> {
        for among in [1, NEWEST] {
            for order in table::of_address(tx, email, among)? {
                if let Some(by) = self.shows(&order) {
                    return Ok(Some((by, order.id)));
                }
            }
        }
        Ok(None)
    }
}

/// Customers whose address begins with `words`, in the order of the alphabet, then those whose name does, then those whose name is read so,
/// behind `after`. Without words, all of them by address.
///
/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, words: &str, after: Option<&Place>, limit: usize) -> Result<Found, Fault> {
    let sought = Sought { email: normal(words), name: folded(words), reading: folded_reading(words) };
    let begins_at = after.map_or(By::Email, |place| place.by);
    let mut page = Page { limit, found: Vec::new(), looked: 0, stand_ins: HashMap::new() };
    if begins_at == By::Email {
        let behind = after.map(Place::key);
        let listed = by_email(tx, words, behind.as_deref(), limit + 1)?;
        page.found.extend(listed.into_iter().map(|known| (By::Email.place(known.newest.id), known)));
    }
    for (by, index, beginning) in [(By::Name, &BY_NAME, &sought.name), (By::Reading, &BY_READING, &sought.reading)] {
        if by < begins_at || beginning.is_empty() || page.is_full() {
            continue;
        }
        let low = match after {
            Some(place) if place.by == by => Bound::Excluded((place.key(), place.order.created_at, place.order.id)),
            _ => Bound::Included((beginning.clone(), Moment(i64::MIN), OrderId(Uuid::nil()))),
        };
        if let Some(next) = page.walk(tx, &sought, by, index, beginning, low)? {
            return Ok(Found { next: Some(next), ..page.turned() });
        }
    }
    Ok(page.turned())
}

/// A page that is being filled: each customer with the place behind which it would go on.
struct Page {
    limit: usize,
    found: Vec<(String, Known)>,
    looked: usize,
    /// What [`Sought::stands_for`] said of an address: many orders of one customer lie side by side.
    stand_ins: HashMap<String, Option<(By, OrderId)>>,
}

type NameKey = (String, Moment, OrderId);

impl Page {
    /// One more than is shown, which says that there are more.
    fn is_full(&self) -> bool {
        self.found.len() > self.limit
    }

    fn turned(mut self) -> Found {
        let more = self.is_full();
        self.found.truncate(self.limit);
        let next = self.found.last().filter(|_| more).map(|(place, _)| place.clone());
        Found { customers: self.found.into_iter().map(|(_, known)| known).collect(), next }
    }

    fn stand_in(&mut self, tx: &impl Snapshot, sought: &Sought, email: &str) -> Result<Option<(By, OrderId)>, Fault> {
        if let Some(known) = self.stand_ins.get(email) {
            return Ok(*known);
        }
        let found = sought.stands_for(tx, email)?;
        self.stand_ins.insert(email.to_owned(), found);
        Ok(found)
    }

    /// Goes along an index of names from `low` until the page is full. Gives where to go on when enough was looked at before that.
    fn walk(
        &mut self,
        tx: &impl Snapshot,
        sought: &Sought,
        by: By,
        index: &Index<NameKey>,
        beginning: &str,
        mut low: Bound<NameKey>,
    ) -> Result<Option<String>, Fault> {
        let end = (format!("{beginning}\u{10FFFF}"), Moment(i64::MAX), OrderId(Uuid::max()));
        loop {
            let keys = index.range(tx, (low, Bound::Excluded(end.clone())), Direction::Rising, READ)?;
            let is_last = keys.len() < READ;
            let Some(last) = keys.last().cloned() else { return Ok(None) };
            for (_, _, id) in keys {
                self.looked += 1;
                if let Some(order) = table::get(tx, id)? {
                    let email = normal(&order.email);
                    // Whose address begins so was listed by it; an erased customer has none.
                    let is_new = !email.is_empty() && !email.starts_with(&sought.email);
                    if is_new && self.stand_in(tx, sought, &email)? == Some((by, id)) {
                        self.found.extend(known(tx, email)?.map(|known| (by.place(id), known)));
                    }
                }
                if self.is_full() {
                    return Ok(None);
                }
                if self.looked >= LOOKED_AT {
                    return Ok(Some(by.place(id)));
                }
            }
            if is_last {
                return Ok(None);
            }
            low = Bound::Excluded(last);
        }
    }
}
