//! A stage set up for one piece, and the print laid into it.

use super::light::{Blend, Glaze, Pile};
use super::stage::{LaidPrint, Layer, Piece, Stage};
use super::surface::Surface;
use crate::kernel::Fault;
use crate::render::{Area, Canvas, Picture, Scene};
use rayon::prelude::*;
use resvg::tiny_skia::{Pixmap, Transform};
use std::sync::{Arc, Mutex, PoisonError};

/// A stage for one size of piece at one size of picture: all that does not change with the design.
pub struct Set {
    width: usize,
    height: usize,
    /// Stage units a pixel.
    unit: f64,
    steps: Vec<Step>,
    /// Pixels a millimetre of the print takes where it is seen largest.
    scale: f64,
}

enum Step {
    Glaze(Glaze),
    Print { laid: LaidPrint, window: Window },
}

/// Pixels in which a print may be seen; the far ends are not part of it.
#[derive(Clone, Copy, Debug)]
struct Window {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// The print is drawn this much finer than it is seen, and looked at in four places of each pixel.
const FINER: f64 = 1.7;
/// Pixels along the longer side of a print, which no set asks for more of.
const MOST_PIXELS: f64 = 3200.0;
const ROWS: usize = 32;
/// Sets kept for the next design: those of previews. The largest pictures are of products, drawn once and kept as files.
const KEPT_BYTES: usize = 48 << 20;
const LARGEST_KEPT: usize = 24 << 20;

/// Stage, size in hundredths of a millimetre, variant, longer side.
type Key = (u32, u64, u64, String, u32);
static KEPT: Mutex<Vec<(Key, Arc<Set>)>> = Mutex::new(Vec::new());

impl Stage {
    /// Draws what does not change with the design, or finds it drawn. `side` is the longer side in pixels. Takes some hundred
    /// milliseconds the first time.
    ///
    /// # Errors
    /// A drawing that cannot be drawn, which is a mistake in the program.
    pub fn set_up(&self, piece: &Piece, side: u32) -> Result<Arc<Set>, Fault> {
        let hundredths = |mm: f64| (mm * 100.0).round() as u64;
        let variant = self.known(piece.variant);
        let key = (self.mark(), hundredths(piece.width_mm), hundredths(piece.height_mm), variant.to_owned(), side);
        let found = {
            let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
            let at = kept.iter().position(|(other, _)| *other == key);
            at.map(|at| {
                let entry = kept.remove(at);
                let set = entry.1.clone();
                kept.push(entry);
                set
            })
        };
        if let Some(set) = found {
            return Ok(set);
        }
        let set = Arc::new(Set::new(self, piece, side).map_err(Fault::bug)?);
        if set.bytes() > LARGEST_KEPT {
            return Ok(set);
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| *other != key);
        kept.push((key, set.clone()));
        while kept.len() > 1 && kept.iter().map(|(_, set)| set.bytes()).sum::<usize>() > KEPT_BYTES {
            kept.remove(0);
        }
        Ok(set)
    }
}

impl Set {
    fn new(stage: &Stage, piece: &Piece, side: u32) -> Result<Set, String> {
        let (width, height) = stage.size(side);
        let unit = stage.file.width / f64::from(width);
        let measures = stage.measures(piece);
        let mut set = Set { width: width as usize, height: height as usize, unit, steps: Vec::new(), scale: 0.0 };
        let mut pile: Option<Pile> = None;
        for layer in &stage.file.layers {
            match layer {
                Layer::Art(layer) if !layer.shows(piece.variant) => {}
                Layer::Art(layer) => {
                    let tree = stage.tree(&layer.file, &measures, piece)?;
                    let mut drawing = Pixmap::new(width, height).ok_or("a picture without pixels")?;
                    let scale = (1.0 / unit) as f32;
                    resvg::render(&tree, Transform::from_scale(scale, scale), &mut drawing.as_mut());
                    let pile = pile.get_or_insert_with(|| Pile::new(width, height));
                    pile.add(&drawing, layer.blend, layer.opacity);
                }
                Layer::Print(layer) => {
                    let is_ground = set.steps.is_empty();
                    set.steps.extend(pile.take().map(|pile| Step::Glaze(pile.finish(is_ground))));
                    let laid = layer.lay(&measures)?;
                    if let Some((window, scale)) = set.look_for(&laid) {
                        set.scale = set.scale.max(scale);
                        set.steps.push(Step::Print { laid, window });
                    }
                }
            }
        }
        set.steps.extend(pile.map(|pile| Step::Glaze(pile.finish(false))));
        if set.scale <= 0.0 {
            return Err("the print is not to be seen".to_owned());
        }
        Ok(set)
    }

    fn bytes(&self) -> usize {
        let bytes = |step: &Step| match step {
            Step::Glaze(glaze) => glaze.bytes(),
            Step::Print { .. } => 0,
        };
        self.steps.iter().map(bytes).sum()
    }

    /// The pixels in which a print is seen, and how many of them its millimetre takes at most.
    fn look_for(&self, laid: &LaidPrint) -> Option<(Window, f64)> {
        let mut window = Window { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0 };
        let mut scale: f64 = 0.0;
        for y in (0..self.height).step_by(2) {
            for x in (0..self.width).step_by(2) {
                let Some(seen) = self.look(&laid.surface, x as f64 + 0.5, y as f64 + 0.5) else { continue };
                if laid.outline.depth(seen.x, seen.y) < -seen.mm * 3.0 {
                    continue;
                }
                scale = scale.max(1.0 / seen.mm);
                window.left = window.left.min(x.saturating_sub(2));
                window.top = window.top.min(y.saturating_sub(2));
                window.right = window.right.max((x + 4).min(self.width));
                window.bottom = window.bottom.max((y + 4).min(self.height));
            }
        }
        (window.right > window.left && scale.is_finite()).then_some((window, scale))
    }

