//! Lists that came with a later petstar: an older database is given them at its first start.

use crate::kernel::Fault;
use crate::store::{Store, derived};
use crate::{orders, people};

/// Fills the lists this database does not have yet. What they hold follows from rows that stay as they are (decision 0102).
///
/// # Errors
/// A database that cannot be read or written.
pub fn fill(store: &Store) -> Result<(), Fault> {
    derived::fill(store, "orders", 3, &orders::lists::FOLLOWING, |tx, visit| orders::table::follow(tx, visit))?;
    derived::fill(store, "people.mails", 1, people::mails::LATER, |tx, visit| people::mails::follow(tx, visit))?;
    derived::fill(store, "people.audit", 1, people::audit::FOLLOWING, |tx, visit| people::audit::follow(tx, visit))
}
