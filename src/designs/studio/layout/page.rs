//! The layout editor's page, and its JSON face.

use super::form::Edit;
use super::inputs::{Control, Kind, Maker, of_field, of_layer, of_surface};
use super::{artwork, picture};
use crate::catalog::admin::page::kind_word;
use crate::catalog::changes;
use crate::catalog::layout::{Frame, Layer, Layout};
use crate::catalog::model::SurfaceRow;
use crate::catalog::view::size_text;
use crate::catalog::{self, ProductId};
use crate::kernel::{Lang, Moment, Refusal};
use crate::people::{require, rights};
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// So many versions are listed.
const VERSIONS: usize = 30;

/// What a page says about the request before it.
#[derive(Default)]
pub struct Told<'a> {
    refusal: Option<&'a Refusal>,
    typed: Option<&'a Edit>,
    saved: bool,
}

impl<'a> Told<'a> {
    pub fn saved(saved: bool) -> Told<'a> {
        Told { saved, ..Told::default() }
    }

    pub fn refused(refusal: &'a Refusal, typed: Option<&'a Edit>) -> Told<'a> {
        Told { refusal: Some(refusal), typed, saved: false }
    }
}

/// A layout as it is stored.
#[derive(Clone, Serialize, ToSchema)]
pub struct LayoutDocument {
    #[schema(value_type = Object)]
    pub layout: Value,
    /// Values for the product's own picture, by field.
    #[schema(value_type = Object)]
    pub sample: Value,
    /// What the product is shown on.
    #[schema(value_type = String)]
    pub mockup: Value,
    /// Names of the artwork.
    pub artwork: Vec<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub made_at: Option<Moment>,
    pub made_by: String,
    /// The older version it was taken back from.
    pub taken_from: Option<u32>,
}

impl LayoutDocument {
    pub fn new(row: &SurfaceRow) -> LayoutDocument {
        LayoutDocument {
            layout: json!(row.file.layout),
            sample: json!(row.file.sample),
            mockup: json!(row.file.mockup),
            artwork: row.artwork.keys().cloned().collect(),
            made_at: row.made_at,
            made_by: row.made_by.clone(),
            taken_from: row.taken_from,
        }
    }
}

/// The layout being worked on.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = LayoutDraft)]
pub struct LayoutView {
    #[schema(value_type = String, format = Uuid)]
    pub product_id: ProductId,
    /// The version new designs begin with.
    pub layout_version: u32,
    /// Of the draft; 0 while nobody has changed anything.
    pub version: u64,
    #[serde(flatten)]
    pub document: LayoutDocument,
    pub picture_url: String,
    /// SVG path data in millimetres: where the thing is cut.
    pub cut_path: String,
    /// And the area inside of it in which text is safe, empty where there is no margin.
    pub safe_path: String,
    /// The newest versions, the newest first.
    pub versions: Vec<u32>,
}

/// A picture of a layout with its measures, to lay lines over.
pub struct Picture {
    pub url: String,
    pub small: String,
    pub width: u32,
    pub height: u32,
    /// Of the lines over it, in millimetres from the trimmed corner.
    pub view_box: String,
    /// The trimmed size.
    pub trim: [String; 2],
    /// Path data of where it is cut, and of the area in which text is safe.
    pub cut: String,
    pub safe: String,
}

impl Picture {
    pub fn new(id: ProductId, version: Option<u32>, row: &SurfaceRow) -> Picture {
        let layout = row.layout();
        let bleed = layout.bleed_mm;
        let (width, height) = (layout.width_mm + 2.0 * bleed, layout.height_mm + 2.0 * bleed);
        let long = width.max(height);
        let pixels = |mm: f64| ((mm / long * 900.0).round() as u32).max(1);
        let number = crate::catalog::typed::number_text;
        let (cut, safe) = layout.guides();
        Picture {
            url: picture::url(id, version, 900, &row.hash),
            small: picture::url(id, version, 240, &row.hash),
            width: pixels(width),
            height: pixels(height),
            view_box: format!("{0} {0} {1} {2}", number(-bleed), number(width), number(height)),
            trim: [number(layout.width_mm), number(layout.height_mm)],
            cut,
            safe,
        }
    }
}

