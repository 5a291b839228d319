//! What stands in `mockup.toml`.

use super::light::Blend;
use super::measure::Measures;
use super::surface::{Cylinder, Homography, Outline, Surface};
use crate::render::Color;
use crate::render::artwork::recolor;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// A place where pieces are shown.
#[derive(Debug)]
pub struct Stage {
    pub(super) file: StageFile,
    /// SVG by file name, with its measures still in braces.
    art: HashMap<String, String>,
    /// Changes with anything the stage is drawn from.
    mark: u32,
}

/// What is shown on a stage.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub width_mm: f64,
    pub height_mm: f64,
    /// Which of the stage's colourings; one it does not know is the usual one.
    pub variant: &'a str,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageFile {
    /// Units, which are pixels at that size.
    pub width: f64,
    pub height: f64,
    pub place: Place,
    /// From back to front.
    pub layers: Vec<Layer>,
    /// By variant: literal colours of the drawings, and what stands in their place.
    #[serde(default)]
    pub colors: BTreeMap<String, BTreeMap<Color, Color>>,
}

/// Where a piece stands, seen flat: about a point, and in a box around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    /// No piece is larger than this.
    pub width: f64,
    pub height: f64,
    /// How large pieces look. Without it they fill the box.
    #[serde(default)]
    pub scale: Option<Scale>,
}

/// A piece of `mm` (its longer side) is `units` long. For larger ones the viewer steps back a little: twice the size looks 1.4
/// times as large, so that a small piece is still seen well and a large one still looks larger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub mm: f64,
    pub units: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Layer {
    Art(ArtLayer),
    Print(PrintLayer),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtLayer {
    pub file: String,
    #[serde(default)]
    pub blend: Blend,
    #[serde(default = "one")]
    pub opacity: f32,
    /// Only for these variants …
    #[serde(default)]
    pub only: Vec<String>,
    /// … or for all but these.
    #[serde(default)]
    pub except: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrintLayer {
    /// Left, top, right and bottom of what shows, in millimetres from the trimmed print's corner. Without it the trimmed print.
    pub part: Option<String>,
    /// In millimetres; at least half the print makes it round.
    #[serde(default)]
    pub corner: Option<String>,
    /// Where the part's corners lie, from the top left one clockwise. Without it, and without a cylinder, the piece's place.
    pub corners: Option<String>,
    pub cylinder: Option<CylinderFile>,
    #[serde(default)]
    pub blend: Blend,
    #[serde(default = "one")]
    pub opacity: f32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CylinderFile {
    pub x: f64,
    pub radius: f64,
    pub top: f64,
    pub bottom: f64,
    pub top_bend: f64,
    pub bottom_bend: f64,
    pub around_mm: f64,
    /// The place of the print in front, as a measure: `width_mm*0.25`.
    pub front: String,
}

fn one() -> f32 {
    1.0
}

/// A print laid out on a stage.
#[derive(Clone, Debug)]
pub(super) struct LaidPrint {
    pub surface: Surface,
    pub outline: Outline,
    pub blend: Blend,
    pub opacity: f32,
}

impl Stage {
    /// Reads `mockup.toml` and the drawings it names, and tries them with a piece.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(text: &dyn Fn(&str) -> Option<String>) -> Result<Stage, String> {
        let source = text("mockup.toml").ok_or("mockup.toml is missing")?;
        let file: StageFile = toml::from_str(&source).map_err(|error| format!("mockup.toml: {error}"))?;
        let mut mark = crc32fast::Hasher::new();
        mark.update(source.as_bytes());
        let mut art = HashMap::new();
        for layer in &file.layers {
            let Layer::Art(layer) = layer else { continue };
            let svg = text(&layer.file).ok_or_else(|| format!("{} is missing", layer.file))?;
            for tag in ["<text", "<image", "<script", "<!ENTITY"] {
                if svg.contains(tag) {
                    return Err(format!("{} has a {tag}, which is not drawn", layer.file));
                }
            }
            mark.update(svg.as_bytes());
            art.insert(layer.file.clone(), svg);
        }
        let stage = Stage { file, art, mark: mark.finalize() };
        let piece = Piece { width_mm: 210.0, height_mm: 297.0, variant: "" };
        let measures = stage.measures(&piece);
        for layer in &stage.file.layers {
            match layer {
                Layer::Art(layer) => _ = stage.tree(&layer.file, &measures, &piece)?,
                Layer::Print(layer) => _ = layer.lay(&measures)?,
            }
        }
        Ok(stage)
    }

    /// Another number when the stage would look different.
    pub fn mark(&self) -> u32 {
        self.mark
    }

    /// Pixels of a picture whose longer side is `side`.
    pub fn size(&self, side: u32) -> (u32, u32) {
        let scale = f64::from(side.max(1)) / self.file.width.max(self.file.height);
        let pixels = |length: f64| ((length * scale).round() as u32).max(1);
        (pixels(self.file.width), pixels(self.file.height))
    }

    /// The variant, where the stage shows it in its own way; else nothing.
    pub(super) fn known<'a>(&self, variant: &'a str) -> &'a str {
        let is_named = |list: &[String]| list.iter().any(|name| name == variant);
        let in_layers = self.file.layers.iter().any(|layer| match layer {
            Layer::Art(layer) => is_named(&layer.only) || is_named(&layer.except),
            Layer::Print(_) => false,
        });
        if in_layers || self.file.colors.contains_key(variant) { variant } else { "" }
    }

    pub(super) fn measures(&self, piece: &Piece) -> Measures {
        let place = &self.file.place;
        let (width_mm, height_mm) = (piece.width_mm.max(1.0), piece.height_mm.max(1.0));
        let fitting = (place.width / width_mm).min(place.height / height_mm);
        let wished = place.scale.as_ref().map(|scale| {
            let long = width_mm.max(height_mm);
            scale.units / scale.mm * (scale.mm / long).sqrt()
        });
        let mm = wished.unwrap_or(fitting).min(fitting);
        let (width, height) = (width_mm * mm, height_mm * mm);
        Measures { left: place.x - width / 2.0, top: place.y - height / 2.0, width, height, mm }
    }

    /// A drawing with its measures and colours.
    pub(super) fn tree(&self, file: &str, measures: &Measures, piece: &Piece) -> Result<resvg::usvg::Tree, String> {
        let svg = self.art.get(file).ok_or_else(|| format!("{file} is missing"))?;
        let mut svg = measures.fill(svg).map_err(|problem| format!("{file}: {problem}"))?;
        if let Some(colors) = self.file.colors.get(piece.variant) {
            let colors: Vec<_> = colors.iter().map(|(from, to)| (*from, *to)).collect();
            svg = recolor(&svg, &colors);
        }
        crate::render::artwork::parse(&svg).map_err(|problem| format!("{file}: {problem}"))
    }
}

