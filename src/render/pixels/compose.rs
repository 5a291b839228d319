//! Laying pixels over pixels.

use super::{Map, Rows, Source, Tile};

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

impl Finish<'_> {
    fn is_plain(&self) -> bool {
        self.look.is_none() && self.opacity == 256 && self.fade.is_none()
    }
}

/// Canvas columns that are sampled at a time, so that what they need of the source stays near the core.
const TILE: u32 = 256;

/// Lays ink over an opaque RGBA band of `stride` bytes a row, where `cover` (one byte a pixel of the region) says.
pub fn compose(band: &mut [u8], stride: usize, region: &Region, cover: &[u8], ink: &Ink, finish: &Finish) {
    // Row `y` of the region from its column `x` on.
    let start = |x: u32, y: u32| (region.y + y - region.band_top) as usize * stride + (region.x + x) as usize * 4;
    let covered = |x: u32, y: u32, width: u32| &cover[(y * region.width + x) as usize..][..width as usize];
    match ink {
        Ink::Rows(rows) => {
            for y in 0..region.height {
                let line = &mut band[start(0, y)..][..region.width as usize * 4];
                let row = rows.row(y);
                lay(line, covered(0, y, region.width), (region.x, region.y + y), finish, |x| rows.at(row, x));
            }
        }
        Ink::Sampled { source, from_canvas } => {
            let step = Tile::step(from_canvas.a, from_canvas.b);
            for x in (0..region.width).step_by(TILE as usize) {
                let (left, width) = (region.x + x, TILE.min(region.width - x));
                let tile = source.tile(from_canvas, [left, region.y, width, region.height]);
                let mut colors = [[0; 4]; TILE as usize];
                for y in 0..region.height {
                    let cover = covered(x, y, width);
                    // What lies under the mask's edge and beyond is not looked at.
                    let Some(first) = cover.iter().position(|cover| *cover > 0) else { continue };
                    let last = cover.iter().rposition(|cover| *cover > 0).unwrap_or(first);
                    let (cover, colors) = (&cover[first..=last], &mut colors[first..=last]);
                    let line = &mut band[start(x + first as u32, y)..][..cover.len() * 4];
                    let (u, v) = from_canvas.map(f64::from(left) + 0.5, f64::from(region.y + y) + 0.5);
                    tile.row(tile.place(u, v), step, first as u32, colors);
                    if source.is_opaque() && finish.is_plain() && cover.iter().all(|cover| *cover == 255) {
                        line.copy_from_slice(colors.as_flattened());
                        continue;
                    }
                    lay(line, cover, (left + first as u32, region.y + y), finish, |x| colors[x as usize]);
                }
            }
        }
    }
}

/// Lays a row that begins at canvas pixel `(left, y)`.
#[inline]
fn lay(line: &mut [u8], cover: &[u8], (left, y): (u32, u32), finish: &Finish, pixel: impl Fn(u32) -> [u8; 4]) {
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
            let left = fade.at(f64::from(left) + x as f64 + 0.5, f64::from(y) + 0.5);
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
