//! Laying pixels over pixels.

use super::{Map, Rows, Source};

/// A part of the canvas within a band of it.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// On the canvas.
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    /// The canvas row that is the band's first.
    pub band_top: u32,
}

/// Where colours come from, premultiplied.
pub enum Ink<'a> {
    /// Already in the region's own pixels.
    Rows(&'a Rows),
    /// Sampled where the map from the canvas leads.
    Sampled { source: &'a Source<'a>, from_canvas: Map },
}

/// How much is left towards each side of a unit square: shares of it, and the map from the canvas to it.
#[derive(Clone, Copy, Debug)]
pub struct Fade {
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub left: f64,
    pub from_canvas: Map,
}

impl Fade {
    #[inline]
    fn at(&self, x: f64, y: f64) -> f64 {
        let (u, v) = self.from_canvas.map(x, y);
        let side = |distance: f64, share: f64| {
            if share <= 0.0 {
                return 1.0;
            }
            let t = (distance / share).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        };
        side(v, self.top) * side(1.0 - u, self.right) * side(1.0 - v, self.bottom) * side(u, self.left)
    }
}

/// What is done to ink before it is laid down.
pub struct Finish<'a> {
    /// Maps colours linearly: rows of red, green, blue in 1/256 and a constant in 1/256 of a step.
    pub look: Option<&'a [[i32; 4]; 3]>,
    /// 0–256.
    pub opacity: u32,
    pub fade: Option<&'a Fade>,
}

/// Lays ink over an opaque RGBA band of `stride` bytes a row, where `cover` (one byte a pixel of the region) says.
pub fn compose(band: &mut [u8], stride: usize, region: &Region, cover: &[u8], ink: &Ink, finish: &Finish) {
    for y in 0..region.height {
        let cover = &cover[(y * region.width) as usize..][..region.width as usize];
        let start = (region.y + y - region.band_top) as usize * stride + region.x as usize * 4;
        let line = &mut band[start..start + region.width as usize * 4];
        match ink {
            Ink::Rows(rows) => {
                let row = rows.row(y);
                lay(line, cover, region, y, finish, |x| rows.at(row, x));
            }
            Ink::Sampled { source, from_canvas } => {
                let (u, v) = from_canvas.map(f64::from(region.x) + 0.5, f64::from(region.y + y) + 0.5);
                let (a, b) = (from_canvas.a, from_canvas.b);
                lay(line, cover, region, y, finish, |x| {
                    let along = f64::from(x);
                    source.at(u + a * along, v + b * along)
                });
            }
        }
    }
}

#[inline]
fn lay(line: &mut [u8], cover: &[u8], region: &Region, y: u32, finish: &Finish, pixel: impl Fn(u32) -> [u8; 4]) {
    for (x, (cover, under)) in cover.iter().zip(line.chunks_exact_mut(4)).enumerate() {
        if *cover == 0 {
            continue;
        }
        let mut over = pixel(x as u32);
        if let Some(look) = finish.look {
            over = through(look, over);
        }
        let mut part = ((u32::from(*cover) + u32::from(*cover >> 7)) * finish.opacity) >> 8;
        if let Some(fade) = finish.fade {
            let left = fade.at(f64::from(region.x) + x as f64 + 0.5, f64::from(region.y + y) + 0.5);
            part = (f64::from(part) * left) as u32;
        }
        if part == 256 && over[3] == 255 {
            under.copy_from_slice(&over);
            continue;
        }
        let rest = 256 * 255 - part * u32::from(over[3]);
        for (under, over) in under.iter_mut().zip(over) {
            let sum = u32::from(over) * part * 255 + u32::from(*under) * rest;
            *under = ((sum + 32_640) / 65_280).min(255) as u8;
        }
    }
}

#[inline]
fn through(look: &[[i32; 4]; 3], pixel: [u8; 4]) -> [u8; 4] {
    let [red, green, blue, alpha] = pixel.map(i32::from);
    let channel = |[r, g, b, plus]: [i32; 4]| {
        let value = r * red + g * green + b * blue + plus * alpha / 255;
        ((value + 128) >> 8).clamp(0, alpha) as u8
    };
    [channel(look[0]), channel(look[1]), channel(look[2]), pixel[3]]
}

/// Drops the alpha of premultiplied pixels that are all opaque.
pub fn opaque_rgb(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = vec![0; rgba.len() / 4 * 3];
    for (to, from) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    rgb
}
