//! SVG artwork: checked once, parsed once per set of colours.

pub mod clean;

use super::Color;
use resvg::usvg;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// The text of an SVG that this renderer draws completely.
pub struct Artwork {
    /// CRC-32 and length name the text in the cache, which compares nothing else: files are the shop's own.
    key: (u32, usize),
    svg: String,
    plain: Arc<usvg::Tree>,
}

/// Why an SVG is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtworkProblem(pub String);

impl fmt::Display for ArtworkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ArtworkProblem {}

type Key = ((u32, usize), Vec<(Color, Color)>);
/// By key: when it was last used, counted up, and the tree.
type Cache = HashMap<Key, (u64, Arc<usvg::Tree>)>;

/// Recoloured trees, newest use last. Few: a product has a handful of papers.
static CACHE: Mutex<Option<Cache>> = Mutex::new(None);
const CACHE_SIZE: usize = 160;

impl Artwork {
    /// # Errors
    /// Text that is no SVG, or uses what is not drawn here: words (they are fields), pictures (they are photos) and
    /// filters (they can't be drawn band by band; use gradients).
    pub fn new(svg: &[u8]) -> Result<Artwork, ArtworkProblem> {
        let svg = String::from_utf8(svg.to_vec()).map_err(|_| ArtworkProblem("it is not UTF-8".into()))?;
        // usvg drops what it can't draw without a word, so the source is asked, not the tree.
        for (tag, why) in [
            ("<text", "words in artwork are not drawn; make a text field or outlines"),
            ("<image", "pictures in artwork are not drawn"),
            ("<foreignObject", "foreign objects are not drawn"),
            ("<script", "scripts are not run"),
            ("<!ENTITY", "entities are not read"),
            (
                "<pattern",
                "patterns are not drawn, since their tiles fall on whole pixels and the print would differ; repeat with <use>",
            ),
            ("<filter", "filters are not drawn, since prints are drawn in bands; use gradients"),
        ] {
            if svg.contains(tag) {
                return Err(ArtworkProblem(why.into()));
            }
        }
        let plain = Arc::new(parse(&svg)?);
        if !draws(plain.root()) {
            return Err(ArtworkProblem("there is nothing in it to draw".into()));
        }
        Ok(Artwork { key: (crc32fast::hash(svg.as_bytes()), svg.len()), svg, plain })
    }

    /// Width ÷ height of its viewBox.
    pub fn proportion(&self) -> f64 {
        f64::from(self.plain.size().width()) / f64::from(self.plain.size().height())
    }

    /// True when the literal colour stands in it.
    pub fn uses(&self, color: Color) -> bool {
        self.svg.to_ascii_lowercase().contains(&color.to_string())
    }

    /// The drawing with each literal colour `#rrggbb` of the left replaced by the one of the right.
    pub fn recolored(&self, colors: &[(Color, Color)]) -> Arc<usvg::Tree> {
        let mut colors: Vec<_> = colors.iter().filter(|(from, to)| from != to).copied().collect();
        if colors.is_empty() {
            return self.plain.clone();
        }
        colors.sort_unstable();
        let key = (self.key, colors);
        let mut guard = CACHE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let cache = guard.get_or_insert_default();
        let now = cache.values().map(|(used, _)| *used).max().unwrap_or(0) + 1;
        if let Some((used, tree)) = cache.get_mut(&key) {
            *used = now;
            return tree.clone();
        }
        // A file that parsed also parses with other colours in it.
        let tree = parse(&recolor(&self.svg, &key.1)).map_or_else(|_| self.plain.clone(), Arc::new);
        if cache.len() >= CACHE_SIZE {
            let oldest = cache.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.map(|key| cache.remove(&key));
        }
        cache.insert(key, (now, tree.clone()));
        tree
    }
}

/// True when some shape is in the group.
fn draws(group: &usvg::Group) -> bool {
    group.children().iter().any(|node| match node {
        usvg::Node::Group(group) => draws(group),
        usvg::Node::Path(_) => true,
        usvg::Node::Image(_) | usvg::Node::Text(_) => false,
    })
}

pub(super) fn parse(svg: &str) -> Result<usvg::Tree, ArtworkProblem> {
    let options = usvg::Options {
        image_href_resolver: usvg::ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options).map_err(|error| ArtworkProblem(error.to_string()))
}

/// Replaces every `#rrggbb` of the list, in one pass, so that no replacement is replaced again.
pub(super) fn recolor(svg: &str, colors: &[(Color, Color)]) -> String {
    let mut out = String::with_capacity(svg.len() + 16);
    let mut rest = svg;
    while let Some(at) = rest.find('#') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest[1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let literal = if digits == 6 { rest[..7].parse::<Color>().ok() } else { None };
        match literal.and_then(|literal| colors.iter().find(|(from, _)| *from == literal)) {
            Some((_, to)) => out.push_str(&Color { alpha: 255, ..*to }.to_string()),
            None => out.push_str(&rest[..1 + digits]),
        }
        rest = &rest[1 + digits..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inside: &str) -> Vec<u8> {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 230 317">{inside}</svg>"#).into_bytes()
    }

    #[test]
    fn colors_are_replaced_once_and_whatever_their_case() {
        let color = |text: &str| text.parse::<Color>().unwrap();
        let list = [(color("#fbf7ef"), color("#14183a")), (color("#14183a"), color("#ffffff"))];
        assert_eq!(
            recolor("fill='#FBF7EF' url(#fbf7efa) #14183A #fff #", &list),
            "fill='#14183a' url(#fbf7efa) #ffffff #fff #"
        );
    }

    #[test]
    fn what_would_be_left_out_is_refused() {
        assert!(Artwork::new(&svg("<rect width='9' height='9' fill='#fbf7ef'/>")).is_ok());
        for bad in ["<text>Bella</text>", "<image href='x.png'/>", "<filter id='a'/>", "<pattern id='a'/>", ""] {
            assert!(Artwork::new(&svg(bad)).is_err(), "{bad}");
        }
        assert!(Artwork::new(b"<svg").is_err());
    }

    #[test]
    fn the_same_colors_give_the_same_tree() {
        let artwork = Artwork::new(&svg("<rect width='9' height='9' fill='#fbf7ef'/>")).unwrap();
        let colors = [(Color::opaque(0xfb, 0xf7, 0xef), Color::BLACK)];
        assert!(Arc::ptr_eq(&artwork.recolored(&colors), &artwork.recolored(&colors)));
        assert!(!Arc::ptr_eq(&artwork.recolored(&colors), &artwork.recolored(&[])));
        assert!((artwork.proportion() - 230.0 / 317.0).abs() < 1e-4);
    }
}
