//! Shapes: mask outlines as paths, and how far from an outline something is.

use resvg::tiny_skia::{self, Path, PathBuilder, PathSegment, Rect};
use resvg::usvg;

/// Reads SVG path data (the `d` attribute). `None` when it is none or encloses nothing.
pub fn parse_path(d: &str) -> Option<Path> {
    // Only what path data is made of gets into the markup below.
    if d.len() > 20_000 || !d.chars().all(|c| c.is_ascii_alphanumeric() || " .,+-\n".contains(c)) {
        return None;
    }
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="{d}"/></svg>"#);
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default()).ok()?;
    match tree.root().children() {
        [usvg::Node::Path(path)] => Some(path.data().clone()),
        _ => None,
    }
}

/// A rectangle with round corners, each at most half of the shorter side.
pub fn rounded_rect(rect: Rect, radius: f32) -> Option<Path> {
    let radius = radius.min(rect.width() / 2.0).min(rect.height() / 2.0);
    if radius <= 0.0 {
        return Some(PathBuilder::from_rect(rect));
    }
    // The control points of the cubic that comes nearest to a quarter of a circle.
    let bend = radius * (1.0 - 0.552_284_8);
    let (left, top, right, bottom) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let mut path = PathBuilder::new();
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - bend, top, right, top + bend, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - bend, right - bend, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + bend, bottom, left, bottom - bend, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + bend, left + bend, top, left + radius, top);
    path.close();
    path.finish()
}

/// The edge of something that is cut out, to be kept away from.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Closed runs of points.
    rings: Vec<Vec<Point>>,
}

/// Millimetres from the left and from the top.
type Point = (f64, f64);

/// A curve is taken for so many straight pieces. A circle of 100 mm, eight curves, is nowhere off by more than its four-hundredth.
const PIECES: usize = 24;

impl Edge {
    pub fn of(path: &Path) -> Edge {
        let mut rings: Vec<Vec<Point>> = Vec::new();
        along(path, PIECES, |at, begins| match rings.last_mut() {
            Some(ring) if !begins => ring.push(at),
            _ => rings.push(vec![at]),
        });
        rings.retain(|ring| ring.len() > 2);
        Edge { rings }
    }

    fn sides(&self) -> impl Iterator<Item = (Point, Point)> {
        self.rings.iter().flat_map(|ring| ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)))
    }

    /// How far a point lies from the edge, less than nothing outside (non-zero winding).
    pub fn depth(&self, (x, y): Point) -> f64 {
        let (mut nearest, mut turns) = (f64::MAX, 0);
        for ((ax, ay), (bx, by)) in self.sides() {
            let (dx, dy) = (bx - ax, by - ay);
            let length = dx * dx + dy * dy;
            let share = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
            let (off_x, off_y) = (ax + share * dx - x, ay + share * dy - y);
            nearest = nearest.min(off_x * off_x + off_y * off_y);
            let is_left = dx * (y - ay) - (x - ax) * dy > 0.0;
            turns += i32::from(ay <= y && by > y && is_left) - i32::from(ay > y && by <= y && !is_left);
        }
        if turns == 0 { -nearest.sqrt() } else { nearest.sqrt() }
    }

    /// Whether all of a shape lies inside, at least `margin` from the edge.
    pub fn holds(&self, shape: &Path, margin: f64) -> bool {
        let mut holds = true;
        // Whatever is no farther from a point than that lies deeper than wished needs no look of its own.
        let (mut there, mut spare) = ((0.0, 0.0), -1.0);
        along(shape, 4, |at: Point, _| {
            if holds && (at.0 - there.0).hypot(at.1 - there.1) > spare {
                (there, spare) = (at, self.depth(at) - margin);
                holds = spare >= 0.0;
            }
        });
        holds
    }

    /// The edge of what lies inside, at least `margin` from this one.
    pub fn inset(&self, margin: f64) -> Edge {
        let around: f64 = self.sides().map(|(a, b)| (b.0 - a.0).hypot(b.1 - a.1)).sum();
        let step = (around / 600.0).max(0.01);
        let inside = |ring: &Vec<Point>| {
            let mut points = Vec::new();
            for ((ax, ay), (bx, by)) in ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)) {
                let (dx, dy) = (bx - ax, by - ay);
                let length = dx.hypot(dy);
                let count = (length / step).ceil() as usize;
                for at in 0..count {
                    let share = (at as f64 + 0.5) / count as f64;
                    let (x, y) = (ax + share * dx, ay + share * dy);
                    // On whichever side is the inside.
                    let (off_x, off_y) = (-dy / length * margin, dx / length * margin);
                    let sides = [(x + off_x, y + off_y), (x - off_x, y - off_y)];
                    points.extend(sides.into_iter().find(|point| self.depth(*point) >= margin - step / 20.0));
                }
            }
            points
        };
        let rings = self.rings.iter().map(inside).filter(|ring: &Vec<Point>| ring.len() > 2);
        Edge { rings: rings.collect() }
    }

    /// As the path data of an SVG, to a hundredth of a millimetre.
    pub fn data(&self) -> String {
        let number = |value: f64| format!("{}", (value * 100.0).round() / 100.0 + 0.0);
        let mut data = String::new();
        for ring in &self.rings {
            for (at, (x, y)) in ring.iter().enumerate() {
                data.push_str(if at == 0 { "M" } else { "L" });
                data.push_str(&format!("{} {}", number(*x), number(*y)));
            }
            data.push('Z');
        }
        data
    }
}

