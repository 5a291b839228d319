//! The whole sky as a disc: zenith in the middle, horizon at the edge, north up and east left, as one sees it lying on one's
//! back with the feet to the south. Stereographic, so that constellations keep their shapes out to the edge.

use super::catalogue::{CATALOGUE, Star};
use super::position::{Horizon, UniversalTime, Vector};
use crate::render::Color;
use crate::render::scene::DrawnShape;
use resvg::tiny_skia::{LineCap, LineJoin, Path, PathBuilder, Stroke};
use std::collections::BTreeMap;

/// A disc of sky. Lengths in millimetres.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    pub time: UniversalTime,
    pub horizon: Horizon,
    pub center: (f64, f64),
    /// Of the horizon.
    pub radius: f64,
}

/// How stars are drawn: the brighter, the larger.
#[derive(Clone, Copy, Debug)]
pub struct Stars {
    pub color: Color,
    /// How much of its own colour a star shows, 0–1.
    pub tint: f64,
    /// The magnitude down to which stars are drawn.
    pub faintest: f64,
    /// Diameters of the faintest star drawn and of the brightest there is.
    pub smallest: f64,
    pub largest: f64,
}

/// The figures of the constellations.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    pub color: Color,
    pub width: f64,
    /// How far from a star's middle a line ends.
    pub gap: f64,
}

/// A glow where the Milky Way is.
#[derive(Clone, Copy, Debug)]
pub struct MilkyWay {
    /// Of one spot; see-through, since many lie over each other.
    pub color: Color,
    /// Diameter of a spot.
    pub size: f64,
}

/// About the magnitude of Sirius.
const BRIGHTEST: f64 = -1.5;

/// Each step of a line covers at most this angle (in radians), since a great circle is bent on the chart.
const STEP: f64 = 0.035;

/// Spots of one veil do not add up, those of several do.
const VEILS: usize = 12;

/// The disc is cut into this many strips, one shape each, so that a band of a print skips what lies outside of it.
const STRIPS: f64 = 16.0;

impl Stars {
    /// The diameter of a star of that magnitude: each magnitude is the same factor.
    pub fn diameter(&self, magnitude: f64) -> f64 {
        let share = ((self.faintest - magnitude) / (self.faintest - BRIGHTEST)).clamp(0.0, 1.0);
        self.smallest * (self.largest / self.smallest).powf(share)
    }

    /// The colour a star shows: from blue-white to orange by its colour index, nearly as they look to the eye.
    fn color(&self, star: &Star) -> Color {
        let own = match star.color_index {
            index if index < 0.0 => Color::opaque(0xa9, 0xc4, 0xff),
            index if index < 0.35 => Color::opaque(0xdc, 0xe6, 0xff),
            index if index < 0.8 => Color::opaque(0xff, 0xf6, 0xe4),
            index if index < 1.25 => Color::opaque(0xff, 0xdf, 0xa8),
            _ => Color::opaque(0xff, 0xbf, 0x86),
        };
        self.color.mix(Color { alpha: self.color.alpha, ..own }, self.tint)
    }
}

impl Chart {
    /// The point of a direction (east, north, up); `None` below the horizon.
    pub fn point(&self, [east, north, up]: Vector) -> Option<(f64, f64)> {
        (up >= 0.0).then(|| self.projected([east, north, up]))
    }

    fn projected(&self, [east, north, up]: Vector) -> (f64, f64) {
        let scale = self.radius / (1.0 + up);
        (self.center.0 - east * scale, self.center.1 - north * scale)
    }

    /// Direction and point of every star above the horizon down to a magnitude, brightest first.
    pub fn stars(&self, faintest: f64) -> impl Iterator<Item = (&'static Star, (f64, f64))> {
        let bright = CATALOGUE.stars.iter().take_while(move |star| star.magnitude <= faintest);
        bright.filter_map(|star| Some((star, self.point(self.horizon.see(star.direction(self.time)))?)))
    }

    pub fn draw_stars(&self, stars: &Stars) -> Vec<DrawnShape> {
        let mut dots = Dots::new(self);
        for (star, at) in self.stars(stars.faintest) {
            dots.add(at, stars.diameter(star.magnitude), stars.color(star));
        }
        dots.finish()
    }

