//! Everything that outlives the process: one redb file of typed tables, and files named by their content.
//!
//! May touch: the database file and the data folder. Nothing else in the program writes files.
//! Begin with [`Store`] (opening, reading, writing), then [`Table`] and [`Index`] (rows), then [`Blobs`] (files).

pub mod backup;
pub mod blobs;
mod cache;
pub mod derived;
pub mod files;
pub(crate) mod ground;
pub mod integrity;
mod key;
pub mod migration;
mod open;
mod table;
mod tx;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use blobs::{BlobRef, BlobWriter, Blobs, Digest, Hold, Swept};
pub use cache::Cache;
pub use key::Key;
pub use open::{FORMAT, Store};
pub use table::{Counter, Index, Order, Page, Table};
pub use tx::{ReadTx, Snapshot, WriteTx};
