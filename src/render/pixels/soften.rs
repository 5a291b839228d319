//! Soft shadows: a small blurred cover, enlarged while it is laid down.

use super::Map;

/// A blurred cover, 0–1.
pub struct SoftMask {
    width: usize,
    height: usize,
    cover: Vec<f32>,
}

impl SoftMask {
    /// Blurs one byte a pixel by a bell of `sigma` pixels.
    pub fn new(cover: &[u8], width: usize, height: usize, sigma: f64) -> Self {
        let mut cover: Vec<f32> = cover.iter().map(|value| f32::from(*value) / 255.0).collect();
        if sigma > 0.3 {
            let kernel = bell(sigma);
            cover = transposed(&blurred(&cover, width, &kernel), width, height);
            cover = transposed(&blurred(&cover, height, &kernel), height, width);
        }
        Self { width, height, cover }
    }

    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Lays `color` (alpha last, not premultiplied) over the rows and columns given of an opaque RGBA band of `columns` pixels a row.
    /// `from_band` leads from the band's pixels to the cover's.
    pub fn lay(
        &self,
        band: &mut [u8],
        columns: usize,
        (x0, x1): (usize, usize),
        (y0, y1): (usize, usize),
        from_band: &Map,
        color: [u8; 4],
    ) {
        let [red, green, blue, alpha] = color.map(f32::from);
        let (color, strength) = ([red, green, blue], alpha / 255.0);
        for y in y0..y1 {
            let line = &mut band[(y * columns + x0) * 4..(y * columns + x1.max(x0)) * 4];
            for (x, pixel) in line.chunks_exact_mut(4).enumerate() {
                let (u, v) = from_band.map((x0 + x) as f64 + 0.5, y as f64 + 0.5);
                let alpha = self.at(u - 0.5, v - 0.5) * strength;
                if alpha > 0.0 {
                    for (under, over) in pixel.iter_mut().zip(color) {
                        *under = (f32::from(*under) + (over - f32::from(*under)) * alpha + 0.5) as u8;
                    }
                }
            }
        }
    }

    /// Linear between pixels, nothing outside.
    #[inline]
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
fn bell(sigma: f64) -> Vec<f32> {
    let reach = (sigma * 3.0).ceil() as i32;
    let half: Vec<f64> = (0..=reach).map(|x| (-f64::from(x * x) / (2.0 * sigma * sigma)).exp()).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.iter().map(|value| (value / sum) as f32).collect()
}

fn blurred(cover: &[f32], width: usize, kernel: &[f32]) -> Vec<f32> {
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
