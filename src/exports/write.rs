//! How a file comes about: thousands of records are read while those before them are told and written, in constant memory.

use super::columns::{Slab, Source, source};
use super::model::{Encoding, Filters, Heads, LISTED_UNFIT, Place, Reached, Size, Unfit, Wish};
use super::sheet::Sheet;
use crate::catalog::{self, ProductId};
use crate::kernel::{Error, Fault, Message, Refusal};
use crate::render;
use crate::shop::Shop;
use crate::store::ReadTx;
use jiff::tz::TimeZone;
use rayon::prelude::*;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Records told on one core in one go: few enough that no core waits long for the others at the end of a slab.
const PIECE: usize = 64;

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub records: u64,
    pub rows: u64,
    pub unfit_count: u64,
    pub unfit: Vec<Unfit>,
    /// What stands above the columns.
    pub heads: Heads,
}

/// Writes what is wished for, as it is now. Blocks.
///
/// # Errors
/// A database that cannot be read, an `out` that cannot be written.
pub fn write(shop: &Shop, wish: &Wish, mut out: impl Write + Send) -> Result<Told, Fault> {
    let work = Work::new(shop, wish)?;
    let mut reached = Reached::default();
    work.go_on(&shop.store().read()?, &mut reached, &mut out, |_, _| Ok(true))?;
    out.flush()?;
    let Reached { records, rows, unfit_count, unfit, .. } = reached;
    Ok(Told { records, rows, unfit_count, unfit, heads: wish.heads })
}

/// A file to be written.
pub struct Work {
    source: Box<dyn Source>,
    encoding: Encoding,
    heads: Heads,
    zone: TimeZone,
    /// Its own: a part takes half a minute, for which no preview waits, nor does a file wait for another one.
    threads: rayon::ThreadPool,
    /// Room for rows, used again and again.
    spare: Mutex<Vec<Vec<u8>>>,
}

/// Some rows, told.
struct Piece {
    bytes: Vec<u8>,
    rows: u64,
    unfit_count: u64,
    unfit: Vec<Unfit>,
}

/// Rows of one slab, and the slab's last place.
struct Part {
    pieces: Vec<Piece>,
    records: u64,
    looked: u64,
    last: Option<Place>,
}

impl Work {
    /// # Errors
    /// A catalogue that cannot be read, a system that gives no threads.
    pub fn new(shop: &Shop, wish: &Wish) -> Result<Work, Fault> {
        let (source, zone) = (source(shop, wish)?, shop.settings().zone());
        let (encoding, heads, threads) = (wish.encoding, wish.heads, render::threads_apart("export")?);
        Ok(Work { source, encoding, heads, zone, threads, spare: Mutex::default() })
    }

