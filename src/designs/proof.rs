//! The print is the preview: a print file read back from the disk, beside the preview the customer approved.

use super::content::Filling;
use super::jobs::filling;
use super::model::{Approved, Design, Final, PhotoId};
use super::workshop::{LOW_SIDE, preview_url};
use crate::kernel::{Error, Fault};
use crate::render::compare::{self, Likeness, PrintView, likeness, shrink_print};
use crate::render::photo::{PROXY_LEAST, PROXY_SIDE, decode_trusted};
use crate::render::{Area, Canvas, Picture, Scene};
use crate::shop::Shop;
use crate::store::Snapshot;
use std::io::BufReader;

const READ_AT_ONCE: usize = 256 << 10;

/// A print that was compared and found too different, for staff to look at.
#[derive(Clone, Debug)]
pub struct Compared {
    pub likeness: Likeness,
    /// The preview the customer approved.
    pub approved_url: String,
    /// The print file, trimmed and shrunk to the preview's size.
    pub print_url: String,
    /// Where the print is rendered again.
    pub again_url: String,
}

/// What staff look at where the print of a design is too different from its preview.
pub fn compared(design: &Design) -> Option<Compared> {
    Some(Compared {
        likeness: design.differs()?,
        approved_url: preview_url(&design.preview.as_ref()?.name),
        print_url: format!("/admin/designs/{}/print-preview", design.id),
        again_url: format!("/admin/designs/{}/render", design.id),
    })
}

/// How much the print file, as it stands on the disk, is like the preview. Takes as long as reading the file: less than a second.
///
/// # Errors
/// A file that is missing or cannot be read back.
pub fn prove(shop: &Shop, filling: &Filling, preview: &Approved, print: &Final) -> Result<Likeness, Fault> {
    let scene = filling.build()?.scene;
    let seen = decode_trusted(&shop.blobs().read(&preview.blob.sha256)?)?;
    let softness = softness(filling, &scene, seen.long_side());
    let print = shrunk(shop, filling, &scene, print, (seen.width, seen.height))?;
    let same_size = (seen.width, seen.height) == (print.width, print.height);
    let seen = if same_size { seen } else { seen.resized(print.width, print.height)? };
    likeness(&seen, &print, softness)
}

/// The print file of a design as large as its preview.
///
/// # Errors
/// As [`prove`].
pub fn shrunk_print(shop: &Shop, tx: &impl Snapshot, design: &Design, print: &Final) -> Result<Picture, Error> {
    let filling = filling(shop, tx, design)?;
    let scene = filling.build()?.scene;
    let wanted = Canvas::long_side(&scene, LOW_SIDE, Area::Trim);
    Ok(shrunk(shop, &filling, &scene, print, (wanted.width, wanted.height))?)
}

fn shrunk(shop: &Shop, filling: &Filling, scene: &Scene, print: &Final, wanted: (u32, u32)) -> Result<Picture, Fault> {
    let is_mirrored = filling.surface.layout().paper().mirror;
    let view = PrintView::new(scene, (print.width, print.height), wanted, is_mirrored);
    shrink_print(BufReader::with_capacity(READ_AT_ONCE, shop.blobs().open_file(&print.blob.sha256)?), &view)
}

/// How many pixels of the preview one pixel of its coarsest photo covered. Small previews are drawn from proxies, prints never are.
fn softness(filling: &Filling, scene: &Scene, side: u32) -> f64 {
    if side > LOW_SIDE {
        return 1.0;
    }
    let is_shrunk =
        |id| filling.photos.get(&PhotoId(id)).is_some_and(|photo| photo.width.max(photo.height) > PROXY_SIDE);
    compare::softness(scene, &Canvas::long_side(scene, side, Area::Trim), PROXY_LEAST, is_shrunk)
}
