//! The store as its users see it.

use super::*;
use crate::kernel::Fault;

const NAMES: Table<u32, String> = Table::new("test.names", 1);

#[test]
fn what_was_written_is_read_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("petstar.redb");
    let store = Store::open(&file).unwrap();
    store.write_blocking(|tx| NAMES.put(tx, &7, &"Chelsea".to_owned())).unwrap();
    assert_eq!(Store::open(&file).err(), Some(Fault::Busy));
    store.close().unwrap();
    let store = Store::open(&file).unwrap();
    assert_eq!(NAMES.get(&store.read().unwrap(), &7).unwrap().as_deref(), Some("Chelsea"));
}
