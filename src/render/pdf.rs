//! The print file as PDF: its boxes, sRGB, vectors that stay vectors, letters as outlines, photos at the layout's resolution.
//!
//! Written while it is drawn, so memory follows the bands in flight. No date, no font, no chance: the same design gives
//! the same bytes.

mod artwork;
mod file;
mod image;
mod pen;
mod photo;
#[cfg(test)]
mod tests;

use super::print::{Paper, PrintProblem};
use super::scene::{Affine, Area, Canvas, DrawnShape, DrawnText, Scene, SceneLayer};
use super::{Color, Photos};
use file::File;
pub(super) use file::deflated;
use moxcms::ColorProfile;
use pdf_writer::types::{LineJoinStyle, OutputIntentSubtype, TrappingStatus};
use pdf_writer::writers::ColorSpace;
use pdf_writer::{Filter, Finish, Name, Rect, TextStr};
use pen::Pen;
pub(super) use pen::part;
use photo::Studio;
use std::io::Write;

/// Points (1/72 inch) in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
/// Crop marks begin this far outside of the bleed, so that none of their ink is on the print, and are that long.
const MARK_GAP_MM: f64 = 1.0;
const MARK_LENGTH_MM: f64 = 5.0;
const MARK_WIDTH_MM: f64 = 0.1;
/// Paper around the bleed where there are crop marks.
const MARK_ROOM_MM: f64 = 10.0;

/// Draws trim and bleed as PDF 1.7 and writes it to `out`; `marks` adds room around the bleed with crop marks. Photos have the
/// pixels of a print of `pixels`. `progress` hears percents and ends the work by answering false. Uses all cores; call it
/// from a thread that may block.
pub fn print_pdf(
    scene: &Scene,
    photos: &Photos,
    pixels: (u32, u32),
    paper: &Paper,
    marks: bool,
    out: &mut dyn Write,
    progress: &dyn Fn(u8) -> bool,
) -> Result<(), PrintProblem> {
    let mut file = File::new(out, &srgb()?)?;
    let (catalog, pages, page, content_id) = (file.reserve(), file.reserve(), file.reserve(), file.reserve());
    let boxes = Boxes::new(scene, marks);

    let mut pen = Pen::new(&mut file);
    pen.transform(boxes.placing(scene, paper.mirror).skia());
    let outside = MARK_GAP_MM.max(0.0) + scene.bleed_mm;
    if marks {
        crop_marks(&mut pen, scene, outside);
    }
    let bleed = scene.bleed_mm as f32;
    let (width, height) = (scene.width_mm as f32, scene.height_mm as f32);
    pen.content.rect(-bleed, -bleed, width + 2.0 * bleed, height + 2.0 * bleed).clip_nonzero().end_path();
    pen.fill_color(scene.background);
    pen.content.rect(-bleed, -bleed, width + 2.0 * bleed, height + 2.0 * bleed).fill_nonzero();
    let layers = scene.layers.len().max(1);
    for (at, layer) in scene.layers.iter().enumerate() {
        let percent = (at * 100 / layers) as u8;
        let go_on = || progress(percent);
        if !go_on() {
            return Err(PrintProblem::Stopped);
        }
        let canvas = Canvas::pixels(scene, pixels, Area::Bleed);
        let studio = Studio { scene, photos, canvas, go_on: &go_on };
        match layer {
            SceneLayer::Artwork(artwork) if artwork::is_expressible(&artwork.tree) => pen.apart(|pen| {
                let map = Affine::scale(artwork.scale, artwork.scale).then(Affine::translate(artwork.x, artwork.y));
                pen.transform(map.skia());
                pen.group(artwork.tree.root())
            })?,
            SceneLayer::Artwork(_) => studio.picture(&mut pen, layer)?,
            SceneLayer::Photo(photo) => studio.photo(&mut pen, photo)?,
            SceneLayer::Text(text) => letters(&mut pen, text)?,
            SceneLayer::Shapes(shapes) => fill(&mut pen, shapes)?,
        }
    }
    let content = deflated(pen.content.finish().as_slice())?;

    file.object_as(content_id, |chunk, id| {
        chunk.stream(id, &content).filter(Filter::FlateDecode);
    })?;
    let (resources, profile) = (file.resources, file.profile);
    file.object_as(page, |chunk, id| {
        let mut page = chunk.page(id);
        page.parent(pages).contents(content_id);
        page.media_box(boxes.media).bleed_box(boxes.bleed).trim_box(boxes.trim);
        page.pair(Name(b"Resources"), resources);
        page.group().transparency().isolated(true).insert(Name(b"CS")).start::<ColorSpace>().icc_based(profile);
    })?;
    file.object_as(pages, |chunk, id| {
        chunk.pages(id).kids([page]).count(1);
    })?;
    file.object_as(catalog, |chunk, id| {
        let mut root = chunk.indirect(id).start::<pdf_writer::writers::Catalog>();
        root.pages(pages);
        let mut intents = root.output_intents();
        let mut intent = intents.push();
        intent.subtype(OutputIntentSubtype::PDFX).output_condition_identifier(TextStr("sRGB IEC61966-2.1"));
        intent.info(TextStr("sRGB IEC61966-2.1")).dest_output_profile(profile);
        intent.finish();
    })?;
    let info = file.object(|chunk, id| {
        let mut info = chunk.indirect(id).start::<pdf_writer::writers::DocumentInfo>();
        info.producer(TextStr("petstar")).trapped(TrappingStatus::NotTrapped);
    })?;
    file.finish(catalog, info)?;
    progress(100);
    Ok(())
}

