//! A scene becomes pixels, band by band.
//!
//! Preview and print take the same path: the canvas is cut into bands of [`BAND_ROWS`] rows, which are drawn on their own
//! on all cores. What a band looks like never depends on how many cores there are, so the same design gives the same bytes.

pub(super) mod photo;

pub use photo::look;

use super::jpeg::Jpeg;
use super::picture::{Photos, Picture};
use super::scene::{Affine, Area, Canvas, DrawnArtwork, DrawnShape, DrawnText, Scene, SceneLayer};
use super::{Color, scene};
use crate::kernel::Fault;
use rayon::prelude::*;
use resvg::tiny_skia::{self, FillRule, LineJoin, Paint, Pixmap, Stroke, Transform};
use std::collections::HashMap;
use uuid::Uuid;

/// Rows of a band. Part of what a picture looks like (in the last bit), so not to be changed lightly.
pub const BAND_ROWS: u32 = 128;

/// The ground and the paw of a photo that is not there.
pub(super) const STAND_IN: [Color; 2] = [Color::opaque(0xE7, 0xE3, 0xDA), Color::opaque(0xCF, 0xC8, 0xB8)];

/// A scene made ready for one canvas: what is shared by all bands is computed once.
pub struct Drawing<'a> {
    canvas: Canvas,
    background: Color,
    layers: Vec<Ready<'a>>,
}

