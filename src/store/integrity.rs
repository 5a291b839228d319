//! Whether a database file is as it was written, page by page.
//!
//! redb seals every page with a checksum, but compares it only when it is told to. What it would then repair, it would write; so it is
//! shown the file through a glass: what it writes stays in memory, and the file is as before.

use super::open::builder;
use crate::kernel::Fault;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Looks through the whole file. Nobody may write to it meanwhile.
///
/// # Errors
/// [`Fault::Corrupt`] for a file of which a single bit is not as it was written, [`Fault::Io`] for one that cannot be read.
pub fn look(file: &Path) -> Result<(), Fault> {
    let glass = Glass::over(File::open(file)?)?;
    // Meeting what cannot be, redb may panic.
    let found = catch_unwind(AssertUnwindSafe(|| {
        // What a crash left to be done is done first, and only then compared.
        drop(builder().create_with_backend(glass.clone())?);
        builder().create_with_backend(glass)?.check_integrity()
    }));
    match found {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Fault::Corrupt("a page of the file is not as it was written".to_owned())),
        Ok(Err(error)) => Err(Fault::Corrupt(format!("the file is not as it was written: {error}"))),
        Err(_) => Err(Fault::Corrupt("the file makes no sense".to_owned())),
    }
}

const PAGE: u64 = 4096;

/// A file that is read, with what was written since kept in memory.
#[derive(Clone, Debug)]
struct Glass(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// Of the file itself; beyond it there is nothing but what was written.
    bytes: u64,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Glass {
    fn over(file: File) -> Result<Glass, Fault> {
        let bytes = file.metadata()?.len();
        let written = Mutex::new(Written { length: bytes, pages: BTreeMap::new() });
        Ok(Glass(Arc::new(Inner { file, bytes, written })))
    }

    /// The bytes of a page of the file, zeros behind its end.
    fn page(&self, number: u64) -> io::Result<Box<[u8]>> {
        let mut page = vec![0; PAGE as usize].into_boxed_slice();
        self.fill(number * PAGE, &mut page)?;
        Ok(page)
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.0.bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        out[there..].fill(0);
        self.0.file.read_exact_at(&mut out[..there], offset)
    }
}

impl StorageBackend for Glass {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.written.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.fill(offset, out)?;
        let written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset + out.len() as u64;
        for (number, page) in written.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let (from, to) = ((number * PAGE).max(offset), ((number + 1) * PAGE).min(end));
            let (into, inside) = ((from - offset) as usize, (from - number * PAGE) as usize);
            let length = (to - from) as usize;
            out[into..into + length].copy_from_slice(&page[inside..inside + length]);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner).length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = 0;
        while at < data.len() {
            let place = offset + at as u64;
            let (number, inside) = (place / PAGE, (place % PAGE) as usize);
            let length = (PAGE as usize - inside).min(data.len() - at);
            let page = match written.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => place.insert(self.page(number)?),
            };
            page[inside..inside + length].copy_from_slice(&data[at..at + length]);
            at += length;
        }
        Ok(())
    }
}