/// The boxes of the page, in points from its lower left corner.
struct Boxes {
    media: Rect,
    bleed: Rect,
    trim: Rect,
    /// From the media box's corner to the trim's, in millimetres.
    inset_mm: f64,
}

impl Boxes {
    fn new(scene: &Scene, marks: bool) -> Boxes {
        let room = if marks { MARK_ROOM_MM } else { 0.0 };
        let inset_mm = room + scene.bleed_mm;
        let inset = |by: f64| {
            let at = |mm: f64| (mm * POINTS) as f32;
            let (right, top) = (scene.width_mm + 2.0 * inset_mm - by, scene.height_mm + 2.0 * inset_mm - by);
            Rect::new(at(by), at(by), at(right), at(top))
        };
        Boxes { media: inset(0.0), bleed: inset(room), trim: inset(inset_mm), inset_mm }
    }

    /// From the scene's millimetres, y down, to the page's points, y up; mirrored left to right where the paper wants it.
    fn placing(&self, scene: &Scene, mirror: bool) -> Affine {
        let placed = if mirror {
            Affine { a: -1.0, b: 0.0, c: 0.0, d: -1.0, e: scene.width_mm, f: scene.height_mm }
        } else {
            Affine { a: 1.0, b: 0.0, c: 0.0, d: -1.0, e: 0.0, f: scene.height_mm }
        };
        placed.then(Affine::translate(self.inset_mm, self.inset_mm)).then(Affine::scale(POINTS, POINTS))
    }
}

/// Two hairlines at each corner show where to cut.
fn crop_marks(pen: &mut Pen, scene: &Scene, outside: f64) {
    pen.stroke_color(Color::BLACK);
    pen.content.set_line_width(MARK_WIDTH_MM as f32);
    let (near, far) = (outside, outside + MARK_LENGTH_MM);
    let (width, height) = (scene.width_mm, scene.height_mm);
    let mut line = |x1: f64, y1: f64, x2: f64, y2: f64| {
        pen.content.move_to(x1 as f32, y1 as f32).line_to(x2 as f32, y2 as f32);
    };
    for y in [0.0, height] {
        line(-far, y, -near, y);
        line(width + near, y, width + far, y);
    }
    for x in [0.0, width] {
        line(x, -far, x, -near);
        line(x, height + near, x, height + far);
    }
    pen.content.stroke();
}

fn letters(pen: &mut Pen, text: &DrawnText) -> Result<(), PrintProblem> {
    pen.apart(|pen| {
        let stroke = text.outline.filter(|(width, _)| *width > 0.0);
        pen.set_alpha(part(text.color.alpha), stroke.map_or(1.0, |(_, color)| part(color.alpha)))?;
        if let Some((width, color)) = stroke {
            pen.stroke_color(color);
            pen.content.set_line_width(2.0 * width as f32).set_line_join(LineJoinStyle::RoundJoin);
            pen.trace(&text.path);
            pen.content.stroke();
        }
        pen.fill_color(text.color);
        pen.trace(&text.path);
        pen.content.fill_nonzero();
        Ok(())
    })
}

fn fill(pen: &mut Pen, shapes: &[DrawnShape]) -> Result<(), PrintProblem> {
    for alike in shapes.chunk_by(|one, next| one.color == next.color) {
        pen.apart(|pen| {
            pen.set_alpha(part(alike[0].color.alpha), 1.0)?;
            pen.fill_color(alike[0].color);
            for shape in alike {
                pen.trace(&shape.path);
                pen.content.fill_nonzero();
            }
            Ok::<_, PrintProblem>(())
        })?;
    }
    Ok(())
}

/// The profile of sRGB, without the moment it was made.
fn srgb() -> Result<Vec<u8>, PrintProblem> {
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    let mut bytes = profile.encode().map_err(|error| crate::kernel::Fault::bug(error.to_string()))?;
    // ICC.1:2010, 7.2: the date stands in bytes 24 to 35; a profile of the shop's own is from its first day.
    if let Some(date) = bytes.get_mut(24..36) {
        date.copy_from_slice(&[0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    Ok(bytes)
}
