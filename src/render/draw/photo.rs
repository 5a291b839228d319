//! A photo in its frame: resampled, coloured, masked, with shadow and border.

mod shadow;

use super::{STAND_IN, paint};
use crate::kernel::Fault;
use crate::render::picture::Picture;
use crate::render::pixels::{Fade, Filter, Finish, Ink, Region, Rows, Source, compose, resize};
use crate::render::scene::{Affine, Canvas, DrawnPhoto, PhotoLook};
use resvg::tiny_skia::{FillRule, LineJoin, Mask, Path, PathBuilder, Pixmap, Rect, Stroke};
pub(in crate::render) use shadow::SoftShape;
use std::borrow::Cow;

/// A photo made ready for a canvas.
pub struct ReadyPhoto<'a> {
    drawn: &'a DrawnPhoto,
    to_canvas: Affine,
    /// Canvas columns and rows the frame touches: left, top, right, bottom.
    bounds: [i64; 4],
    shadow: Option<SoftShape>,
    pixels: Pixels<'a>,
    frame_from_canvas: Affine,
}

enum Pixels<'a> {
    /// No photo, or one that could not be read: a quiet stand-in.
    None,
    /// Not turned: resized straight onto the canvas' own pixels.
    Upright { picture: &'a Picture, from_canvas: Affine },
    /// Turned: sampled point by point, after shrinking where the photo is finer than the canvas.
    Turned { source: Source<'a>, from_canvas: Affine },
}

impl<'a> ReadyPhoto<'a> {
    pub fn new(drawn: &'a DrawnPhoto, picture: Option<&'a Picture>, canvas: &Canvas) -> Result<Self, Fault> {
        let to_canvas = canvas.to_pixels;
        let frame_to_canvas = drawn.frame.from_unit().then(to_canvas);
        let [left, top, right, bottom] = frame_to_canvas.bounds([0.0, 0.0, 1.0, 1.0]);
        let clip = |value: f64, max: u32| (value as i64).clamp(0, i64::from(max));
        let bounds = [
            clip(left.floor(), canvas.width),
            clip(top.floor(), canvas.height),
            clip(right.ceil(), canvas.width),
            clip(bottom.ceil(), canvas.height),
        ];
        let pixels = match picture {
            Some(_) if drawn.opacity <= 0.0 => Pixels::None,
            None => Pixels::None,
            Some(picture) => Self::pixels(drawn, picture, to_canvas, bounds)?,
        };
        let shadow = drawn
            .shadow
            .filter(|shadow| shadow.color.alpha > 0)
            .and_then(|shadow| SoftShape::new(&drawn.mask, shadow.blur, canvas.scale()));
        let frame_from_canvas = frame_to_canvas.inverse().unwrap_or(Affine::scale(1.0, 1.0));
        Ok(Self { drawn, to_canvas, bounds, shadow, pixels, frame_from_canvas })
    }

    fn pixels(
        drawn: &DrawnPhoto,
        picture: &'a Picture,
        to_canvas: Affine,
        bounds: [i64; 4],
    ) -> Result<Pixels<'a>, Fault> {
        let (width, height) = (f64::from(picture.width), f64::from(picture.height));
        let photo_to_canvas = Affine::scale(1.0 / width, 1.0 / height).then(drawn.unit_to_scene).then(to_canvas);
        let Some(from_canvas) = photo_to_canvas.inverse() else { return Ok(Pixels::None) };
        let [left, top, right, bottom] = bounds;
        if left >= right || top >= bottom {
            return Ok(Pixels::None);
        }
        let Affine { a, b, c, d, .. } = photo_to_canvas;
        let turned = b.abs() > 1e-9 * a.abs() || c.abs() > 1e-9 * d.abs() || a <= 0.0 || d <= 0.0;
        // At least one canvas pixel must lie wholly on the photo for the straight way.
        if !turned && width * a >= 2.0 && height * d >= 2.0 {
            return Ok(Pixels::Upright { picture, from_canvas });
        }
        // Only the part that is seen is shrunk; a margin keeps the filters away from its edges.
        let scale = a.hypot(b);
        let seen = from_canvas.bounds([left as f64, top as f64, right as f64, bottom as f64]);
        let margin = (4.0 / scale).max(4.0);
        let low = |value: f64| (value - margin).floor().max(0.0) as u32;
        let high = |value: f64, max: u32| ((value + margin).ceil().max(1.0) as u32).min(max);
        let (x0, y0) = (low(seen[0]).min(picture.width - 1), low(seen[1]).min(picture.height - 1));
        let (x1, y1) = (high(seen[2], picture.width).max(x0 + 1), high(seen[3], picture.height).max(y0 + 1));
        let (seen_width, seen_height) = (f64::from(x1 - x0), f64::from(y1 - y0));
        let shrink = scale < 0.97;
        if !shrink && !picture.has_alpha() {
            let source = Source::new(picture.width, picture.height, 3, Cow::Borrowed(&picture.pixels));
            return Ok(Pixels::Turned { source, from_canvas });
        }
        let shrunk = |side: f64| if shrink { (side * scale).ceil().max(1.0) as u32 } else { side as u32 };
        let (target_width, target_height) = (shrunk(seen_width), shrunk(seen_height));
        // Sampled premultiplied, so that the colour of see-through pixels does not bleed in.
        let filter = if shrink { Filter::Lanczos3 } else { Filter::Nearest };
        let part = [f64::from(x0), f64::from(y0), seen_width, seen_height];
        let pixels = resize(picture.raster(), part, (target_width, target_height), filter, true)
            .ok_or_else(|| Fault::bug("the part of a photo that is seen lies outside of it"))?;
        let from_canvas = from_canvas
            .then(Affine::translate(-f64::from(x0), -f64::from(y0)))
            .then(Affine::scale(f64::from(target_width) / seen_width, f64::from(target_height) / seen_height));
        let channels = picture.channels;
        Ok(Pixels::Turned {
            source: Source::new(target_width, target_height, channels, Cow::Owned(pixels)),
            from_canvas,
        })
    }

    /// Draws onto a band whose first row is canvas row `top`.
    pub fn draw(&self, pixmap: &mut Pixmap, top: u32) -> Result<(), Fault> {
        let to_band = self.to_canvas.then(Affine::translate(0.0, -f64::from(top)));
        if let (Some(shape), Some(shadow)) = (&self.shadow, self.drawn.shadow) {
            shape.draw(pixmap, to_band, (shadow.dx, shadow.dy), shadow.color);
        }
        let [left, frame_top, right, frame_bottom] = self.bounds;
        let (first, last) = (frame_top.max(i64::from(top)), frame_bottom.min(i64::from(top + pixmap.height())));
        if left < right && first < last {
            let region = Region {
                x: left as u32,
                y: first as u32,
                width: (right - left) as u32,
                height: (last - first) as u32,
                band_top: top,
            };
            match &self.pixels {
                // Left out on purpose: only its shadow and border are wanted.
                Pixels::None if self.drawn.opacity <= 0.0 => {}
                Pixels::None => self.draw_stand_in(pixmap, to_band),
                Pixels::Upright { picture, from_canvas } => {
                    let rows = upright(picture, *from_canvas, &region)?;
                    self.lay(pixmap, &region, &Ink::Rows(&rows));
                }
                Pixels::Turned { source, from_canvas } => {
                    self.lay(pixmap, &region, &Ink::Sampled { source, from_canvas: from_canvas.pixels() });
                }
            }
        }
        if let Some((width, color)) = self.drawn.border.filter(|(width, _)| *width > 0.0) {
            let stroke = Stroke { width: width as f32, line_join: LineJoin::Miter, ..Stroke::default() };
            pixmap.stroke_path(&self.drawn.mask, &paint(color), &stroke, to_band.skia(), None);
        }
        Ok(())
    }

    fn lay(&self, pixmap: &mut Pixmap, region: &Region, ink: &Ink) {
        let Some(mut mask) = Mask::new(region.width, region.height) else { return };
        let to_region = self.to_canvas.then(Affine::translate(-f64::from(region.x), -f64::from(region.y)));
        mask.fill_path(&self.drawn.mask, FillRule::Winding, true, to_region.skia());
        let fade = self.drawn.fade;
        let fade = (!fade.is_none()).then(|| Fade {
            top: fade.top,
            right: fade.right,
            bottom: fade.bottom,
            left: fade.left,
            from_canvas: self.frame_from_canvas.pixels(),
        });
        let opacity = (self.drawn.opacity.clamp(0.0, 1.0) * 256.0).round() as u32;
        let stride = pixmap.width() as usize * 4;
        let look = look(self.drawn.look);
        let finish = Finish { look: look.as_ref(), opacity, fade: fade.as_ref() };
        compose(pixmap.data_mut(), stride, region, mask.data(), ink, &finish);
    }

    /// Where no photo is yet: warm grey with a paw, so that a draft reads as "your photo goes here".
    fn draw_stand_in(&self, pixmap: &mut Pixmap, to_band: Affine) {
        let [ground, mark] = STAND_IN;
        pixmap.fill_path(&self.drawn.mask, &paint(ground), FillRule::Winding, to_band.skia(), None);
        let place = self.drawn.paw_place().then(to_band);
        if let Some(paw) = paw() {
            pixmap.fill_path(&paw, &paint(mark), FillRule::Winding, place.skia(), None);
        }
    }
}