    /// What is seen at a place of the picture, in pixels.
    #[inline]
    fn look(&self, surface: &Surface, x: f64, y: f64) -> Option<Seen> {
        let (left, top) = (x * self.unit, y * self.unit);
        let (u, v) = surface.at(left, top)?;
        let step = self.unit * 0.5;
        // At the edge of a surface the neighbour on the other side is as far away.
        let (right_u, right_v) = surface.at(left + step, top).or_else(|| surface.at(left - step, top))?;
        let (below_u, below_v) = surface.at(left, top + step)?;
        let across = (right_u - u).hypot(right_v - v) * 2.0;
        let down = (below_u - u).hypot(below_v - v) * 2.0;
        Some(Seen { x: u, y: v, mm: across.min(down).max(1e-6), across })
    }

    /// The pixels on which the print is to be drawn, its bleed included, for [`Set::draw`].
    pub fn canvas(&self, scene: &Scene) -> Canvas {
        let long = scene.width_mm.max(scene.height_mm) + 2.0 * scene.bleed_mm;
        let side = (long * self.scale * FINER).min(MOST_PIXELS).ceil();
        Canvas::long_side(scene, side as u32, Area::Bleed)
    }

    /// Lays a print, drawn on `canvas`, into the set. Uses all cores; call it from a thread that may block.
    ///
    /// # Errors
    /// A picture that is not of the canvas's size.
    pub fn draw(&self, print: &Picture, canvas: &Canvas) -> Result<Picture, Fault> {
        if (print.width, print.height, print.channels) != (canvas.width, canvas.height, 3) {
            return Err(Fault::bug("a print that was not drawn on its canvas"));
        }
        let mut pixels = vec![0; self.width * self.height * 3];
        let bands = pixels.par_chunks_mut(self.width * 3 * ROWS).enumerate();
        bands.try_for_each(|(at, band)| self.draw_band(print, canvas, at * ROWS, band))?;
        let size = |length: usize| length as u32;
        Picture::new(size(self.width), size(self.height), 3, pixels).ok_or_else(|| Fault::bug("bands do not add up"))
    }

    fn draw_band(&self, print: &Picture, canvas: &Canvas, top: usize, out: &mut [u8]) -> Result<(), Fault> {
        let mut band = vec![0f32; out.len()];
        for step in &self.steps {
            match step {
                Step::Glaze(glaze) => glaze.lay(&mut band, top * self.width)?,
                Step::Print { laid, window } => self.lay_print(print, canvas, laid, *window, top, &mut band),
            }
        }
        for (to, from) in out.iter_mut().zip(band) {
            *to = (from * 255.0 + 0.5) as u8;
        }
        Ok(())
    }

    fn lay_print(
        &self,
        print: &Picture,
        canvas: &Canvas,
        laid: &LaidPrint,
        window: Window,
        top: usize,
        band: &mut [f32],
    ) {
        for (row, line) in band.chunks_exact_mut(self.width * 3).enumerate() {
            let y = top + row;
            if y < window.top || y >= window.bottom {
                continue;
            }
            for (at, pixel) in line[window.left * 3..window.right * 3].chunks_exact_mut(3).enumerate() {
                let (x, y) = ((window.left + at) as f64, y as f64);
                let Some(seen) = self.look(&laid.surface, x + 0.5, y + 0.5) else { continue };
                // Soft over one pixel, as wide as that pixel is here.
                let depth = laid.outline.depth(seen.x, seen.y);
                let edge = if depth < seen.across * 2.0 { (depth / seen.mm + 0.5).clamp(0.0, 1.0) } else { 1.0 };
                let cover = edge as f32 * laid.opacity;
                if cover <= 0.0 {
                    continue;
                }
                let mut color = [0f32; 3];
                for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                    let place = laid.surface.at((x + dx) * self.unit, (y + dy) * self.unit);
                    let (u, v) = place.unwrap_or((seen.x, seen.y));
                    let (u, v) = canvas.to_pixels.map(u, v);
                    let sample = sample(print, u, v);
                    for channel in 0..3 {
                        color[channel] += sample[channel] * (0.25 / 255.0);
                    }
                }
                for channel in 0..3 {
                    let below = pixel[channel];
                    let over = match laid.blend {
                        Blend::Normal => color[channel],
                        Blend::Multiply => below * color[channel],
                        Blend::Screen => 1.0 - (1.0 - below) * (1.0 - color[channel]),
                    };
                    pixel[channel] = below + (over - below) * cover;
                }
            }
        }
    }
}

/// A place of the print, in millimetres.
struct Seen {
    x: f64,
    y: f64,
    /// How much of the print a pixel takes in, in the direction in which that is less …
    mm: f64,
    /// … and along the row.
    across: f64,
}

/// The colour between four pixels; the edge is repeated beyond it.
#[inline]
fn sample(picture: &Picture, x: f64, y: f64) -> [f32; 3] {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let x = (x - 0.5).clamp(0.0, (width - 1) as f64);
    let y = (y - 0.5).clamp(0.0, (height - 1) as f64);
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = ((x - left as f64) as f32, (y - top as f64) as f32);
    let (right, below) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let at = |x: usize, y: usize, channel: usize| f32::from(picture.pixels[(y * width + x) * 3 + channel]);
    std::array::from_fn(|channel| {
        let upper = at(left, top, channel) * (1.0 - fx) + at(right, top, channel) * fx;
        let lower = at(left, below, channel) * (1.0 - fx) + at(right, below, channel) * fx;
        upper * (1.0 - fy) + lower * fy
    })
}
