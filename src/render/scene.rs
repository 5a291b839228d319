//! What is drawn, in millimetres. The origin is the top left corner of the trimmed print; x goes right, y down; the bleed
//! lies at negative coordinates and beyond the far edges.

use super::{Artwork, Color};
use resvg::tiny_skia::Path;
use resvg::usvg;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Everything needed to draw a design at any scale.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Trimmed size.
    pub width_mm: f64,
    pub height_mm: f64,
    pub bleed_mm: f64,
    /// Fills everything, bleed included.
    pub background: Color,
    /// Bottom to top.
    pub layers: Vec<SceneLayer>,
}

#[derive(Clone, Debug)]
pub enum SceneLayer {
    Artwork(DrawnArtwork),
    Photo(DrawnPhoto),
    Text(DrawnText),
    /// Drawn in turn; most are small, so what lies outside of a band is skipped by its bounds.
    Shapes(Vec<DrawnShape>),
}

/// A parsed and recoloured SVG.
#[derive(Clone)]
pub struct DrawnArtwork {
    pub tree: Arc<usvg::Tree>,
    /// From the tree's own units to the scene.
    pub scale: f64,
    pub x: f64,
    pub y: f64,
}

impl DrawnArtwork {
    pub fn new(artwork: &Artwork, colors: &[(Color, Color)], (x, y): (f64, f64), width_mm: f64) -> Self {
        let tree = artwork.recolored(colors);
        Self { scale: width_mm / f64::from(tree.size().width()), tree, x, y }
    }
}

impl std::fmt::Debug for DrawnArtwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DrawnArtwork {{ x: {}, y: {}, scale: {} }}", self.x, self.y, self.scale)
    }
}

/// A photo in its frame.
#[derive(Clone, Debug)]
pub struct DrawnPhoto {
    /// `None` draws a quiet stand-in.
    pub photo: Option<Uuid>,
    pub frame: Frame,
    /// The shape in which it shows, already turned with its frame.
    pub mask: Path,
    /// From the photo's unit square (0–1 of its upright width and height) to the scene.
    pub unit_to_scene: Affine,
    pub look: PhotoLook,
    pub shadow: Option<DrawnShadow>,
    /// Width and colour of a line centred on the mask's edge.
    pub border: Option<(f64, Color)>,
    pub opacity: f64,
    pub fade: Fade,
}