/// Calls `point` for points along a path, with whether a run of its own begins there. Each curve gives `pieces` of them.
fn along(path: &Path, pieces: usize, mut point: impl FnMut(Point, bool)) {
    let wide = |at: tiny_skia::Point| (f64::from(at.x), f64::from(at.y));
    let between = |(ax, ay): Point, (bx, by): Point, share: f64| (ax + (bx - ax) * share, ay + (by - ay) * share);
    let shares = || (1..=pieces).map(|at| at as f64 / pieces as f64);
    let mut pen = (0.0, 0.0);
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(at) => {
                pen = wide(at);
                point(pen, true);
            }
            PathSegment::LineTo(at) => {
                pen = wide(at);
                point(pen, false);
            }
            PathSegment::QuadTo(a, to) => {
                let (a, to) = (wide(a), wide(to));
                for share in shares() {
                    point(between(between(pen, a, share), between(a, to, share), share), false);
                }
                pen = to;
            }
            PathSegment::CubicTo(a, b, to) => {
                let (a, b, to) = (wide(a), wide(b), wide(to));
                for share in shares() {
                    let middle = between(a, b, share);
                    let left = between(between(pen, a, share), middle, share);
                    let right = between(middle, between(b, to, share), share);
                    point(between(left, right, share), false);
                }
                pen = to;
            }
            PathSegment::Close => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_data_is_read_and_nothing_else() {
        let heart = parse_path("M.5 .9 C.1 .6 0 .3 .25 .15 S.5 .3 .5 .3 S.5 0 .75 .15 S.9 .6 .5 .9Z").unwrap();
        assert!(heart.bounds().width() > 0.5);
        assert!(parse_path(r#"M0 0"/><script>"#).is_none());
        assert!(parse_path("nonsense").is_none());
        assert!(parse_path("").is_none());
    }

    fn circle(radius: f32) -> Edge {
        Edge::of(&PathBuilder::from_circle(radius, radius, radius).unwrap())
    }

    #[test]
    fn depth_is_counted_from_the_edge() {
        let disc = circle(16.0);
        for (x, y) in [(16.0, 16.0), (20.0, 16.0), (16.0, 2.0), (5.0, 7.0), (0.0, 0.0), (40.0, 16.0)] {
            let wanted = 16.0 - (x - 16.0_f64).hypot(y - 16.0);
            let depth = disc.depth((x, y));
            assert!((depth - wanted).abs() < 0.01, "{x} {y}: {depth}, not {wanted}");
        }
        let square = Edge::of(&PathBuilder::from_rect(Rect::from_xywh(0.0, 0.0, 10.0, 6.0).unwrap()));
        assert_eq!([square.depth((5.0, 3.0)), square.depth((1.0, 3.0)), square.depth((-2.0, 3.0))], [3.0, 1.0, -2.0]);
        assert!((square.depth((13.0, 10.0)) + 5.0).abs() < 1e-9, "from the corner");
    }

    #[test]
    fn what_lies_well_inside_is_as_deep_as_wished() {
        let bone = "M.2 .3 C.1 .1 .4 .1 .4 .3 L.6 .3 C.6 .1 .9 .1 .8 .3 C1 .5 .8 .8 .6 .7 L.4 .7 C.2 .8 0 .5 .2 .3 Z";
        let bone = parse_path(bone).unwrap().transform(tiny_skia::Transform::from_scale(60.0, 40.0)).unwrap();
        for edge in [circle(16.0), Edge::of(&bone)] {
            let safe = edge.inset(1.5);
            let points: Vec<_> = safe.rings.iter().flatten().collect();
            assert!(points.len() > 300);
            for point in points {
                let depth = edge.depth(*point);
                assert!((1.48..1.52).contains(&depth), "{point:?} is {depth} deep");
            }
            assert!(safe.data().starts_with('M') && safe.data().ends_with('Z'));
        }
        assert!(circle(16.0).inset(17.0).data().is_empty());
        let letter = |x: f32, y: f32| PathBuilder::from_rect(Rect::from_xywh(x, y, 3.0, 2.0).unwrap());
        // Inside the square around the disc, and by its side in the middle, but not in its corner.
        assert!(circle(16.0).holds(&letter(2.0, 15.0), 1.5));
        assert!(!circle(16.0).holds(&letter(2.0, 4.0), 1.5));
        assert!(!circle(16.0).holds(&letter(1.0, 15.0), 1.5));
    }
}