/// A version in the list.
pub struct VersionLine {
    pub version: u32,
    pub url: String,
    pub small: String,
    pub width: u32,
    pub height: u32,
    pub made: String,
    pub by: String,
    pub taken_from: Option<u32>,
    pub is_current: bool,
}

impl VersionLine {
    pub fn new(visit: &Visit, id: ProductId, version: u32, row: &SurfaceRow, current: u32) -> VersionLine {
        let Picture { small, width, height, .. } = Picture::new(id, Some(version), row);
        VersionLine {
            version,
            url: format!("/admin/products/{id}/layout/versions/{version}"),
            small,
            width,
            height,
            made: row.made_at.map(|at| visit.page().time(&at)).unwrap_or_default(),
            by: row.made_by.clone(),
            taken_from: row.taken_from,
            is_current: version == current,
        }
    }
}

struct LayerCard {
    at: usize,
    kind: &'static str,
    /// What it shows: of a text also a date or a place.
    shows: &'static str,
    icon: &'static str,
    title: String,
    /// When it is shown, if not always.
    when: Option<String>,
    controls: Vec<Control>,
    /// Those that are less often needed, and whether they are shown at once.
    more: Vec<Control>,
    more_open: bool,
    frame: Option<BoxView>,
    is_first: bool,
    is_last: bool,
    is_open: bool,
    error: Option<String>,
}

/// The frame of a layer over the picture.
struct BoxView {
    x: String,
    y: String,
    width: String,
    height: String,
    /// Turned about its middle.
    transform: String,
}

impl BoxView {
    fn new(frame: &Frame) -> BoxView {
        let number = crate::catalog::typed::number_text;
        let (x, y) = (frame.x + frame.width / 2.0, frame.y + frame.height / 2.0);
        BoxView {
            x: number(frame.x),
            y: number(frame.y),
            width: number(frame.width),
            height: number(frame.height),
            transform: format!("rotate({} {} {})", number(frame.rotation), number(x), number(y)),
        }
    }
}

struct FieldCard {
    at: usize,
    id: String,
    kind: String,
    title: String,
    controls: Vec<Control>,
    /// Nothing on the page depends on it yet.
    is_unused: bool,
    is_first: bool,
    is_last: bool,
    is_open: bool,
    error: Option<String>,
}

#[derive(Template, Serialize)]
#[template(path = "designs/layout_editor.html", blocks = ["content"])]
struct LayoutPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    view: LayoutView,
    #[serde(skip)]
    id: ProductId,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    size: String,
    #[serde(skip)]
    picture: Picture,
    #[serde(skip)]
    surface: Vec<Control>,
    #[serde(skip)]
    layers: Vec<LayerCard>,
    #[serde(skip)]
    fields: Vec<FieldCard>,
    #[serde(skip)]
    versions: Vec<VersionLine>,
    #[serde(skip)]
    may_change: bool,
    /// There is a draft that is not in the shop.
    #[serde(skip)]
    is_draft: bool,
    /// Somebody saved another version since the draft was begun.
    #[serde(skip)]
    is_behind: bool,
    #[serde(skip)]
    draft_by: String,
    #[serde(skip)]
    draft_at: String,
    #[serde(skip)]
    errors: Vec<(String, String)>,
    /// What the last upload was relieved of.
    #[serde(skip)]
    removed: Vec<&'static str>,
    #[serde(skip)]
    saved: bool,
}

impl LayoutPage {
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(known, _)| known == field).map(|(_, message)| message.as_str())
    }
}