enum Ready<'a> {
    Artwork(&'a DrawnArtwork),
    Photo(Box<photo::ReadyPhoto<'a>>),
    Text(&'a DrawnText),
    Shapes(&'a [DrawnShape]),
}

impl<'a> Drawing<'a> {
    /// # Errors
    /// Only for mistakes in the program; any scene can be drawn.
    pub fn new(scene: &'a Scene, photos: &'a Photos, canvas: &Canvas) -> Result<Drawing<'a>, Fault> {
        let layers = scene
            .layers
            .iter()
            .map(|layer| {
                Ok(match layer {
                    SceneLayer::Artwork(artwork) => Ready::Artwork(artwork),
                    SceneLayer::Text(text) => Ready::Text(text),
                    SceneLayer::Shapes(shapes) => Ready::Shapes(shapes),
                    SceneLayer::Photo(drawn) => {
                        let picture = drawn.photo.and_then(|id| photos.get(&id)).map(|picture| &**picture);
                        Ready::Photo(Box::new(photo::ReadyPhoto::new(drawn, picture, canvas)?))
                    }
                })
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Drawing { canvas: *canvas, background: scene.background, layers })
    }

    /// How many bands the canvas has.
    pub fn bands(&self) -> u32 {
        self.canvas.height.div_ceil(BAND_ROWS)
    }

    /// Draws a band, opaque, as RGB rows.
    pub fn band(&self, band: u32) -> Result<Vec<u8>, Fault> {
        Ok(crate::render::pixels::opaque_rgb(self.opaque(band)?.data()))
    }

    /// The same, four bytes a pixel.
    pub fn opaque(&self, band: u32) -> Result<Pixmap, Fault> {
        self.paint(band, Some(Color { alpha: 255, ..self.background }))
    }

    /// The layers of a band on a plain ground, or on one that can be seen through.
    pub(super) fn paint(&self, band: u32, ground: Option<Color>) -> Result<Pixmap, Fault> {
        let top = band * BAND_ROWS;
        let rows = BAND_ROWS.min(self.canvas.height.saturating_sub(top));
        let mut pixmap = Pixmap::new(self.canvas.width, rows).ok_or_else(|| Fault::bug("a band without pixels"))?;
        if let Some(ground) = ground {
            pixmap.fill(skia_color(ground));
        }
        let to_band = self.canvas.to_pixels.then(Affine::translate(0.0, -f64::from(top)));
        for layer in &self.layers {
            match layer {
                Ready::Artwork(artwork) => {
                    let map = Affine::scale(artwork.scale, artwork.scale)
                        .then(Affine::translate(artwork.x, artwork.y))
                        .then(to_band);
                    resvg::render(&artwork.tree, map.skia(), &mut pixmap.as_mut());
                }
                Ready::Photo(photo) => photo.draw(&mut pixmap, top)?,
                Ready::Text(text) => draw_text(&mut pixmap, text, to_band.skia()),
                Ready::Shapes(shapes) => draw_shapes(&mut pixmap, shapes, &to_band),
            }
        }
        Ok(pixmap)
    }
}

/// Draws the whole scene. Uses all cores; call it from a thread that may block.
pub fn draw(scene: &Scene, photos: &Photos, canvas: &Canvas) -> Result<Picture, Fault> {
    // All of it on the drawing threads, which stand back for pages.
    let bands: Vec<Vec<u8>> = rayon::scope(|_| {
        let drawing = Drawing::new(scene, photos, canvas)?;
        (0..drawing.bands()).into_par_iter().map(|band| drawing.band(band)).collect::<Result<_, Fault>>()
    })?;
    Picture::new(canvas.width, canvas.height, 3, bands.concat()).ok_or_else(|| Fault::bug("bands do not add up"))
}

/// As [`draw`], but as the JPEG of `quality` 1–100 that [`super::encode_jpeg`] would make of it: each band is coded where it was drawn.
pub fn draw_jpeg(scene: &Scene, photos: &Photos, canvas: &Canvas, quality: u8) -> Result<Vec<u8>, Fault> {
    let pieces: Vec<Vec<u8>> = rayon::scope(|_| {
        let drawing = Drawing::new(scene, photos, canvas)?;
        let jpeg = Jpeg::new((canvas.width, canvas.height), quality, None)?;
        let piece = |band| jpeg.pack(band, drawing.opaque(band)?.data(), 4);
        (0..drawing.bands()).into_par_iter().map(piece).collect::<Result<_, Fault>>()
    })?;
    Ok(pieces.concat())
}

/// As [`draw`], but nothing lies under the layers: the picture has alpha.
pub fn draw_clear(scene: &Scene, photos: &Photos, canvas: &Canvas) -> Result<Picture, Fault> {
    let drawing = Drawing::new(scene, photos, canvas)?;
    let straight = |band| {
        let pixmap = drawing.paint(band, None)?;
        let colors = pixmap.pixels().iter().map(|pixel| pixel.demultiply());
        Ok(colors.flat_map(|color| [color.red(), color.green(), color.blue(), color.alpha()]).collect())
    };
    let bands: Vec<Vec<u8>> = (0..drawing.bands()).into_par_iter().map(straight).collect::<Result<_, Fault>>()?;
    Picture::new(canvas.width, canvas.height, 4, bands.concat()).ok_or_else(|| Fault::bug("bands do not add up"))
}

/// The longest side of each photo (whole, upright) beyond which the canvas shows no more detail, in pixels.
pub fn needed_pixels(scene: &Scene, canvas: &Canvas) -> HashMap<Uuid, u32> {
    let mut needed = HashMap::new();
    for layer in &scene.layers {
        let SceneLayer::Photo(scene::DrawnPhoto { photo: Some(id), unit_to_scene: unit, .. }) = layer else { continue };
        let across = unit.a.hypot(unit.b) * canvas.scale();
        let down = unit.c.hypot(unit.d) * canvas.scale();
        let side = across.max(down).ceil().clamp(1.0, 60_000.0) as u32;
        let entry = needed.entry(*id).or_insert(side);
        *entry = side.max(*entry);
    }
    needed
}

/// A preview: the trimmed print, `side` pixels along its longer side.
pub fn preview(scene: &Scene, photos: &Photos, side: u32) -> Result<Picture, Fault> {
    draw(scene, photos, &Canvas::long_side(scene, side, Area::Trim))
}

fn draw_text(pixmap: &mut Pixmap, text: &DrawnText, to_band: Transform) {
    if let Some((width, color)) = text.outline.filter(|(width, _)| *width > 0.0) {
        let stroke = Stroke { width: 2.0 * width as f32, line_join: LineJoin::Round, ..Stroke::default() };
        pixmap.stroke_path(&text.path, &paint(color), &stroke, to_band, None);
    }
    pixmap.fill_path(&text.path, &paint(text.color), FillRule::Winding, to_band, None);
}

fn draw_shapes(pixmap: &mut Pixmap, shapes: &[DrawnShape], to_band: &Affine) {
    let height = f64::from(pixmap.height());
    for shape in shapes {
        let bounds = shape.path.bounds();
        let edges = [bounds.left(), bounds.top(), bounds.right(), bounds.bottom()].map(f64::from);
        let [_, top, _, bottom] = to_band.bounds(edges);
        if bottom >= -1.0 && top <= height + 1.0 {
            pixmap.fill_path(&shape.path, &paint(shape.color), FillRule::Winding, to_band.skia(), None);
        }
    }
}

fn skia_color(color: Color) -> tiny_skia::Color {
    tiny_skia::Color::from_rgba8(color.red, color.green, color.blue, color.alpha)
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(skia_color(color));
    paint
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DrawnPhoto, Fade, Frame, PhotoLook, place_photo};
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// A white photo on a red ground: however it is turned and enlarged, no pixel of its frame stays red.
        #[test]
        fn no_pixel_of_a_frame_stays_uncovered(
            (photo_width, photo_height) in (2u32..90, 2u32..90),
            (width, height, turn) in (8.0..60.0f64, 8.0..60.0f64, -180.0..180.0f64),
            at in (0.0..=1.0f64, 0.0..=1.0f64),
            zoom in 1.0..4.0f64,
            rotation in prop_oneof![Just(0.0), Just(90.0), -360.0..360.0f64],
            channels in 3u8..=4,
        ) {
            let bytes = photo_width as usize * photo_height as usize * usize::from(channels);
            let picture = Picture::new(photo_width, photo_height, channels, vec![255; bytes]).unwrap();
            let id = Uuid::from_u128(1);
            let photos = Photos::from([(id, Arc::new(picture))]);
            let frame = Frame { x: 50.0 - width / 2.0, y: 50.0 - height / 2.0, width, height, rotation: turn };
            let size = (f64::from(photo_width), f64::from(photo_height));
            let mask = tiny_skia::PathBuilder::from_rect(tiny_skia::Rect::from_xywh(0.0, 0.0, 1.0, 1.0).unwrap());
            let photo = DrawnPhoto {
                photo: Some(id),
                frame,
                mask: mask.transform(frame.from_unit().skia()).unwrap(),
                unit_to_scene: place_photo(&frame, size, at, zoom, rotation),
                look: PhotoLook::Plain,
                shadow: None,
                border: None,
                opacity: 1.0,
                fade: Fade::default(),
            };
            let layers = vec![SceneLayer::Photo(photo)];
            let scene =
                Scene { width_mm: 100.0, height_mm: 100.0, bleed_mm: 0.0, background: Color::opaque(255, 0, 0), layers };
            let canvas = Canvas::long_side(&scene, 100, Area::Trim);
            let drawn = draw(&scene, &photos, &canvas).unwrap();
            let to_frame = frame.from_unit().inverse().unwrap();
            // Pixels on the frame's own edge are half ground.
            let (edge_x, edge_y) = (1.0 / width, 1.0 / height);
            for (at, pixel) in drawn.pixels.chunks_exact(3).enumerate() {
                let (x, y) = ((at % 100) as f64 + 0.5, (at / 100) as f64 + 0.5);
                let (u, v) = to_frame.map(x, y);
                let is_inside = (edge_x..=1.0 - edge_x).contains(&u) && (edge_y..=1.0 - edge_y).contains(&v);
                prop_assert!(!is_inside || pixel[1] > 250, "{pixel:?} at {x}, {y}");
            }
        }
    }
}
