//! `petstar export`: the same file as the panel's, written by whoever asked.

use super::commands::{ExportWish, Outcome};
use crate::exports::{self, Told};
use crate::kernel::{Error, Fault};
use crate::shop::Shop;
use crate::store::files;
use std::io::BufWriter;
use std::path::Path;

/// `petstar export KIND -o FILE` while no shop runs.
///
/// # Errors
/// A wish that cannot be read, a file that cannot be written.
pub async fn command(shop: &Shop, wish: ExportWish, path: &Path) -> Result<Outcome, Error> {
    let wish = wish.read(shop)?;
    let (shop, path) = (shop.clone(), path.to_owned());
    let work = tokio::task::spawn_blocking(move || {
        super::backup::look_for_room(&path, 0)?;
        files::write_with(&path, 0o600, |file| exports::write(&shop, &wish, BufWriter::with_capacity(1 << 18, file)))
    });
    let told = work.await.map_err(|error| Fault::bug(error.to_string()))??;
    Ok(tell(&told))
}

/// What stands in the file, in words. Characters that did not fit are no failure.
pub fn tell(told: &Told) -> Outcome {
    let stdout = format!("Exported: {} records in {} rows.\n", told.records, told.rows);
    if told.unfit_count == 0 {
        return Outcome { stdout, ..Outcome::default() };
    }
    let mut stderr =
        format!("Cells with characters that the encoding does not have (〓 in the file): {}.\n", told.unfit_count);
    for cell in told.unfit.iter().take(20) {
        stderr += &format!("  - {}, {}: {}\n", cell.record, cell.column, cell.characters);
    }
    Outcome { stdout, stderr, code: 0 }
}