impl View for LayoutPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// What scripts get for a layout.
///
/// # Errors
/// 404 for a product there is not.
pub fn json(visit: &Visit, id: ProductId) -> Result<Reply, Problem> {
    let tx = visit.shop.store().read()?;
    let product = catalog::product(&tx, id)?.ok_or_else(Problem::not_found)?;
    let draft = changes::draft_or_current(&tx, id)?;
    let versions = catalog::table::surfaces(&tx, id, VERSIONS)?.into_iter().map(|(version, _)| version).collect();
    Ok(Reply::json(&view(id, product.layout_version, draft.version, &draft.surface, versions))?)
}

fn view(id: ProductId, layout_version: u32, version: u64, surface: &SurfaceRow, versions: Vec<u32>) -> LayoutView {
    let (cut_path, safe_path) = surface.layout().guides();
    LayoutView {
        product_id: id,
        layout_version,
        version,
        cut_path,
        safe_path,
        document: LayoutDocument::new(surface),
        picture_url: picture::url(id, None, 900, &surface.hash),
        versions,
    }
}

/// The page, with the status of what was refused.
///
/// # Errors
/// 404 for a product there is not.
pub fn show(visit: &Visit, id: ProductId, told: &Told<'_>) -> Result<Reply, Problem> {
    let staff = require(visit, rights::reads_panel)?;
    let lang = visit.lang;
    let tx = visit.shop.store().read()?;
    let product = catalog::product(&tx, id)?.ok_or_else(Problem::not_found)?;
    let draft = changes::draft_or_current(&tx, id)?;
    let stored = catalog::table::surfaces(&tx, id, VERSIONS)?;
    drop(tx);
    let file = &draft.surface.file;
    let layout = &file.layout;
    let errors = told.refusal.map(|refusal| messages(refusal, lang)).unwrap_or_default();
    let open = visit.query.split('&').find_map(|pair| pair.strip_prefix("open=")).unwrap_or_default().to_owned();
    let has_error = |stem: &str| errors.iter().any(|(field, _)| field.starts_with(stem) || format!("{field}.") == stem);
    let exact = |field: &str| errors.iter().find(|(known, _)| known == field).map(|(_, message)| message.clone());
    let mut surface = Maker::new(lang, layout, String::new(), &errors);
    let kind = kind_word(file.mockup).rsplit('.').next().unwrap_or_default();
    of_surface(&mut surface, file, kind, told.typed);
    let surface = surface.controls;
    let layers = layout.layers.iter().enumerate().map(|(at, layer)| {
        let stem = format!("layers.{at}.");
        let typed = told.typed.and_then(|edit| edit.layers.iter().find(|layer| layer.index == i64::try_from(at).ok()));
        let mut maker = Maker::new(lang, layout, stem.clone(), &errors);
        let drawing = match layer {
            Layer::Artwork(artwork) => draft.surface.artwork.get(&artwork.file).map(String::as_str),
            _ => None,
        };
        of_layer(&mut maker, layer, drawing, typed);
        let (controls, more) = maker.finish();
        let (kind, icon, frame) = match layer {
            Layer::Artwork(_) => ("artwork", "look", None),
            Layer::Photo(photo) => ("photo", "photo", Some(photo.frame())),
            Layer::Text(text) => ("text", "text", Some(text.frame())),
            Layer::Sky(sky) => ("sky", "star", Some(sky.frame())),
        };
        let shows = match layer {
            Layer::Text(text) => layout.field(&text.field).map_or(kind, |field| field.kind.name()),
            _ => kind,
        };
        LayerCard {
            at,
            kind,
            shows,
            icon,
            title: title(layer, layout, lang),
            when: when(layer, layout, lang),
            controls,
            more_open: more.iter().any(|control| control.error.is_some()),
            more,
            frame: frame.as_ref().map(BoxView::new),
            is_first: at == 0,
            is_last: at + 1 == layout.layers.len(),
            is_open: open == format!("layer-{at}") || has_error(&stem),
            error: exact(&format!("layers.{at}")),
        }
    });
    let mut layers: Vec<LayerCard> = layers.collect();
    // What lies on top is what people see first.
    layers.reverse();
    let fields = layout.fields.iter().enumerate().map(|(at, field)| {
        let stem = format!("fields.{at}.");
        let typed = told.typed.and_then(|edit| edit.fields.iter().find(|known| known.id == field.id));
        let mut maker = Maker::new(lang, layout, stem.clone(), &errors);
        of_field(&mut maker, field, file, typed);
        FieldCard {
            at,
            id: field.id.clone(),
            kind: words::text(lang, &format!("layout.kind.{}", field.kind.name())).to_owned(),
            title: field.label.get(lang).to_owned(),
            controls: maker.controls,
            is_unused: !layout.uses(&field.id),
            is_first: at == 0,
            is_last: at + 1 == layout.fields.len(),
            is_open: open == format!("field-{at}") || has_error(&stem),
            error: exact(&format!("fields.{at}")),
        }
    });
    let versions =
        stored.iter().map(|(version, row)| VersionLine::new(visit, id, *version, row, product.layout_version));
    let page = LayoutPage {
        page: visit.page(),
        view: view(
            id,
            product.layout_version,
            draft.version,
            &draft.surface,
            stored.iter().map(|(version, _)| *version).collect(),
        ),
        id,
        name: product.name.get(lang).to_owned(),
        size: size_text(layout.width_mm, layout.height_mm),
        picture: Picture::new(id, None, &draft.surface),
        surface,
        layers,
        fields: fields.collect(),
        versions: versions.collect(),
        may_change: staff.role.changes_orders(),
        is_draft: draft.version > 0,
        is_behind: draft.version > 0 && draft.based_on != product.layout_version,
        draft_by: draft.by.clone(),
        draft_at: visit.page().time(&draft.updated_at),
        removed: artwork::removed_keys(&visit.query),
        saved: told.saved,
        errors: errors.clone(),
    };
    let reply = visit.reply(&page)?;
    Ok(match told.refusal {
        Some(refusal) => reply.status(refusal.code.status()),
        None => reply,
    })
}

