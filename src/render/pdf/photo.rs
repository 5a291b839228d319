//! Photos: pixels at the layout's resolution, cut by a vector mask; shadows, soft edges and cut-outs by a mask of pixels.

use super::file::name;
use super::image::{GoOn, Image};
use super::pen::Pen;
use crate::kernel::Fault;
use crate::render::draw::photo::{SoftShape, paw};
use crate::render::draw::{BAND_ROWS, Drawing, STAND_IN};
use crate::render::scene::{Affine, Canvas, DrawnPhoto, DrawnShadow, Fade, Scene, SceneLayer};
use crate::render::{Color, Photos, PrintProblem};
use pdf_writer::types::LineJoinStyle;
use pdf_writer::{Name, Ref};
use resvg::tiny_skia::{self, Path, PathBuilder, Pixmap};

/// A shadow is drawn no finer than this many pixels for each standard deviation of its blur: smooth to the eye at any size.
const SHADOW_DETAIL: f64 = 20.0;

/// What pixels are made of: the scene they belong to, the photos, and the canvas of the whole print.
pub struct Studio<'a> {
    pub scene: &'a Scene,
    pub photos: &'a Photos,
    pub canvas: Canvas,
    pub go_on: GoOn<'a>,
}

impl Studio<'_> {
    /// A part of the print's canvas, on the very same pixels. `None` where nothing of it is printed.
    fn part(&self, [left, top, right, bottom]: [f64; 4]) -> Option<Canvas> {
        let [left, top, right, bottom] = self.canvas.to_pixels.bounds([left, top, right, bottom]);
        let clip = |value: f64, max: u32| value.clamp(0.0, f64::from(max)) as u32;
        let (left, top) = (clip(left.floor(), self.canvas.width), clip(top.floor(), self.canvas.height));
        let (right, bottom) = (clip(right.ceil(), self.canvas.width), clip(bottom.ceil(), self.canvas.height));
        let to_pixels = self.canvas.to_pixels.then(Affine::translate(-f64::from(left), -f64::from(top)));
        (left < right && top < bottom).then(|| Canvas { width: right - left, height: bottom - top, to_pixels })
    }

    /// The scene with nothing but one layer.
    fn alone(&self, layer: SceneLayer) -> Scene {
        Scene { layers: vec![layer], ..Scene { layers: vec![], ..self.scene.clone() } }
    }

    /// A layer PDF has no words for, drawn by our own renderer.
    pub fn picture(&self, pen: &mut Pen, layer: &SceneLayer) -> Result<(), PrintProblem> {
        let scene = self.alone(layer.clone());
        let drawing = Drawing::new(&scene, self.photos, &self.canvas)?;
        let band = |at: u32| drawing.paint(at, None);
        let (width, height) = (self.canvas.width, self.canvas.height);
        let image = Image { width, height, color: &band, alpha: Some(&band), is_photo: false, smooth: false };
        let id = image.write(pen.file, self.go_on)?;
        place(pen, id, &self.canvas)
    }

    pub fn photo(&self, pen: &mut Pen, photo: &DrawnPhoto) -> Result<(), PrintProblem> {
        if let Some(shadow) = photo.shadow.filter(|shadow| shadow.color.alpha > 0) {
            self.shadow(pen, &photo.mask, shadow)?;
        }
        match photo.photo.and_then(|id| self.photos.get(&id)) {
            Some(picture) => self.pixels(pen, photo, picture.has_alpha())?,
            None => stand_in(pen, photo)?,
        }
        if let Some((width, color)) = photo.border.filter(|(width, _)| *width > 0.0) {
            pen.apart(|pen| {
                pen.set_alpha(1.0, super::pen::part(color.alpha))?;
                pen.stroke_color(color);
                pen.content.set_line_width(width as f32).set_line_join(LineJoinStyle::MiterJoin).set_miter_limit(4.0);
                pen.trace(&photo.mask);
                pen.content.stroke();
                Ok::<_, PrintProblem>(())
            })?;
        }
        Ok(())
    }

    fn pixels(&self, pen: &mut Pen, photo: &DrawnPhoto, has_alpha: bool) -> Result<(), PrintProblem> {
        let Some(part) = self.part(photo.frame.bounds()) else { return Ok(()) };
        let [left, top, right, bottom] = photo.frame.bounds();
        // Everything in the frame's bounds is drawn; the mask cuts it afterwards, as sharp as the printer can.
        let all =
            tiny_skia::Rect::from_ltrb(left as f32 - 1.0, top as f32 - 1.0, right as f32 + 1.0, bottom as f32 + 1.0)
                .map(PathBuilder::from_rect)
                .ok_or_else(|| Fault::bug("a frame without area"))?;
        let bare =
            DrawnPhoto { mask: all, shadow: None, border: None, opacity: 1.0, fade: Fade::default(), ..photo.clone() };
        let faded = DrawnPhoto { fade: photo.fade, ..bare.clone() };
        let (bare, faded) = (self.alone(SceneLayer::Photo(bare)), self.alone(SceneLayer::Photo(faded)));
        let color = Drawing::new(&bare, self.photos, &part)?;
        let alpha = Drawing::new(&faded, self.photos, &part)?;
        let (color, alpha) = (|at: u32| color.paint(at, None), |at: u32| alpha.paint(at, None));
        let is_soft = has_alpha || !photo.fade.is_none();
        let image = Image {
            width: part.width,
            height: part.height,
            color: &color,
            alpha: if is_soft { Some(&alpha) } else { None },
            is_photo: !has_alpha,
            smooth: false,
        };
        let id = image.write(pen.file, self.go_on)?;
        pen.apart(|pen| {
            pen.set_alpha(photo.opacity as f32, 1.0)?;
            pen.trace(&photo.mask);
            pen.content.clip_nonzero().end_path();
            place(pen, id, &part)
        })
    }

    /// The shadow is one colour behind a soft mask.
    fn shadow(&self, pen: &mut Pen, mask: &Path, shadow: DrawnShadow) -> Result<(), PrintProblem> {
        let sigma = shadow.blur / 2.0;
        let scale = if sigma > 0.0 { self.canvas.scale().min(SHADOW_DETAIL / sigma) } else { self.canvas.scale() };
        let Some(shape) = SoftShape::new(mask, shadow.blur, self.canvas.scale()) else { return Ok(()) };
        let (bounds, bleed) = (mask.bounds(), self.scene.bleed_mm);
        let reach = 3.0 * sigma + 1.0;
        let left = (f64::from(bounds.left()) + shadow.dx - reach).max(-bleed);
        let top = (f64::from(bounds.top()) + shadow.dy - reach).max(-bleed);
        let right = (f64::from(bounds.right()) + shadow.dx + reach).min(self.scene.width_mm + bleed);
        let bottom = (f64::from(bounds.bottom()) + shadow.dy + reach).min(self.scene.height_mm + bleed);
        if left >= right || top >= bottom {
            return Ok(());
        }
        let to_pixels = Affine::translate(-left, -top).then(Affine::scale(scale, scale));
        let pixels = |mm: f64| (mm * scale).ceil().max(1.0) as u32;
        let part = Canvas { width: pixels(right - left), height: pixels(bottom - top), to_pixels };
        let rows = |at: u32| BAND_ROWS.min(part.height - at * BAND_ROWS);
        let blank = |at: u32| Pixmap::new(part.width, rows(at)).ok_or_else(|| Fault::bug("a band without pixels"));
        let color = |at: u32| {
            let mut pixmap = blank(at)?;
            pixmap.fill(tiny_skia::Color::from_rgba8(shadow.color.red, shadow.color.green, shadow.color.blue, 255));
            Ok(pixmap)
        };
        // Shadows are laid on opaque ground: white on black is how much of it there is.
        let alpha = |at: u32| {
            let mut pixmap = blank(at)?;
            pixmap.fill(tiny_skia::Color::BLACK);
            let to_band = to_pixels.then(Affine::translate(0.0, -f64::from(at * BAND_ROWS)));
            shape.draw(&mut pixmap, to_band, (shadow.dx, shadow.dy), Color::WHITE);
            for pixel in pixmap.data_mut().as_chunks_mut::<4>().0 {
                pixel[3] = pixel[0];
            }
            Ok(pixmap)
        };
        let (width, height) = (part.width, part.height);
        let image = Image { width, height, color: &color, alpha: Some(&alpha), is_photo: false, smooth: true };
        let id = image.write(pen.file, self.go_on)?;
        pen.apart(|pen| {
            pen.set_alpha(super::pen::part(shadow.color.alpha), 1.0)?;
            place(pen, id, &part)
        })
    }
}

/// Draws a picture where its canvas lies in the scene.
fn place(pen: &mut Pen, id: Ref, canvas: &Canvas) -> Result<(), PrintProblem> {
    let to_scene = canvas.to_pixels.inverse().ok_or_else(|| Fault::bug("a canvas without size"))?;
    // A picture fills the unit square, its first row at the top, where y is 1.
    let (width, height) = (f64::from(canvas.width), f64::from(canvas.height));
    let map = Affine { a: width, b: 0.0, c: 0.0, d: -height, e: 0.0, f: height }.then(to_scene);
    pen.apart(|pen| {
        pen.transform(map.skia());
        pen.content.x_object(Name(name(id).as_bytes()));
        Ok(())
    })
}

fn stand_in(pen: &mut Pen, photo: &DrawnPhoto) -> Result<(), PrintProblem> {
    pen.apart(|pen| {
        let [ground, mark] = STAND_IN;
        pen.fill_color(ground);
        pen.trace(&photo.mask);
        pen.content.fill_nonzero();
        let Some(paw) = paw().and_then(|paw| paw.transform(photo.paw_place().skia())) else { return Ok(()) };
        pen.fill_color(mark);
        pen.trace(&paw);
        pen.content.fill_nonzero();
        Ok(())
    })
}
