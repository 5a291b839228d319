//! From layout and values to the scene.

use super::values::{Value, Values, listed};
use crate::catalog::layout::{self, Layer, Layout, Look, Paint, Size};
use crate::designs::places;
use crate::kernel::{Fault, Message};
use crate::render::scene::{
    DrawnArtwork, DrawnPhoto, DrawnShadow, DrawnShape, DrawnText, Frame, PhotoLook, Scene, SceneLayer, place_photo,
};
use crate::render::shape::Edge;
use crate::render::sky::{Chart, Horizon, Lines, MilkyWay, Stars, UniversalTime};
use crate::render::text::{TextBlock, set};
use crate::render::{Artwork, Color, fonts};
use resvg::tiny_skia::Path;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Pixels per inch from which a print looks sharp at arm's length.
pub const SHARP_DPI: f64 = 150.0;

/// Date, latitude, longitude and strength of the sky that is shown before the customer's own can be.
const STAND_IN_SKY: (&str, f64, f64, f64) = ("2000-01-01", 35.68, 139.69, 0.3);

/// A scene, and what its customer should know about it.
#[derive(Debug)]
pub struct Built {
    pub scene: Scene,
    /// For each layer of the scene, which of the layout's it is.
    pub origins: Vec<usize>,
    pub warnings: Vec<Warning>,
    /// By field, what of the words that are set no bundled face can draw.
    pub undrawable: BTreeMap<String, Vec<String>>,
    pub photos: Vec<PhotoQuality>,
}

/// Something that can be ordered as it is, but perhaps is not meant so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub code: &'static str,
    /// A field's id.
    pub field: String,
    pub message: Message,
}

/// How sharp a photo is in the crop in use.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoQuality {
    pub field: String,
    pub photo_id: Uuid,
    /// Photo pixels per printed inch.
    pub dpi: f64,
    /// The size this whole print could have with the photo still sharp.
    pub sharp_up_to_mm: Size,
}

/// How large a whole photo can be printed and look sharp.
pub fn sharp_up_to_mm(width_px: u32, height_px: u32) -> Size {
    let mm = |pixels: u32| (f64::from(pixels) / SHARP_DPI * 254.0).round() / 10.0;
    Size { width_mm: mm(width_px), height_mm: mm(height_px) }
}

/// Builds the scene of a design at a variant's size.
///
/// `photo_size` gives a photo's upright size in pixels; a photo it does not know is drawn as a stand-in. `artwork` gives
/// the parsed file of that name.
///
/// # Errors
/// An artwork file that is not there.
pub fn build_scene(
    layout: &Layout,
    size: Size,
    values: &Values,
    photo_size: &dyn Fn(Uuid) -> Option<(u32, u32)>,
    artwork: &dyn Fn(&str) -> Option<Arc<Artwork>>,
) -> Result<Built, Fault> {
    let scale = (size.width_mm / layout.width_mm).max(size.height_mm / layout.height_mm);
    let mut builder = Builder {
        layout,
        size,
        values,
        scale,
        x: (size.width_mm - layout.width_mm * scale) / 2.0,
        y: (size.height_mm - layout.height_mm * scale) / 2.0,
        cut: layout.shaped_cut(size),
        warnings: Vec::new(),
        undrawable: BTreeMap::new(),
        photos: Vec::new(),
    };
    let mut layers = Vec::new();
    let mut origins = Vec::new();
    for (origin, layer) in layout.layers.iter().enumerate() {
        if !builder.shows(layer) {
            continue;
        }
        match layer {
            Layer::Artwork(layer) => {
                let file = artwork(&layer.file)
                    .ok_or_else(|| Fault::Corrupt(format!("the artwork {} is not there", layer.file)))?;
                layers.push(SceneLayer::Artwork(builder.artwork(layer, &file)));
            }
            Layer::Photo(layer) => layers.extend(builder.photo(layer, photo_size).map(SceneLayer::Photo)),
            Layer::Text(layer) => layers.extend(builder.text(layer).map(SceneLayer::Text)),
            Layer::Sky(layer) => layers.extend(builder.sky(layer).map(SceneLayer::Shapes)),
        }
        origins.resize(layers.len(), origin);
    }
    let scene = Scene {
        width_mm: size.width_mm,
        height_mm: size.height_mm,
        bleed_mm: layout.bleed_mm,
        background: builder.color(&layout.background),
        layers,
    };
    let Builder { warnings, undrawable, photos, .. } = builder;
    Ok(Built { scene, origins, warnings, undrawable, photos })
}

