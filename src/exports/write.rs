//! How a file comes about: thousands of records are read while those before them are told and written, in constant memory.

use super::columns::{Slab, Source, source};
use super::model::{Encoding, LISTED_UNFIT, Place, Reached, Unfit, Wish};
use super::sheet::Sheet;
use crate::kernel::Fault;
use crate::shop::Shop;
use crate::store::ReadTx;
use jiff::tz::TimeZone;
use rayon::prelude::*;
use std::io::Write;

/// Records told on one core in one go.
const PIECE: usize = 512;

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub records: u64,
    pub rows: u64,
    pub unfit_count: u64,
    pub unfit: Vec<Unfit>,
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
    Ok(Told { records, rows, unfit_count, unfit })
}

/// A file to be written.
pub struct Work {
    source: Box<dyn Source>,
    encoding: Encoding,
    zone: TimeZone,
}

/// Some rows, told.
struct Piece {
    bytes: Vec<u8>,
    rows: u64,
    unfit_count: u64,
    unfit: Vec<Unfit>,
}

/// Rows of one slab, and the slab's last record.
struct Part {
    pieces: Vec<Piece>,
    records: u64,
    last: Option<Place>,
}

impl Work {
    /// # Errors
    /// A catalogue that cannot be read.
    pub fn new(shop: &Shop, wish: &Wish) -> Result<Work, Fault> {
        Ok(Work { source: source(shop, wish)?, encoding: wish.encoding, zone: shop.settings().zone() })
    }

    pub fn total(&self, tx: &ReadTx) -> Result<u64, Fault> {
        self.source.total(tx)
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
        mut more: impl FnMut(&Reached, &mut W) -> Result<bool, Fault> + Send,
    ) -> Result<bool, Fault> {
        if reached.bytes == 0 {
            let head = Sheet::head(self.encoding, self.source.columns());
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
                            write_part(part, reached, out)?;
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
            write_part(part, reached, out)?;
        }
        more(reached, out)
    }

    fn tell(&self, slab: &Slab) -> Result<Part, Fault> {
        let begins: Vec<usize> = (0..slab.len()).step_by(PIECE).collect();
        let pieces = begins.into_par_iter().map(|from| {
            let mut sheet = Sheet::new(self.encoding, self.source.columns(), self.zone.clone());
            for record in slab.records(from, from + PIECE) {
                self.source.write(record, &mut sheet)?;
            }
            let Sheet { bytes, rows, unfit_count, unfit, .. } = sheet;
            Ok(Piece { bytes, rows, unfit_count, unfit })
        });
        let pieces = pieces.collect::<Result<Vec<Piece>, Fault>>()?;
        Ok(Part { pieces, records: slab.len() as u64, last: slab.last.clone() })
    }
}

fn write_part(part: Part, reached: &mut Reached, out: &mut impl Write) -> Result<(), Fault> {
    for piece in part.pieces {
        out.write_all(&piece.bytes)?;
        reached.bytes += piece.bytes.len() as u64;
        reached.rows += piece.rows;
        reached.unfit_count += piece.unfit_count;
        let room = LISTED_UNFIT.saturating_sub(reached.unfit.len());
        reached.unfit.extend(piece.unfit.into_iter().take(room));
    }
    reached.records += part.records;
    if part.last.is_some() {
        reached.place = part.last;
    }
    Ok(())
}
