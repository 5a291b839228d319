//! Taking in a customer's photo: limits while it streams, kind by content, decoding in a child process, a small upright proxy.

use super::model::{DesignId, Photo, PhotoId};
use super::rules::{self, MAX_PHOTOS};
use super::table;
use super::workshop::workshop;
use crate::kernel::{Code, Fault, Message, Refusal, Result};
use crate::render::photo::{Decoded, Developed, Kind, PhotoProblem, inspect};
use crate::shop::Shop;
use crate::store::{BlobRef, BlobWriter};
use crate::web::Problem;
use crate::web::input::body_problem;
use axum::extract::multipart::Field;
use bytes::Bytes;

/// Enough of a file to know its kind.
const HEAD: usize = 64;
/// How much is gathered before it is written, so that not every packet costs a hop to another thread.
const PIECE: usize = 256 << 10;

/// What a file is, or why it is not taken.
fn check_kind(head: &[u8]) -> Result<(), Refusal> {
    match inspect(head) {
        Kind::Jpeg | Kind::Png | Kind::Webp => Ok(()),
        Kind::Unsupported(name) => Err(unsupported(name)),
        Kind::Unknown => Err(Refusal::new(Code::ImageUnreadable, "designs.photo_unreadable")),
    }
}

fn unsupported(name: &str) -> Refusal {
    Refusal::because(Code::UnsupportedMedia, Message::new("designs.photo_unsupported").with("kind", name))
}

fn too_many_bytes(max_bytes: u64) -> Refusal {
    let message = Message::new("designs.photo_too_many_bytes").with("megabytes", max_bytes >> 20);
    Refusal::because(Code::PayloadTooLarge, message)
}

/// A problem with a photo, to the customer who sends it.
fn refuse(problem: PhotoProblem) -> crate::kernel::Error {
    match problem {
        PhotoProblem::Unsupported(name) => unsupported(name).into(),
        PhotoProblem::Unreadable => Refusal::new(Code::ImageUnreadable, "designs.photo_unreadable").into(),
        PhotoProblem::TooLarge => Refusal::new(Code::ImageTooLarge, "designs.photo_too_large").into(),
        PhotoProblem::Fault(fault) => fault.into(),
    }
}

/// A problem with a photo that was taken in earlier, to staff.
pub fn as_fault(problem: &PhotoProblem) -> Fault {
    match problem {
        PhotoProblem::Fault(fault) => fault.clone(),
        problem => Fault::Corrupt(format!("a photo of the design cannot be read: {problem}")),
    }
}

/// Streams one part of a multipart body into the blobs. Nothing stays when it is refused.
///
/// # Errors
/// `unsupported_media`, `image_unreadable` by its first bytes, `payload_too_large`, or a disk that is full.
pub async fn receive(shop: &Shop, mut field: Field<'_>) -> Result<BlobRef, Problem> {
    let stored = store(shop, &mut field).await;
    if stored.is_err() {
        // Browsers that are still sending when the answer comes show a broken connection in its place.
        let mut left = shop.config().uploads.max_bytes.saturating_mul(2);
        while let (Ok(Some(piece)), true) = (field.chunk().await, left > 0) {
            left = left.saturating_sub(piece.len() as u64);
        }
    }
    stored
}

async fn store(shop: &Shop, field: &mut Field<'_>) -> Result<BlobRef, Problem> {
    let max_bytes = shop.config().uploads.max_bytes;
    let blobs = shop.blobs().clone();
    let mut writer = blocking(move || blobs.writer()).await?;
    let mut gathered: Vec<u8> = Vec::with_capacity(PIECE);
    let mut bytes = 0u64;
    let mut is_known = false;
    loop {
        let piece: Option<Bytes> = field.chunk().await.map_err(|error| body_problem(error.status().as_u16()))?;
        let ended = piece.is_none();
        if let Some(piece) = piece {
            bytes += piece.len() as u64;
            if bytes > max_bytes {
                return Err(too_many_bytes(max_bytes).into());
            }
            gathered.extend_from_slice(&piece);
        }
        if !is_known && (gathered.len() >= HEAD || ended) {
            check_kind(&gathered)?;
            is_known = true;
        }
        if gathered.len() >= PIECE || ended {
            let piece = std::mem::replace(&mut gathered, Vec::with_capacity(PIECE));
            writer = blocking(move || write(writer, &piece)).await?;
        }
        if ended {
            return Ok(blocking(move || writer.finish()).await?);
        }
    }
}

fn write(mut writer: BlobWriter, piece: &[u8]) -> Result<BlobWriter, Fault> {
    writer.write(piece)?;
    Ok(writer)
}

/// Runs what blocks on a thread for it.
pub async fn blocking<T: Send + 'static, E: From<Fault> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::bug(format!("work broke off: {error}")).into()),
    }
}

/// Makes a photo of a received file and adds it to the design. Blocks while a child process decodes it.
///
/// # Errors
/// What the file is not: `image_unreadable`, `image_too_large`, `unsupported_media`.
pub fn develop(shop: &Shop, original: BlobRef) -> Result<Photo> {
    let file = shop.blobs().path(&original.sha256);
    let Developed { proxy, width, height } = workshop(shop).decoder.develop(&file).map_err(refuse)?;
    let kept = shop.blobs().put(&proxy.file)?;
    // The preview will be asked for at once.
    workshop(shop).keep_proxy(kept.sha256, proxy.picture);
    Ok(Photo {
        id: PhotoId(shop.new_id()),
        original,
        proxy: kept,
        proxy_type: proxy.content_type.to_owned(),
        width,
        height,
        created_at: shop.now(),
    })
}

/// The picture in a received file, upright and as large as a proxy. Blocks while a child process decodes it.
///
/// # Errors
/// As [`develop`].
pub fn decoded(shop: &Shop, original: &BlobRef) -> Result<Decoded> {
    let file = shop.blobs().path(&original.sha256);
    workshop(shop).decoder.decode_small(&file).map_err(refuse)
}

/// # Errors
/// `design_locked`; 422 when the design has as many photos as it may.
pub fn check_room(tx: &impl crate::store::Snapshot, id: DesignId) -> Result<()> {
    let design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
    rules::check_unlocked(&design)?;
    if table::photos(tx, id)?.len() >= MAX_PHOTOS {
        return Err(Refusal::field("file", Message::new("designs.too_many_photos").with("max", MAX_PHOTOS)).into());
    }
    Ok(())
}