struct Builder<'a> {
    layout: &'a Layout,
    size: Size,
    values: &'a Values,
    /// Base millimetres to the variant's, then moved by x, y.
    scale: f64,
    x: f64,
    y: f64,
    /// Where it is cut, if not along its four sides.
    cut: Option<Edge>,
    warnings: Vec<Warning>,
    undrawable: BTreeMap<String, Vec<String>>,
    photos: Vec<PhotoQuality>,
}

impl Builder<'_> {
    fn warn(&mut self, code: &'static str, field: &str, message: Message) {
        let warning = Warning { code, field: field.to_owned(), message };
        if !self.warnings.iter().any(|other| other.code == code && other.field == warning.field) {
            self.warnings.push(warning);
        }
    }

    fn shows(&self, layer: &Layer) -> bool {
        layer.when().iter().all(|(id, wanted)| {
            self.values.choice(self.layout, id).is_some_and(|choice| wanted.values().iter().any(|one| one == choice))
        })
    }

    fn color(&self, paint: &Paint) -> Color {
        let field = |id: &str| match (self.values.0.get(id), self.layout.field(id).map(|field| &field.kind)) {
            (Some(Value::Color(color)), _) => *color,
            (_, Some(layout::FieldKind::Color { default, .. })) => *default,
            _ => Color::WHITE,
        };
        match paint {
            Paint::Literal(color) => *color,
            Paint::Field(id) => field(id),
            Paint::Mixed { field: id, mix, amount } => field(id).mix(*mix, *amount),
        }
    }

    fn frame(&self, frame: Frame) -> Frame {
        Frame {
            x: frame.x * self.scale + self.x,
            y: frame.y * self.scale + self.y,
            width: frame.width * self.scale,
            height: frame.height * self.scale,
            rotation: frame.rotation,
        }
    }

    fn artwork(&self, layer: &layout::ArtworkLayer, file: &Artwork) -> DrawnArtwork {
        let colors: Vec<(Color, Color)> =
            layer.colors.iter().map(|(literal, paint)| (*literal, self.color(paint))).collect();
        let apron = layout::ARTWORK_APRON_MM * self.scale;
        let width = self.layout.width_mm * self.scale + 2.0 * apron;
        DrawnArtwork::new(file, &colors, (self.x - apron, self.y - apron), width)
    }

    fn photo(
        &mut self,
        layer: &layout::PhotoLayer,
        photo_size: &dyn Fn(Uuid) -> Option<(u32, u32)>,
    ) -> Option<DrawnPhoto> {
        let frame = self.frame(layer.frame());
        let mask = layer.mask.outline(&frame, self.scale)?;
        let value = self.values.photo(&layer.field).copied();
        let known = value.and_then(|value| photo_size(value.photo_id).map(|size| (value, size)));
        let mut unit_to_scene = frame.from_unit();
        if let Some((value, (width, height))) = known {
            let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
            unit_to_scene = place_photo(&frame, (width, height), (value.x, value.y), value.zoom, value.rotation);
            let dpi = 25.4 * width / unit_to_scene.a.hypot(unit_to_scene.b);
            self.judge_sharpness(&layer.field, value.photo_id, dpi);
            self.judge_bleed(&layer.field, &mask);
        }
        let look = match &layer.look {
            Look::Plain => "plain",
            Look::Mono => "mono",
            Look::Warm => "warm",
            Look::Field(id) => self.values.choice(self.layout, id).unwrap_or("plain"),
        };
        Some(DrawnPhoto {
            photo: known.map(|(value, _)| value.photo_id),
            frame,
            mask,
            unit_to_scene,
            look: match look {
                "mono" => PhotoLook::Mono,
                "warm" => PhotoLook::Warm,
                _ => PhotoLook::Plain,
            },
            shadow: layer.shadow.as_ref().map(|shadow| DrawnShadow {
                dx: shadow.dx * self.scale,
                dy: shadow.dy * self.scale,
                blur: shadow.blur * self.scale,
                color: self.color(&shadow.color),
            }),
            border: layer.border.as_ref().map(|border| (border.width * self.scale, self.color(&border.color))),
            opacity: layer.opacity,
            fade: layer.fade.unwrap_or_default(),
        })
    }

    fn judge_sharpness(&mut self, field: &str, photo_id: Uuid, dpi: f64) {
        let factor = dpi / SHARP_DPI;
        let mm = |mm: f64| (mm * factor * 10.0).round() / 10.0;
        let sharp_up_to_mm = Size { width_mm: mm(self.size.width_mm), height_mm: mm(self.size.height_mm) };
        if dpi < SHARP_DPI {
            let cm = |mm: f64| format!("{:.0}", (mm / 10.0).floor().max(1.0));
            let message = Message::new("design.warning.photo_too_small")
                .with("width", cm(sharp_up_to_mm.width_mm))
                .with("height", cm(sharp_up_to_mm.height_mm));
            self.warn("photo_too_small", field, message);
        }
        match self.photos.iter_mut().find(|other| other.field == field) {
            Some(other) if other.dpi <= dpi => {}
            Some(other) => *other = PhotoQuality { field: field.to_owned(), photo_id, dpi, sharp_up_to_mm },
            None => self.photos.push(PhotoQuality { field: field.to_owned(), photo_id, dpi, sharp_up_to_mm }),
        }
    }

    /// A shape that reaches the trim must reach the end of the bleed too, or a white line may show where the print is cut.
    fn judge_bleed(&mut self, field: &str, mask: &Path) {
        let bounds = mask.bounds();
        let bleed = self.layout.bleed_mm;
        let short = |beyond: f64| beyond > -0.5 && beyond < bleed - 0.05;
        let sides = [
            -f64::from(bounds.left()),
            -f64::from(bounds.top()),
            f64::from(bounds.right()) - self.size.width_mm,
            f64::from(bounds.bottom()) - self.size.height_mm,
        ];
        if bleed > 0.0 && sides.into_iter().any(short) {
            self.warn("photo_not_reaching_bleed", field, Message::new("design.warning.photo_not_reaching_bleed"));
        }
    }

    fn text(&mut self, layer: &layout::TextLayer) -> Option<DrawnText> {
        let field = self.layout.field(&layer.field)?;
        let words = match layer.show {
            layout::Show::Name => self.values.words(field)?,
            layout::Show::Coordinates => coordinates(self.values.place(field)?),
        };
        let (font, color) = match self.values.0.get(&layer.field) {
            Some(Value::Text(value)) => (value.font.as_deref(), value.color),
            _ => (None, None),
        };
        self.note_undrawable(&layer.field, &words);
        let set = set(&TextBlock {
            text: &words,
            face: font.and_then(fonts::face).or_else(|| fonts::face(&layer.font)).unwrap_or(fonts::default_face()),
            size: layer.size_mm * self.scale,
            min_size: layer.min_size_mm * self.scale,
            frame: self.frame(layer.frame()),
            align: layer.align,
            valign: layer.valign,
            letter_spacing: layer.letter_spacing,
            uppercase: layer.uppercase,
            max_lines: layer.max_lines as usize,
            line_height: layer.line_height,
            direction: layer.direction,
            arc: layer.arc.map(|arc| layout::Arc { radius: arc.radius * self.scale, ..arc }),
        });
        if set.too_long {
            self.warn("text_too_long", &layer.field, Message::new("design.warning.text_too_long"));
        }
        let path = set.path?;
        let outline = layer.outline.as_ref().map(|outline| (outline.width * self.scale, self.color(&outline.color)));
        self.judge_safety(&layer.field, &path, outline.map_or(0.0, |(width, _)| width));
        Some(DrawnText { path, color: color.unwrap_or_else(|| self.color(&layer.color)), outline })
    }

    fn note_undrawable(&mut self, field: &str, words: &str) {
        let missing = fonts::missing(words);
        if missing.is_empty() {
            return;
        }
        let has_form = missing.iter().any(|one| one.chars().any(fonts::selects_form));
        let key = if has_form { "design.warning.missing_form" } else { "design.warning.missing_glyph" };
        self.warn("missing_glyph", field, Message::new(key).with("characters", listed(&missing)));
        let known = self.undrawable.entry(field.to_owned()).or_default();
        for one in missing {
            if !known.contains(&one) {
                known.push(one);
            }
        }
    }

    /// Until date and place are filled in, a paler sky stands in for theirs.
    fn sky(&self, layer: &layout::SkyLayer) -> Option<Vec<DrawnShape>> {
        let hour = match &layer.hour {
            layout::Hour::At(hour) => *hour,
            hour => self.values.choice(self.layout, hour.field()?).and_then(layout::Hour::of_choice)?,
        };
        let date = self.values.date(self.layout.field(&layer.date)?);
        let place = self.values.place(self.layout.field(&layer.place)?);
        let (date, latitude, longitude, strength) = match (date, place) {
            (Some(date), Some(place)) => (date, place.lat, place.lon, 1.0),
            _ => STAND_IN_SKY,
        };
        let by_sun = || UniversalTime::at_mean_solar_time(date, hour, longitude);
        let time = match layer.hours {
            layout::Hours::Sun => by_sun(),
            // A clock's calendar ends with the year 9999, an evening before the sun's does.
            layout::Hours::Clock => {
                UniversalTime::at_clock_time(date, hour, places::zone_at(latitude, longitude)).or_else(by_sun)
            }
        }?;
        let frame = self.frame(layer.frame());
        let chart = Chart {
            time,
            horizon: Horizon::new(time, latitude, longitude),
            center: frame.center(),
            radius: frame.width.min(frame.height) / 2.0,
        };
        let seen_through = |paint: &Paint, opacity: f64| {
            let color = self.color(paint);
            Color { alpha: (f64::from(color.alpha) * opacity * strength).round() as u8, ..color }
        };
        let mut shapes = Vec::new();
        if let Some(part) = &layer.milky_way {
            let color = seen_through(&part.color, part.opacity);
            shapes.extend(chart.draw_milky_way(&MilkyWay { color, size: part.size * self.scale }));
        }
        if let Some(part) = &layer.lines {
            let color = seen_through(&part.color, part.opacity);
            let (width, gap) = (part.width * self.scale, part.gap * self.scale);
            shapes.extend(chart.draw_lines(&Lines { color, width, gap }));
        }
        if let Some(part) = &layer.stars {
            shapes.extend(chart.draw_stars(&Stars {
                color: seen_through(&part.color, 1.0),
                tint: part.tint,
                faintest: part.faintest,
                smallest: part.smallest * self.scale,
                largest: part.largest * self.scale,
            }));
        }
        Some(shapes)
    }

    fn judge_safety(&mut self, field: &str, ink: &Path, line: f64) {
        let Some(bounds) = ink.compute_tight_bounds() else { return };
        let margin = self.layout.safe_margin_mm + line - 0.05;
        let outside = match &self.cut {
            Some(cut) => !cut.holds(ink, margin),
            None => {
                f64::from(bounds.left()) < margin
                    || f64::from(bounds.top()) < margin
                    || f64::from(bounds.right()) > self.size.width_mm - margin
                    || f64::from(bounds.bottom()) > self.size.height_mm - margin
            }
        };
        if outside {
            self.warn("outside_safe_area", field, Message::new("design.warning.outside_safe_area"));
        }
    }
}

/// A point on the globe as it is printed: `35.69° N  139.69° E`.
pub(super) fn coordinates(place: &layout::Place) -> String {
    let side = |degrees: f64, [above, below]: [char; 2]| {
        let rounded = (degrees.abs() * 100.0).round() / 100.0;
        format!("{rounded:.2}° {}", if degrees < 0.0 && rounded > 0.0 { below } else { above })
    };
    format!("{}  {}", side(place.lat, ['N', 'S']), side(place.lon, ['E', 'W']))
}
