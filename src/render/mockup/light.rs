//! Drawings folded together: whatever lies over a pixel changes each of its channels by a factor and a sum.
//!
//! Covering, multiplying (shade) and screening (light) are all of the form `factor × below + sum`, so a pile of such layers is one
//! such layer, and costs as much as one when a print is laid under it.

use crate::kernel::Fault;
use rayon::prelude::*;
use resvg::tiny_skia::Pixmap;
use serde::Deserialize;

/// How a layer lies over what is below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blend {
    #[default]
    Normal,
    /// Shade: white changes nothing.
    Multiply,
    /// Light: black changes nothing.
    Screen,
}

const ROWS: usize = 64;

/// The layers so far, six numbers a pixel: the factors of red, green and blue, and their sums, all 0–1.
pub struct Pile {
    pub width: usize,
    numbers: Vec<f32>,
}

/// A finished pile, in 1/65535.
pub struct Glaze {
    /// Nothing lies under it, so that there are only the three sums of each pixel, else all six numbers.
    is_ground: bool,
    numbers: Vec<u16>,
}

impl Pile {
    pub fn new(width: u32, height: u32) -> Pile {
        let pixels = width as usize * height as usize;
        Pile { width: width as usize, numbers: [1.0, 1.0, 1.0, 0.0, 0.0, 0.0].repeat(pixels) }
    }

    /// Lays a drawing over the pile.
    pub fn add(&mut self, drawing: &Pixmap, blend: Blend, opacity: f32) {
        let row = self.width;
        let strength = opacity.clamp(0.0, 1.0) / 255.0;
        let bands = self.numbers.par_chunks_mut(row * 6 * ROWS).zip(drawing.data().par_chunks(row * 4 * ROWS));
        bands.for_each(|(numbers, pixels)| {
            for (number, pixel) in numbers.chunks_exact_mut(6).zip(pixels.chunks_exact(4)) {
                if pixel[3] == 0 {
                    continue;
                }
                let alpha = f32::from(pixel[3]) * strength;
                for channel in 0..3 {
                    let color = f32::from(pixel[channel]) * strength;
                    let (factor, sum) = match blend {
                        Blend::Normal => (1.0 - alpha, color),
                        Blend::Multiply => (1.0 - alpha + color, 0.0),
                        Blend::Screen => (1.0 - color, color),
                    };
                    number[channel] *= factor;
                    number[3 + channel] = number[3 + channel] * factor + sum;
                }
            }
        });
    }

    /// A pile that is a ground lies on nothing.
    pub fn finish(self, is_ground: bool) -> Glaze {
        let from = if is_ground { 3 } else { 0 };
        let numbers = self.numbers.chunks_exact(6).flat_map(|pixel| &pixel[from..]);
        let numbers = numbers.map(|number| (number.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16);
        let count = self.numbers.len() / 6 * (6 - from);
        let mut kept = Vec::with_capacity(count);
        kept.extend(numbers);
        Glaze { is_ground, numbers: kept }
    }
}

impl Glaze {
    pub fn bytes(&self) -> usize {
        self.numbers.len() * 2
    }

    /// Lays the glaze over rows of RGB that begin at pixel `from` of the picture.
    pub fn lay(&self, pixels: &mut [f32], from: usize) -> Result<(), Fault> {
        let size = if self.is_ground { 3 } else { 6 };
        let glaze = self.numbers.get(from * size..from * size + pixels.len() / 3 * size);
        let glaze = glaze.ok_or_else(|| Fault::bug("a glaze smaller than its picture"))?;
        if self.is_ground {
            for (channel, sum) in pixels.iter_mut().zip(glaze) {
                *channel = f32::from(*sum) * (1.0 / 65535.0);
            }
            return Ok(());
        }
        for (pixel, glaze) in pixels.chunks_exact_mut(3).zip(glaze.chunks_exact(6)) {
            for channel in 0..3 {
                let (factor, sum) = (f32::from(glaze[channel]), f32::from(glaze[3 + channel]));
                pixel[channel] = (pixel[channel] * factor + sum) * (1.0 / 65535.0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Color;

    /// What becomes of one grey after the layers, each a grey with its alpha.
    fn after(below: f32, layers: &[(f32, f32, Blend)]) -> f32 {
        let mut pile = Pile::new(1, 1);
        for (grey, alpha, blend) in layers {
            let mut drawing = Pixmap::new(1, 1).unwrap();
            drawing.fill(Color::from_rgba(*grey, *grey, *grey, *alpha).unwrap());
            pile.add(&drawing, *blend, 1.0);
        }
        let mut pixel = [below; 3];
        pile.finish(false).lay(&mut pixel, 0).unwrap();
        pixel[0]
    }

    #[test]
    fn a_pile_does_what_its_layers_do_one_after_the_other() {
        let near = |a: f32, b: f32| assert!((a - b).abs() < 0.01, "{a} instead of {b}");
        near(after(0.8, &[]), 0.8);
        near(after(0.8, &[(0.2, 0.5, Blend::Normal)]), 0.5);
        near(after(0.8, &[(0.5, 1.0, Blend::Multiply)]), 0.4);
        near(after(0.8, &[(0.5, 1.0, Blend::Screen)]), 0.9);
        near(after(0.8, &[(0.5, 1.0, Blend::Multiply), (0.5, 1.0, Blend::Screen), (1.0, 0.5, Blend::Normal)]), 0.85);
    }

    #[test]
    fn shade_never_lightens_and_light_never_darkens() {
        for below in [0.0, 0.3, 1.0] {
            assert!(after(below, &[(0.7, 0.6, Blend::Multiply)]) <= below + 0.001);
            let lit = after(below, &[(0.7, 0.6, Blend::Screen)]);
            assert!(lit >= below - 0.001 && lit <= 1.0);
        }
    }
}