    /// # Errors
    /// A database that cannot be read.
    pub fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        self.source.size(tx)
    }

    /// Appends what comes behind `reached`, which always says what `out` has been given. After each part `more` is asked whether to go on.
    /// Gives whether the end was reached.
    ///
    /// # Errors
    /// A database that cannot be read, an `out` that cannot be written, those of `more`.
    pub fn go_on<W: Write + Send>(
        &self,
        tx: &ReadTx,
        reached: &mut Reached,
        out: &mut W,
        more: impl FnMut(&Reached, &mut W) -> Result<bool, Fault> + Send,
    ) -> Result<bool, Fault> {
        // On the threads that tell: to hand each slab over to them from outside would cost more than to tell a part of it.
        self.threads.install(|| self.append(tx, reached, out, more))
    }

    fn append<W: Write + Send>(
        &self,
        tx: &ReadTx,
        reached: &mut Reached,
        out: &mut W,
        mut more: impl FnMut(&Reached, &mut W) -> Result<bool, Fault> + Send,
    ) -> Result<bool, Fault> {
        if reached.bytes == 0 {
            let head = Sheet::head(self.encoding, self.heads, self.source.columns());
            out.write_all(&head)?;
            reached.bytes = head.len() as u64;
        }
        let (mut told, mut next) = (Slab::default(), Slab::default());
        self.source.read(tx, reached.place.as_ref(), &mut told)?;
        let mut waiting: Option<Part> = None;
        loop {
            // One core writes what was told last and reads what comes next; all others, and then this one too, tell what was read.
            let (io, part) = rayon::join(
                || -> Result<bool, Fault> {
                    let goes_on = match waiting.take() {
                        Some(part) => {
                            self.put(part, reached, out)?;
                            more(reached, out)?
                        }
                        None => true,
                    };
                    next.clear();
                    match goes_on && !told.is_end {
                        true => self.source.read(tx, told.last.as_ref(), &mut next)?,
                        false => next.is_end = true,
                    }
                    Ok(goes_on)
                },
                || self.tell(&told),
            );
            if !io? {
                return Ok(false);
            }
            waiting = Some(part?);
            if told.is_end {
                break;
            }
            std::mem::swap(&mut told, &mut next);
        }
        if let Some(part) = waiting {
            self.put(part, reached, out)?;
        }
        more(reached, out)
    }

    fn tell(&self, slab: &Slab) -> Result<Part, Fault> {
        let begins: Vec<usize> = (0..slab.len()).step_by(PIECE).collect();
        let pieces = begins.into_par_iter().with_max_len(1).map(|from| {
            let room = self.spare().pop().unwrap_or_default();
            let mut sheet = Sheet::onto(room, self.encoding, self.source.columns(), self.zone.clone());
            for record in slab.records(from, from + PIECE) {
                self.source.write(record, &mut sheet)?;
            }
            let Sheet { bytes, rows, unfit_count, unfit, .. } = sheet;
            Ok(Piece { bytes, rows, unfit_count, unfit })
        });
        let pieces = pieces.collect::<Result<Vec<Piece>, Fault>>()?;
        Ok(Part { pieces, records: slab.len() as u64, looked: slab.looked, last: slab.last.clone() })
    }

    fn put(&self, part: Part, reached: &mut Reached, out: &mut impl Write) -> Result<(), Fault> {
        for mut piece in part.pieces {
            out.write_all(&piece.bytes)?;
            reached.bytes += piece.bytes.len() as u64;
            reached.rows += piece.rows;
            reached.unfit_count += piece.unfit_count;
            let room = LISTED_UNFIT.saturating_sub(reached.unfit.len());
            reached.unfit.extend(piece.unfit.into_iter().take(room));
            piece.bytes.clear();
            self.spare().push(piece.bytes);
        }
        reached.records += part.records;
        reached.looked += part.looked;
        if part.last.is_some() {
            reached.place = part.last;
        }
        Ok(())
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The filters as they are stored: with the id of their product in place of its name, without spaces around what was typed.
///
/// # Errors
/// 422 when there is no such product; a catalogue that cannot be read.
pub fn with_product(shop: &Shop, filters: Filters) -> Result<Filters, Error> {
    let (asked, actor) = (filters.product.trim(), filters.actor.trim().to_owned());
    if asked.is_empty() {
        return Ok(Filters { product: String::new(), actor, ..filters });
    }
    let shelf = catalog::shelf(shop)?;
    let by_id = asked.parse::<Uuid>().ok().and_then(|id| shelf.item(ProductId(id)));
    let item = by_id.or_else(|| shelf.by_slug(asked)).or_else(|| shelf.by_former_slug(asked));
    let unknown = || Refusal::field("filters.product", Message::new("panel.product_unknown"));
    let product = item.ok_or_else(unknown)?.product.id.to_string();
    Ok(Filters { product, actor, ..filters })
}

#[cfg(test)]
mod tests {
    use super::super::columns::Visit;
    use super::*;
    use crate::store::Store;
    use std::collections::BTreeSet;
    use std::ops::ControlFlow;
    use std::sync::Arc;

    /// Remembers on which threads it was asked.
    #[derive(Clone, Default)]
    struct Spy(Arc<Mutex<BTreeSet<String>>>);

    impl Spy {
        fn note(&self) {
            let thread = std::thread::current();
            self.0.lock().unwrap().insert(thread.name().unwrap_or_default().to_owned());
        }
    }

    impl Source for Spy {
        fn columns(&self) -> &'static [&'static str] {
            &["id"]
        }

        fn size(&self, _: &ReadTx) -> Result<Size, Fault> {
            Ok(Size::Known(1000))
        }

        fn walk(&self, _: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
            self.note();
            let from = after.map_or(0, |place| match place {
                Place::Design(id) => id.as_u128() + 1,
                _ => unreachable!("only these were given"),
            });
            for number in from..1000 {
                let id = Uuid::from_u128(number);
                if visit(Place::Design(id), 1, Some(id.as_bytes()))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        }

        fn write(&self, _: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
            self.note();
            sheet.word("row");
            sheet.end_row();
            Ok(())
        }
    }

    #[test]
    fn a_file_is_read_told_and_written_on_no_thread_that_draws() {
        let spy = Spy::default();
        let work = Work {
            source: Box::new(spy.clone()),
            encoding: Encoding::Utf8Bom,
            heads: Heads::default(),
            zone: TimeZone::UTC,
            threads: render::threads_apart("export").unwrap(),
            spare: Mutex::default(),
        };
        let store = Store::open_on(redb::backends::InMemoryBackend::new()).unwrap();
        let (mut reached, mut out) = (Reached::default(), Vec::new());
        let more = |_: &Reached, _: &mut Vec<u8>| {
            spy.note();
            Ok(true)
        };
        assert!(work.go_on(&store.read().unwrap(), &mut reached, &mut out, more).unwrap());
        assert_eq!((reached.rows, out.len() as u64), (1000, reached.bytes));
        let threads = spy.0.lock().unwrap();
        assert!(!threads.is_empty() && threads.iter().all(|name| name.starts_with("export-")), "{threads:?}");
    }
}