/// A paw print within −0.5 … 0.5.
pub(in crate::render) fn paw() -> Option<Path> {
    let mut path = PathBuilder::new();
    for (x, y, rx, ry) in
        [(-0.37, -0.06, 0.11, 0.15), (-0.14, -0.3, 0.12, 0.17), (0.14, -0.3, 0.12, 0.17), (0.37, -0.06, 0.11, 0.15)]
    {
        path.push_oval(Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry)?);
    }
    path.move_to(0.0, -0.03);
    path.cubic_to(0.2, -0.03, 0.33, 0.2, 0.3, 0.33);
    path.cubic_to(0.27, 0.47, 0.12, 0.42, 0.0, 0.42);
    path.cubic_to(-0.12, 0.42, -0.27, 0.47, -0.3, 0.33);
    path.cubic_to(-0.33, 0.2, -0.2, -0.03, 0.0, -0.03);
    path.close();
    path.finish()
}

/// Resizes what a region shows of a photo that is not turned.
fn upright(picture: &Picture, from_canvas: Affine, region: &Region) -> Result<Rows, Fault> {
    let Affine { a, d, e, f, .. } = from_canvas;
    // Canvas columns and rows whose pixels lie wholly on the photo.
    let inside = |scale: f64, offset: f64, length: u32, from: u32, count: u32| {
        let low = ((-offset / scale) - 1e-6).ceil();
        let high = ((f64::from(length) - offset) / scale + 1e-6).floor();
        let low = low.clamp(f64::from(from), f64::from(from + count - 1)) as u32;
        let high = (high.max(0.0) as u32).clamp(low + 1, (from + count).max(low + 1));
        (low, high)
    };
    let (x0, x1) = inside(a, e, picture.width, region.x, region.width);
    let (y0, y1) = inside(d, f, picture.height, region.y, region.height);
    let span = |scale: f64, offset: f64, length: u32, low: u32, high: u32| {
        let length = f64::from(length);
        let start = (scale * f64::from(low) + offset).clamp(0.0, length * (1.0 - 1e-9));
        let end = (scale * f64::from(high) + offset).clamp(start, length);
        (start, (end - start).max(1e-6).min(length - start))
    };
    let (left, width) = span(a, e, picture.width, x0, x1);
    let (top, height) = span(d, f, picture.height, y0, y1);
    // Lanczos rings on edges that are enlarged; Catmull and Rom's spline keeps them clean.
    let filter = if a >= 1.0 { Filter::Lanczos3 } else { Filter::CatmullRom };
    let pixels = resize(picture.raster(), [left, top, width, height], (x1 - x0, y1 - y0), filter, true)
        .ok_or_else(|| Fault::bug("a band shows a part outside of the photo"))?;
    let channels = usize::from(picture.channels);
    Ok(Rows { pixels, channels, x: x0 - region.x, y: y0 - region.y, width: x1 - x0, height: y1 - y0 })
}

/// A look as a linear map of colours in 1/256, and what is added in 1/256 of a step.
pub fn look(look: PhotoLook) -> Option<[[i32; 4]; 3]> {
    match look {
        PhotoLook::Plain => None,
        // Rec. 601 luma, with a little more contrast than the eye would give it.
        PhotoLook::Mono => Some([[83, 162, 32, -1900]; 3]),
        // Late afternoon: reds up, blues down, blacks a little lifted.
        PhotoLook::Warm => Some([[262, 12, 0, 1400], [10, 246, -2, 500], [4, 22, 196, 700]]),
    }
}
