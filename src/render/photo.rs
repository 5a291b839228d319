//! Customers' photos: what a file is, and its pixels.
//!
//! Decoders have bugs, so a customer's bytes are decoded only in a child process with limits on memory and time
//! ([`Decoder`]); the worst a file can do there is to be refused.

mod child;
pub mod corpus;
mod decode;
mod kind;

pub use child::{Decoder, Developed, Limits, PhotoProblem, child_main, limit_self as limit_child};
pub use decode::Decoded;
pub use kind::{Kind, inspect};

use super::jpeg::{self, Colors};
use super::picture::{Picture, encode_png};
use crate::kernel::Fault;
use std::io::{ErrorKind, Read};

/// The bytes are an SVG, by how they begin.
pub fn is_svg(bytes: &[u8]) -> bool {
    inspect(&bytes[..bytes.len().min(512)]) == Kind::Unsupported("SVG")
}

/// The longer side of the small copy that editor and previews work with, in pixels; up to a sixteenth less where that is the size a
/// file is decoded at.
pub const PROXY_SIDE: u32 = 1600;
/// What a larger photo's proxy has at least.
pub const PROXY_LEAST: u32 = PROXY_SIDE - PROXY_SIDE / 16;

/// What a proxy is coded with.
const PROXY_QUALITY: u8 = 90;

/// The small copy of a photo.
pub struct Proxy {
    /// JPEG, or PNG where the photo has alpha. Holds nothing but pixels.
    pub file: Vec<u8>,
    pub content_type: &'static str,
    /// What [`decode_trusted`] makes of the file, to the last bit, so that a preview drawn from this is the one drawn from the file later.
    pub picture: Picture,
}

impl Proxy {
    /// # Errors
    /// Only for mistakes in the program.
    pub fn new(mut picture: Picture) -> Result<Proxy, Fault> {
        if picture.has_alpha() {
            return Ok(Proxy { file: encode_png(&picture)?, content_type: "image/png", picture });
        }
        let file = jpeg::pack_as_seen(&mut picture, PROXY_QUALITY)?;
        Ok(Proxy { file, content_type: "image/jpeg", picture })
    }

    /// The same for rows of which some are still on their way ([`jpeg::pack_while_read`]).
    fn read(size: (u32, u32), colors: Colors, rows: &mut dyn Read) -> Result<Proxy, PhotoProblem> {
        let read = jpeg::pack_while_read(size, colors, PROXY_QUALITY, rows);
        let (file, picture) = read.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => PhotoProblem::Unreadable,
            _ => PhotoProblem::Fault(error.into()),
        })?;
        Ok(Proxy { file, content_type: "image/jpeg", picture })
    }
}

/// Decodes a picture of the shop's own making (a proxy, a sample) in this process. Never for a customer's bytes.
pub fn decode_trusted(bytes: &[u8]) -> Result<Picture, Fault> {
    if let Some(picture) = jpeg::unpack(bytes) {
        return Ok(picture);
    }
    let limits = decode::Limits { max_pixels: 200_000_000, max_side: None, enough: None, may_halve: false };
    decode::decode(bytes, &limits)
        .map(|decoded| decoded.picture)
        .map_err(|problem| Fault::Corrupt(format!("a picture of our own could not be read: {problem}")))
}

/// The copy of a photo that is coded while it is read, as [`Decoder::develop`] has it made, without a child process. `None` for a file whose
/// copy is made otherwise.
#[cfg(test)]
pub(crate) fn copy_while_read(file: &[u8]) -> Option<Proxy> {
    let (max_side, enough) = (Some(PROXY_SIDE), Some(PROXY_LEAST));
    let limits = decode::Limits { max_pixels: 64_000_000, max_side, enough, may_halve: true };
    let flowing = decode::flowing(file, &limits)?;
    let (size, colors) = (flowing.size(), if flowing.is_halved { Colors::Halved } else { Colors::Full });
    let mut rows = Vec::new();
    flowing.each(|some| rows.extend_from_slice(some))?;
    Proxy::read(size, colors, &mut rows.as_slice()).ok()
}
