//! Shapes: mask outlines as paths.

use resvg::tiny_skia::{Path, PathBuilder, Rect};
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
}
