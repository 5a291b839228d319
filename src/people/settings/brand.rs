//! Colours and logo: how a change is checked, how a logo is taken in, and where both are read from.

use super::{BrandForm, Settings};
use crate::kernel::refusal::Mistakes;
use crate::kernel::{Code, Fault, Message, Refusal, Result};
use crate::render::photo::{Decoder, Limits, PhotoProblem, decode_trusted};
use crate::render::{Picture, encode_png};
use crate::shop::Shop;
use crate::shop::settings::brand::{self, ACCENT, HIGHLIGHT, Logo, Rgb};
use crate::store::{Snapshot, Table, WriteTx};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// One row: the logo's file.
static LOGO: Table<String, LogoRow> = Table::new("people.logo", 1);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LogoRow {
    /// Base64.
    png: String,
}

/// More than any logo needs.
pub const MAX_BYTES: usize = 4 << 20;
/// The longer side of what is kept, in pixels: three times what a page shows, and sharp on paper.
const SIDE: u32 = 480;

pub(super) fn apply(new: &mut Settings, form: &BrandForm, mistakes: &mut Mistakes) {
    type Problem = fn(Rgb) -> Option<(f64, Rgb)>;
    let colors = [
        ("brand.accent", &form.accent, &mut new.brand.accent, ACCENT, brand::accent_problem as Problem),
        ("brand.highlight", &form.highlight, &mut new.brand.highlight, HIGHLIGHT, brand::highlight_problem),
    ];
    for (field, given, place, ours, problem) in colors {
        let Some(text) = given.as_deref().map(str::trim) else { continue };
        if text.is_empty() || text.eq_ignore_ascii_case(ours) {
            place.clear();
            continue;
        }
        match brand::read(text).map(|color| (color, problem(color))) {
            None => mistakes.add(field, Message::new("people.color_form")),
            Some((color, None)) => *place = brand::write(color),
            Some((_, Some((ratio, better)))) => {
                let key = if field == "brand.accent" { "people.accent_contrast" } else { "people.highlight_contrast" };
                // Rounded down: 4.49 is not enough, and must not read as if it were.
                let told = format!("{:.1}", (ratio * 10.0).floor() / 10.0);
                mistakes.add(field, Message::new(key).with("ratio", told).with("better", brand::write(better)));
            }
        }
    }
}

/// The picture of an uploaded file: PNG, JPEG and WebP as they are, SVG drawn. All are read in a child process under limits. Blocks.
///
/// # Errors
/// 415, 413 or 422 for what is no picture that can be taken.
pub fn take_in(shop: &Shop, bytes: &[u8]) -> Result<(Logo, Vec<u8>)> {
    let limits = Limits { max_bytes: MAX_BYTES as u64, max_pixels: 16_000_000 };
    let decoder = Decoder::new(shop.program().to_owned(), limits);
    let is_svg = crate::render::photo::is_svg(bytes);
    let decoded = if is_svg { decoder.draw_svg(bytes, SIDE) } else { decoder.decode_bytes(bytes, Some(SIDE)) };
    let picture = decoded.map(|decoded| decoded.picture).map_err(|problem| match problem {
        PhotoProblem::Fault(fault) => fault.into(),
        PhotoProblem::TooLarge => Refusal::new(Code::ImageTooLarge, "people.logo_large").into(),
        _ if is_svg => Refusal::new(Code::ImageUnreadable, "people.logo_svg").into(),
        PhotoProblem::Unsupported(kind) => crate::kernel::Error::from(Refusal::because(
            Code::UnsupportedMedia,
            Message::new("people.logo_unsupported").with("kind", kind),
        )),
        PhotoProblem::Unreadable => Refusal::new(Code::ImageUnreadable, "people.logo_unreadable").into(),
    })?;
    let png = encode_png(&picture)?;
    Ok((Logo { hash: brand::hash(&png), width: picture.width, height: picture.height }, png))
}

/// # Errors
/// A database that cannot be written.
pub fn put_logo(tx: &WriteTx, png: Option<&[u8]>) -> Result<(), Fault> {
    let key = "logo".to_owned();
    match png {
        Some(png) => LOGO.put(tx, &key, &LogoRow { png: STANDARD.encode(png) }),
        None => LOGO.remove(tx, &key).map(drop),
    }
}

/// The logo's file.
///
/// # Errors
/// A database that cannot be read.
pub fn logo_png(tx: &impl Snapshot) -> Result<Option<Vec<u8>>, Fault> {
    let Some(row) = LOGO.get(tx, &"logo".to_owned())? else { return Ok(None) };
    STANDARD.decode(row.png).map(Some).map_err(|_| Fault::Corrupt("the logo's file".into()))
}

/// The logo's pixels by its hash.
#[derive(Default)]
struct Drawn(Mutex<Option<(String, Arc<Picture>)>>);

/// The logo's pixels, for papers; nothing where there is none, or where it cannot be read.
pub fn logo_picture(shop: &Shop) -> Option<Arc<Picture>> {
    let logo = shop.settings().brand.logo.clone()?;
    let drawn = shop.kept(Drawn::default);
    let mut drawn = drawn.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, picture)) = drawn.as_ref().filter(|(hash, _)| *hash == logo.hash) {
        return Some(picture.clone());
    }
    let read = || -> Result<Option<Picture>, Fault> {
        logo_png(&shop.store().read()?)?.map(|png| decode_trusted(&png)).transpose()
    };
    match read() {
        Ok(picture) => {
            let picture = Arc::new(picture?);
            *drawn = Some((logo.hash, picture.clone()));
            Some(picture)
        }
        Err(fault) => {
            tracing::warn!(%fault, "the logo is left out");
            None
        }
    }
}