impl DrawnPhoto {
    /// Where the stand-in's paw goes: from a unit square about the origin to the scene.
    pub(super) fn paw_place(&self) -> Affine {
        let size = self.frame.width.min(self.frame.height) * 0.34;
        let (cx, cy) = self.frame.center();
        Affine::scale(size, size).then(Affine::rotate(self.frame.rotation)).then(Affine::translate(cx, cy))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawnShadow {
    pub dx: f64,
    pub dy: f64,
    pub blur: f64,
    pub color: Color,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhotoLook {
    #[default]
    Plain,
    Mono,
    Warm,
}

/// Letters as one outline.
#[derive(Clone, Debug)]
pub struct DrawnText {
    pub path: Path,
    pub color: Color,
    /// Width outside the letters, and colour.
    pub outline: Option<(f64, Color)>,
}

/// A filled outline (non-zero winding).
#[derive(Clone, Debug)]
pub struct DrawnShape {
    pub path: Path,
    pub color: Color,
}

/// A rectangle that may be turned clockwise about its centre, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub rotation: f64,
}

impl Frame {
    pub fn center(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// From the frame's unit square to the scene.
    pub fn from_unit(&self) -> Affine {
        let (cx, cy) = self.center();
        Affine::translate(-0.5, -0.5)
            .then(Affine::scale(self.width, self.height))
            .then(Affine::rotate(self.rotation))
            .then(Affine::translate(cx, cy))
    }

    /// Left, top, right, bottom of the turned rectangle.
    pub fn bounds(&self) -> [f64; 4] {
        self.from_unit().bounds([0.0, 0.0, 1.0, 1.0])
    }
}

/// Over which share of the frame (0–1) a photo fades out towards each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fade {
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub left: f64,
}

impl Fade {
    pub fn is_none(&self) -> bool {
        *self == Fade::default()
    }
}

/// An affine map in double precision: x' = a·x + c·y + e, y' = b·x + d·y + f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

impl Affine {
    pub fn translate(x: f64, y: f64) -> Self {
        Self { a: 1.0, b: 0.0, c: 0.0, d: 1.0, e: x, f: y }
    }

    pub fn scale(x: f64, y: f64) -> Self {
        Self { a: x, b: 0.0, c: 0.0, d: y, e: 0.0, f: 0.0 }
    }

    /// Clockwise about the origin, in degrees. Quarter turns are exact.
    pub fn rotate(degrees: f64) -> Self {
        let turned = degrees.rem_euclid(360.0);
        let (sin, cos) = match turned {
            0.0 => (0.0, 1.0),
            90.0 => (1.0, 0.0),
            180.0 => (0.0, -1.0),
            270.0 => (-1.0, 0.0),
            _ => turned.to_radians().sin_cos(),
        };
        Self { a: cos, b: sin, c: -sin, d: cos, e: 0.0, f: 0.0 }
    }

    /// First `self`, then `next`.
    pub fn then(self, next: Affine) -> Self {
        Self {
            a: next.a * self.a + next.c * self.b,
            b: next.b * self.a + next.d * self.b,
            c: next.a * self.c + next.c * self.d,
            d: next.b * self.c + next.d * self.d,
            e: next.a * self.e + next.c * self.f + next.e,
            f: next.b * self.e + next.d * self.f + next.f,
        }
    }

    pub fn map(&self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }

    /// `None` when it flattens the plane.
    pub fn inverse(&self) -> Option<Self> {
        let size = self.a * self.d - self.b * self.c;
        if !size.is_finite() || size.abs() < 1e-18 {
            return None;
        }
        let (a, b, c, d) = (self.d / size, -self.b / size, -self.c / size, self.a / size);
        Some(Self { a, b, c, d, e: -(a * self.e + c * self.f), f: -(b * self.e + d * self.f) })
    }

    /// Left, top, right, bottom of where the rectangle goes.
    pub fn bounds(&self, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)].map(|(x, y)| self.map(x, y));
        corners.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |[l, t, r, b], (x, y)| {
            [l.min(*x), t.min(*y), r.max(*x), b.max(*y)]
        })
    }

    pub(crate) fn pixels(&self) -> crate::render::pixels::Map {
        let Affine { a, b, c, d, e, f } = *self;
        crate::render::pixels::Map { a, b, c, d, e, f }
    }

    pub(crate) fn skia(&self) -> resvg::tiny_skia::Transform {
        resvg::tiny_skia::Transform::from_row(
            self.a as f32,
            self.b as f32,
            self.c as f32,
            self.d as f32,
            self.e as f32,
            self.f as f32,
        )
    }
}

/// Which part of the scene a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// What the customer holds in the end.
    Trim,
    /// What is printed before it is cut.
    Bleed,
}

/// The pixels a scene is drawn on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    pub width: u32,
    pub height: u32,
    /// Scene millimetres to pixels.
    pub to_pixels: Affine,
}

impl Canvas {
    /// As many pixels as asked for along the longer side.
    pub fn long_side(scene: &Scene, pixels: u32, area: Area) -> Canvas {
        let (width_mm, height_mm) = extent(scene, area);
        let scale = f64::from(pixels.max(1)) / width_mm.max(height_mm);
        let size = |mm: f64| ((mm * scale).round() as u32).max(1);
        Self::sized(scene, (size(width_mm), size(height_mm)), area, scale)
    }

    /// Exactly that many pixels, the scene's proportion kept and centred (the sizes differ by rounding only).
    pub fn pixels(scene: &Scene, (width, height): (u32, u32), area: Area) -> Canvas {
        let (width_mm, height_mm) = extent(scene, area);
        let scale = (f64::from(width) / width_mm).max(f64::from(height) / height_mm);
        Self::sized(scene, (width.max(1), height.max(1)), area, scale)
    }

