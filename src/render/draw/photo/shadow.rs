//! Soft shadows: the shape drawn small, blurred there, and enlarged while it is laid on the band.

use crate::render::Color;
use crate::render::scene::Affine;
use resvg::tiny_skia::{FillRule, Mask, Path, Pixmap};

/// The blurred cover of a shape.
pub struct SoftShape {
    width: usize,
    height: usize,
    /// 0–1.
    cover: Vec<f32>,
    /// From the scene to this raster.
    from_scene: Affine,
}

/// The standard deviation of the blur on the small raster, in its pixels: large enough for linear enlargement to be smooth.
const SIGMA: f64 = 5.0;
/// No raster is larger than this, whatever the shape.
const MAX_SIDE: f64 = 3000.0;

impl SoftShape {
    /// `blur` in millimetres; `canvas_scale` in pixels per millimetre bounds the detail of a hard shadow.
    pub fn new(shape: &Path, blur: f64, canvas_scale: f64) -> Option<SoftShape> {
        let bounds = shape.bounds();
        let (shape_width, shape_height) = (f64::from(bounds.width()), f64::from(bounds.height()));
        // A blur of b mm fades over about b mm to each side: two standard deviations.
        let sigma = blur / 2.0;
        let wished = if sigma > 0.0 { (SIGMA / sigma).min(canvas_scale) } else { canvas_scale };
        let scale = wished.min(MAX_SIDE / (shape_width.max(shape_height) + 6.0 * sigma + 1.0));
        let sigma = sigma * scale;
        let pad = (sigma * 3.0).ceil() + 2.0;
        let width = (shape_width * scale + 2.0 * pad).ceil() as u32;
        let height = (shape_height * scale + 2.0 * pad).ceil() as u32;
        let from_scene = Affine::translate(-f64::from(bounds.left()), -f64::from(bounds.top()))
            .then(Affine::scale(scale, scale))
            .then(Affine::translate(pad, pad));
        let mut mask = Mask::new(width, height)?;
        mask.fill_path(shape, FillRule::Winding, true, from_scene.skia());
        let (width, height) = (width as usize, height as usize);
        let mut cover: Vec<f32> = mask.data().iter().map(|value| f32::from(*value) / 255.0).collect();
        if sigma > 0.3 {
            let kernel = gaussian(sigma);
            cover = blur_rows(&cover, width, &kernel);
            cover = transposed(&cover, width, height);
            cover = blur_rows(&cover, height, &kernel);
            cover = transposed(&cover, height, width);
        }
        Some(SoftShape { width, height, cover, from_scene })
    }

    /// Lays the shadow, moved by `(dx, dy)` mm, onto a band.
    pub fn draw(&self, pixmap: &mut Pixmap, to_band: Affine, (dx, dy): (f64, f64), color: Color) {
        let Some(from_band) = Affine::translate(dx, dy).then(to_band).inverse() else { return };
        let from_band = from_band.then(self.from_scene);
        let Some(to_band) = from_band.inverse() else { return };
        let [left, top, right, bottom] = to_band.bounds([0.0, 0.0, self.width as f64, self.height as f64]);
        let (columns, rows) = (pixmap.width() as usize, pixmap.height() as usize);
        let clip = |value: f64, max: usize| value.clamp(0.0, max as f64) as usize;
        let (x0, x1) = (clip(left.floor(), columns), clip(right.ceil(), columns));
        let (y0, y1) = (clip(top.floor(), rows), clip(bottom.ceil(), rows));
        let [red, green, blue] = [color.red, color.green, color.blue].map(f32::from);
        let strength = f32::from(color.alpha) / 255.0;
        let data = pixmap.data_mut();
        for y in y0..y1 {
            let line = &mut data[(y * columns + x0) * 4..(y * columns + x1.max(x0)) * 4];
            for (x, pixel) in line.chunks_exact_mut(4).enumerate() {
                let (u, v) = from_band.map((x0 + x) as f64 + 0.5, y as f64 + 0.5);
                let alpha = self.at(u - 0.5, v - 0.5) * strength;
                if alpha > 0.0 {
                    let mix = |under: u8, over: f32| (f32::from(under) + (over - f32::from(under)) * alpha + 0.5) as u8;
                    pixel[0] = mix(pixel[0], red);
                    pixel[1] = mix(pixel[1], green);
                    pixel[2] = mix(pixel[2], blue);
                }
            }
        }
    }

    /// Linear between pixels, nothing outside.
    fn at(&self, x: f64, y: f64) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = ((x - left) as f32, (y - top) as f32);
        if left < 0.0 || top < 0.0 {
            return 0.0;
        }
        let (left, top) = (left as usize, top as usize);
        if left + 1 >= self.width || top + 1 >= self.height {
            return 0.0;
        }
        let at = top * self.width + left;
        let upper = self.cover[at] * (1.0 - fx) + self.cover[at + 1] * fx;
        let lower = self.cover[at + self.width] * (1.0 - fx) + self.cover[at + self.width + 1] * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// One half of a normalised bell, its middle first.
fn gaussian(sigma: f64) -> Vec<f32> {
    let reach = (sigma * 3.0).ceil() as i32;
    let half: Vec<f64> = (0..=reach).map(|x| (-f64::from(x * x) / (2.0 * sigma * sigma)).exp()).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.iter().map(|value| (value / sum) as f32).collect()
}

fn blur_rows(cover: &[f32], width: usize, kernel: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; cover.len()];
    for (to, from) in out.chunks_exact_mut(width).zip(cover.chunks_exact(width)) {
        for (x, to) in to.iter_mut().enumerate() {
            let mut sum = from[x] * kernel[0];
            for (reach, weight) in kernel.iter().enumerate().skip(1) {
                let before = x.checked_sub(reach).map_or(0.0, |at| from[at]);
                let after = from.get(x + reach).copied().unwrap_or(0.0);
                sum += (before + after) * weight;
            }
            *to = sum;
        }
    }
    out
}

fn transposed(cover: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut out = vec![0.0; cover.len()];
    for y in 0..height {
        for x in 0..width {
            out[x * height + y] = cover[y * width + x];
        }
    }
    out
}
