//! Print files of several lines as one zip, written while it is sent: it lies nowhere, and needs no more memory than one block of a file.

use super::print_room::{PrintLine, lines_in_address};
use crate::kernel::{Code, Fault, Refusal};
use crate::people::{self, rights};
use crate::store::BlobRef;
use crate::web::{Problem, Reply, Visit, zip::ZipWriter};
use axum::body::Body;
use axum::http::{Response, header};
use std::path::PathBuf;
use tokio_util::io::ReaderStream;

const AT_ONCE: usize = 64 << 10;

/// The print files of lines as a zip: `lines[]=order/line` for each
#[utoipa::path(get, path = "/admin/print/files", tag = "panel", params(("lines[]" = Vec<String>, Query)),
    responses((status = 200, content_type = "application/zip"), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "`design_not_ready`, where a line has no print file yet"), (status = 422)))]
pub async fn download_files(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, rights::any)?;
    let lines = lines_in_address(&visit.shop.store().read()?, &visit, &visit.page())?;
    let mut files = Vec::new();
    for line in &lines {
        let blob = print_of(line).ok_or_else(|| Refusal::new(Code::DesignNotReady, "panel.file_missing"))?;
        let path = visit.shop.blobs().path(&blob.sha256);
        if !tokio::fs::try_exists(&path).await.map_err(Fault::from)? {
            return Err(Fault::Corrupt(format!("the print file of {} is not there", line.key())).into());
        }
        files.push((file_name(line), path));
    }
    let (writer, reader) = tokio::io::duplex(AT_ONCE);
    let now = visit.now;
    tokio::spawn(async move {
        let mut zip = ZipWriter::new(writer, now);
        if let Err(error) = write_all(&mut zip, files).await {
            // Usually somebody who closed the window; the file they have is cut off and says so.
            tracing::debug!(%error, "a zip of print files ended early");
        }
    });
    let first = lines.first().map(|line| line.order_number.clone()).unwrap_or_default();
    let name =
        if lines.iter().all(|line| line.order_number == first) { first } else { format!("prints-{}", lines.len()) };
    let response = Response::new(Body::from_stream(ReaderStream::with_capacity(reader, AT_ONCE)));
    Ok(Reply::from(response)
        .header(header::CONTENT_TYPE, "application/zip")
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}.zip\""))
        .header(header::CACHE_CONTROL, "private, no-store"))
}

async fn write_all(zip: &mut ZipWriter<tokio::io::DuplexStream>, files: Vec<(String, PathBuf)>) -> std::io::Result<()> {
    for (name, path) in files {
        zip.file(&name, tokio::fs::File::open(path).await?).await?;
    }
    zip.finish().await
}

fn print_of(line: &PrintLine) -> Option<&BlobRef> {
    Some(&line.design.as_ref()?.final_picture.as_ref()?.blob)
}

/// `PS-000123-1of2-x3.png`: which order, which line, how many pieces. Sorted by name they are in the order of the orders.
fn file_name(line: &PrintLine) -> String {
    format!("{}-{}of{}-x{}.png", line.order_number, line.line_number, line.lines_in_order, line.quantity)
}