    fn sized(scene: &Scene, (width, height): (u32, u32), area: Area, scale: f64) -> Canvas {
        let (width_mm, height_mm) = extent(scene, area);
        let bleed = if area == Area::Bleed { scene.bleed_mm } else { 0.0 };
        let x = bleed * scale + (f64::from(width) - width_mm * scale) / 2.0;
        let y = bleed * scale + (f64::from(height) - height_mm * scale) / 2.0;
        Canvas { width, height, to_pixels: Affine { a: scale, b: 0.0, c: 0.0, d: scale, e: x, f: y } }
    }

    /// Pixels per millimetre.
    pub fn scale(&self) -> f64 {
        self.to_pixels.a
    }
}

fn extent(scene: &Scene, area: Area) -> (f64, f64) {
    let bleed = if area == Area::Bleed { scene.bleed_mm } else { 0.0 };
    (scene.width_mm + 2.0 * bleed, scene.height_mm + 2.0 * bleed)
}

/// Where a photo goes: from its unit square to the scene, so that the frame is covered whatever the customer did.
///
/// `(width, height)` is the photo's upright size in pixels, `(x, y)` the wished point of the photo (0–1) at the frame's
/// centre, `zoom` ≥ 1 where 1 just covers the frame at this rotation. The point is moved where the frame would not be covered.
pub fn place_photo(frame: &Frame, (width, height): (f64, f64), (x, y): (f64, f64), zoom: f64, rotation: f64) -> Affine {
    let turn = Affine::rotate(rotation);
    // The frame as seen from the turned photo: the sides of the box around it.
    let box_width = frame.width * turn.a.abs() + frame.height * turn.b.abs();
    let box_height = frame.width * turn.b.abs() + frame.height * turn.a.abs();
    let scale = (box_width / width).max(box_height / height) * zoom.max(1.0);
    let clamp = |at: f64, part: f64| {
        let half = (part / 2.0).min(0.5);
        at.clamp(half, 1.0 - half)
    };
    let x = clamp(x, box_width / (width * scale));
    let y = clamp(y, box_height / (height * scale));
    let (cx, cy) = frame.center();
    Affine::translate(-x, -y)
        .then(Affine::scale(width * scale, height * scale))
        .then(Affine::rotate(rotation + frame.rotation))
        .then(Affine::translate(cx, cy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the numbers, every corner of the frame lies on the photo.
        #[test]
        fn a_photo_always_covers_its_frame(
            size in (1.0..9000.0f64, 1.0..9000.0f64),
            frame in (1.0..900.0f64, 1.0..900.0f64, -360.0..360.0f64),
            at in (0.0..=1.0f64, 0.0..=1.0f64),
            zoom in 1.0..10.0f64,
            rotation in -360.0..360.0f64,
        ) {
            let frame = Frame { x: -5.0, y: 7.0, width: frame.0, height: frame.1, rotation: frame.2 };
            let to_photo = place_photo(&frame, size, at, zoom, rotation).inverse().unwrap();
            for (u, v) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
                let (x, y) = frame.from_unit().map(u, v);
                let (x, y) = to_photo.map(x, y);
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(&x) && (-1e-6..=1.0 + 1e-6).contains(&y), "{x} {y}");
            }
        }
    }

    #[test]
    fn a_map_and_its_inverse() {
        let map = Affine::rotate(30.0).then(Affine::scale(3.0, 2.0)).then(Affine::translate(5.0, -1.0));
        let (x, y) = map.map(0.3, 0.8);
        let (u, v) = map.inverse().unwrap().map(x, y);
        assert!((u - 0.3).abs() < 1e-9 && (v - 0.8).abs() < 1e-9);
        assert_eq!(Affine::rotate(450.0), Affine::rotate(90.0));
        assert_eq!(Affine::scale(0.0, 1.0).inverse(), None);
    }

    #[test]
    fn canvases() {
        let scene =
            Scene { width_mm: 210.0, height_mm: 297.0, bleed_mm: 3.0, background: Color::WHITE, layers: vec![] };
        let preview = Canvas::long_side(&scene, 800, Area::Trim);
        assert_eq!((preview.width, preview.height), (566, 800));
        let print = Canvas::pixels(&scene, (2551, 3579), Area::Bleed);
        let (x, y) = print.to_pixels.map(-3.0, -3.0);
        assert!(x.abs() < 0.5 && y.abs() < 0.5);
    }
}
