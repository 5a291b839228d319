//! Soft shadows: the shape drawn small and blurred there.

use crate::render::Color;
use crate::render::pixels::SoftMask;
use crate::render::scene::Affine;
use resvg::tiny_skia::{FillRule, Mask, Path, Pixmap};

/// The blurred cover of a shape.
pub struct SoftShape {
    mask: SoftMask,
    /// From the scene to the mask's pixels.
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
        let (width, height) = (f64::from(bounds.width()), f64::from(bounds.height()));
        // A blur of b mm fades over about b mm to each side: two standard deviations.
        let sigma = blur / 2.0;
        let wished = if sigma > 0.0 { (SIGMA / sigma).min(canvas_scale) } else { canvas_scale };
        let scale = wished.min(MAX_SIDE / (width.max(height) + 6.0 * sigma + 1.0));
        let sigma = sigma * scale;
        let pad = (sigma * 3.0).ceil() + 2.0;
        let from_scene = Affine::translate(-f64::from(bounds.left()), -f64::from(bounds.top()))
            .then(Affine::scale(scale, scale))
            .then(Affine::translate(pad, pad));
        let columns = (width * scale + 2.0 * pad).ceil() as u32;
        let rows = (height * scale + 2.0 * pad).ceil() as u32;
        let mut mask = Mask::new(columns, rows)?;
        mask.fill_path(shape, FillRule::Winding, true, from_scene.skia());
        Some(SoftShape { mask: SoftMask::new(mask.data(), columns as usize, rows as usize, sigma), from_scene })
    }

    /// Lays the shadow, moved by `(dx, dy)` mm, onto a band.
    pub fn draw(&self, pixmap: &mut Pixmap, to_band: Affine, (dx, dy): (f64, f64), color: Color) {
        let Some(from_band) = Affine::translate(dx, dy).then(to_band).inverse() else { return };
        let from_band = from_band.then(self.from_scene);
        let Some(to_band) = from_band.inverse() else { return };
        let (width, height) = self.mask.size();
        let [left, top, right, bottom] = to_band.bounds([0.0, 0.0, width as f64, height as f64]);
        let (columns, rows) = (pixmap.width() as usize, pixmap.height() as usize);
        let clip = |value: f64, max: usize| value.clamp(0.0, max as f64) as usize;
        self.mask.lay(
            pixmap.data_mut(),
            columns,
            (clip(left.floor(), columns), clip(right.ceil(), columns)),
            (clip(top.floor(), rows), clip(bottom.ceil(), rows)),
            &from_band.pixels(),
            [color.red, color.green, color.blue, color.alpha],
        );
    }
}