    /// Many thin veils of round spots, one over the other: the more spots lie over a point, the brighter it is.
    pub fn draw_milky_way(&self, milky_way: &MilkyWay) -> Vec<DrawnShape> {
        let mut veils: Vec<PathBuilder> = (0..VEILS).map(|_| PathBuilder::new()).collect();
        for (at, point) in CATALOGUE.milky_way.iter().enumerate() {
            let Some((x, y)) = self.point(self.horizon.see(*point)) else { continue };
            // Spots shrink towards the horizon, so that none reaches beyond it.
            let to_edge = self.radius - (x - self.center.0).hypot(y - self.center.1);
            veils[at % VEILS].push_circle(x as f32, y as f32, to_edge.min(milky_way.size / 2.0) as f32);
        }
        let shape = |path: PathBuilder| path.finish().map(|path| DrawnShape { path, color: milky_way.color });
        veils.into_iter().filter_map(shape).collect()
    }

    pub fn draw_lines(&self, lines: &Lines) -> Vec<DrawnShape> {
        let seen: Vec<Vector> =
            CATALOGUE.stars.iter().map(|star| self.horizon.see(star.direction(self.time))).collect();
        let stroke = Stroke {
            width: lines.width as f32,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        // Strokes become outlines here, once, and not again for every band.
        let outlined = |run: &Vec<usize>| {
            let mut path = PathBuilder::new();
            for pair in run.windows(2) {
                self.line(&mut path, seen[pair[0]], seen[pair[1]], lines.gap);
            }
            let path = path.finish()?.stroke(&stroke, 20.0)?;
            Some(DrawnShape { path, color: lines.color })
        };
        CATALOGUE.lines.iter().filter_map(outlined).collect()
    }

    /// The part above the horizon of the great circle between two stars, a gap left at each.
    fn line(&self, path: &mut PathBuilder, from: Vector, to: Vector, gap: f64) {
        let angle = (0..3).map(|at| from[at] * to[at]).sum::<f64>().clamp(-1.0, 1.0).acos();
        if angle < 1e-6 || (from[2] < 0.0 && to[2] < 0.0) {
            return;
        }
        let between = |share: f64| {
            let (a, b) = (((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin());
            [0, 1, 2].map(|at| from[at] * a + to[at] * b)
        };
        // Where the circle meets the horizon: a·sin(1 − s)w + b·sin(s)w = 0.
        let crossing = || {
            let tangent = from[2] * angle.sin() / (from[2] * angle.cos() - to[2]);
            (tangent.atan().rem_euclid(std::f64::consts::PI) / angle).clamp(0.0, 1.0)
        };
        // A gap in millimetres as a share of the line: as much as the projection is stretched at that end.
        let short = |at: Vector| gap * (1.0 + at[2].max(0.0)) / self.radius / angle;
        let begin = if from[2] < 0.0 { crossing() } else { short(from) };
        let end = if to[2] < 0.0 { crossing() } else { 1.0 - short(to) };
        if begin >= end {
            return;
        }
        let steps = ((end - begin) * angle / STEP).ceil().max(1.0);
        for step in 0..=steps as u32 {
            let (x, y) = self.projected(between(begin + (end - begin) * f64::from(step) / steps));
            match step {
                0 => path.move_to(x as f32, y as f32),
                _ => path.line_to(x as f32, y as f32),
            }
        }
    }
}

/// Dots, gathered by strip and colour.
struct Dots {
    top: f64,
    height: f64,
    strips: BTreeMap<(u32, Color), PathBuilder>,
}

impl Dots {
    fn new(chart: &Chart) -> Self {
        let height = chart.radius * 2.0 / STRIPS;
        Self { top: chart.center.1 - chart.radius, height, strips: BTreeMap::new() }
    }

    fn add(&mut self, (x, y): (f64, f64), diameter: f64, color: Color) {
        let strip = ((y - self.top) / self.height) as u32;
        let path = self.strips.entry((strip, color)).or_default();
        path.push_circle(x as f32, y as f32, (diameter / 2.0) as f32);
    }

    fn finish(self) -> Vec<DrawnShape> {
        let shape = |((_, color), path): ((u32, Color), PathBuilder)| {
            path.finish().map(|path: Path| DrawnShape { path, color })
        };
        self.strips.into_iter().filter_map(shape).collect()
    }
}