fn messages(refusal: &Refusal, lang: Lang) -> Vec<(String, String)> {
    if refusal.errors.is_empty() {
        return vec![("content".into(), words::message(lang, &refusal.detail))];
    }
    refusal.errors.iter().map(|e| (e.field.clone(), words::message(lang, &e.message))).collect()
}

/// What a layer is called: by its field, or its file.
fn title(layer: &Layer, layout: &Layout, lang: Lang) -> String {
    let label = |id: &str| layout.field(id).map_or(id, |field| field.label.get(lang)).to_owned();
    match layer {
        Layer::Artwork(artwork) => artwork.file.clone(),
        Layer::Photo(photo) => label(&photo.field),
        Layer::Text(text) => label(&text.field),
        Layer::Sky(sky) => label(&sky.place),
    }
}

/// `Look: Black and white, Warm`
fn when(layer: &Layer, layout: &Layout, lang: Lang) -> Option<String> {
    let mut parts = Vec::new();
    for (id, values) in layer.when() {
        let field = layout.field(id);
        let choice = |value: &String| match field.map(|field| &field.kind) {
            Some(crate::catalog::layout::FieldKind::Choice { choices, .. }) => choices
                .iter()
                .find(|choice| choice.id == *value)
                .map_or(value.clone(), |choice| choice.label.get(lang).to_owned()),
            _ => value.clone(),
        };
        let values: Vec<String> = values.values().iter().map(choice).collect();
        parts.push(format!("{}: {}", field.map_or(id.as_str(), |field| field.label.get(lang)), values.join(", ")));
    }
    (!parts.is_empty()).then(|| words::fill(words::text(lang, "layout.only_when"), &[("when", parts.join("; "))]))
}