impl ArtLayer {
    pub(super) fn shows(&self, variant: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|name| name == variant);
        (self.only.is_empty() || is_in(&self.only)) && !is_in(&self.except)
    }
}

impl PrintLayer {
    pub(super) fn lay(&self, measures: &Measures) -> Result<LaidPrint, String> {
        let [left, top, right, bottom] = measures.numbers(self.part.as_deref().unwrap_or("0 0 width_mm height_mm"))?;
        let corner_mm = measures.number(self.corner.as_deref().unwrap_or("0"))?;
        let surface = match &self.cylinder {
            Some(file) => Surface::Cylinder(Cylinder {
                x: file.x,
                radius: file.radius,
                top: file.top,
                bottom: file.bottom,
                top_bend: file.top_bend,
                bottom_bend: file.bottom_bend,
                around_mm: file.around_mm,
                front_mm: measures.number(&file.front)?,
                height_mm: bottom - top,
            }),
            None => {
                let corners = self.corners.as_deref().unwrap_or("left top, right top, right bottom, left bottom");
                let [x0, y0, x1, y1, x2, y2, x3, y3] = measures.numbers(corners)?;
                let corners = [(x0, y0), (x1, y1), (x2, y2), (x3, y3)];
                let plane = Homography::new([left, top, right, bottom], corners);
                Surface::Quad(plane.ok_or_else(|| format!("`{corners:?}` is no quadrangle"))?)
            }
        };
        let outline = Outline { left, top, right, bottom, corner_mm };
        Ok(LaidPrint { surface, outline, blend: self.blend, opacity: self.opacity })
    }
}
