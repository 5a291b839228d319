//! The print file as PDF: made when staff ask for it, of the very values and photos the print picture was made of.

use super::jobs::filling;
use super::model::Design;
use super::workshop::workshop;
use crate::kernel::{Code, Error, Fault, Refusal, Result};
use crate::render::{Area, Canvas, PrintProblem, print_pdf};
use crate::shop::Shop;
use crate::store::BlobRef;

/// Draws the PDF of a design whose print picture is there. Blocks for seconds. No row refers to the file, so that the sweep takes
/// it away after a day: it can be made again, byte for byte.
///
/// # Errors
/// `design_not_ready` where a photo is not kept any more.
pub fn print(shop: &Shop, design: &Design, marks: bool) -> Result<BlobRef> {
    let filling = filling(shop, &shop.store().read()?, design)?;
    let used = filling.values.photo_ids();
    let is_kept = |id: &uuid::Uuid| {
        let photo = filling.photos.iter().find(|(photo, _)| photo.0 == *id);
        photo.is_some_and(|(_, photo)| shop.blobs().path(&photo.original.sha256).is_file())
    };
    if !used.iter().all(is_kept) {
        return Err(Refusal::new(Code::DesignNotReady, "designs.photo_not_kept").into());
    }
    let layout = filling.surface.layout();
    let pixels = layout.print_pixels(filling.size);
    let scene = filling.build()?.scene;
    let photos =
        workshop(shop).photos(shop, &filling.photos, &scene, &Canvas::pixels(&scene, pixels, Area::Bleed), true)?;
    let mut file = shop.blobs().writer()?;
    print_pdf(&scene, &photos, pixels, &layout.paper(), marks, &mut file, &|_| true).map_err(
        |problem| match problem {
            PrintProblem::Io(error) => Error::from(Fault::from(error)),
            problem => Fault::from(problem).into(),
        },
    )?;
    Ok(file.finish()?)
}
