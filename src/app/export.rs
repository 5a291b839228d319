//! `petstar export`: the same file as the panel's, written by whoever asked.

use super::commands::{self, ExportWish, Outcome};
use crate::exports::{self, Told};
use crate::kernel::{Error, Fault};
use crate::shop::Shop;
use crate::store::files;
use serde_json::json;
use std::io::BufWriter;
use std::path::Path;

/// `petstar export KIND -o FILE` while no shop runs.
///
/// # Errors
/// A wish that cannot be read, a file that cannot be written.
pub async fn command(shop: &Shop, wish: ExportWish, path: &Path) -> Result<Outcome, Error> {
    let asked = wish.clone();
    let wish = wish.read(shop)?;
    let (open, path) = (shop, path.to_owned());
    let shop = shop.clone();
    let work = tokio::task::spawn_blocking(move || {
        super::backup::look_for_room(&path, 0)?;
        files::write_with(&path, 0o600, |file| exports::write(&shop, &wish, BufWriter::with_capacity(1 << 18, file)))
    });
    let told = work.await.map_err(|error| Fault::bug(error.to_string()))??;
    record(open, &asked, told.records).await?;
    Ok(tell(&told))
}

/// What left the shop stands in the audit log, as it does when the panel makes the file.
///
/// # Errors
/// A database that cannot be written.
pub async fn record(shop: &Shop, wish: &ExportWish, records: u64) -> Result<(), Fault> {
    let after = json!({"kind": wish.kind, "filters": wish.filters, "rows": wish.rows, "records": records});
    let now = shop.now();
    shop.store().write(move |tx| commands::record(tx, "export.written", after.clone(), now)).await
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
        stderr += &format!("  - {}, {}: {}\n", cell.record, told.heads.word(&cell.column), cell.characters);
    }
    Outcome { stdout, stderr, code: 0 }
}
