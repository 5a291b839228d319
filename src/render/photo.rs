//! Customers' photos: what a file is, and its pixels.
//!
//! Decoders have bugs, so a customer's bytes are decoded only in a child process with limits on memory and time
//! ([`Decoder`]); the worst a file can do there is to be refused.

mod child;
pub mod corpus;
mod decode;
mod kind;
mod reduced;

pub use child::{Decoder, Limits, PhotoProblem, child_main, limit_self as limit_child};
pub use decode::Decoded;
pub use kind::{Kind, inspect};

use super::jpeg;
use super::picture::{Picture, encode_jpeg, encode_png};
use crate::kernel::Fault;

/// The bytes are an SVG, by how they begin.
pub fn is_svg(bytes: &[u8]) -> bool {
    inspect(&bytes[..bytes.len().min(512)]) == Kind::Unsupported("SVG")
}

/// The longer side of the small copy that editor and previews work with, in pixels.
pub const PROXY_SIDE: u32 = 1600;

/// The proxy's file and its content type: JPEG, or PNG where the photo has alpha. Holds nothing but pixels.
pub fn encode_proxy(picture: &Picture) -> Result<(Vec<u8>, &'static str), Fault> {
    if picture.has_alpha() {
        Ok((encode_png(picture)?, "image/png"))
    } else {
        Ok((encode_jpeg(picture, 90)?, "image/jpeg"))
    }
}

/// Decodes a picture of the shop's own making (a proxy, a sample) in this process. Never for a customer's bytes.
pub fn decode_trusted(bytes: &[u8]) -> Result<Picture, Fault> {
    if let Some(picture) = jpeg::unpack(bytes) {
        return Ok(picture);
    }
    let limits = decode::Limits { max_pixels: 200_000_000, max_side: None };
    decode::decode(bytes, &limits)
        .map(|decoded| decoded.picture)
        .map_err(|problem| Fault::Corrupt(format!("a picture of our own could not be read: {problem}")))
}
