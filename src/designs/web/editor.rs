//! The page on which a design is made. All of it works as a plain form.

use super::color_names::color_words;
use super::view::{self, DesignView, photo_url};
use crate::catalog::layout::{Colors, Field, FieldKind, Layer, Layout, Mockup};
use crate::catalog::view::FieldView as FieldDocument;
use crate::catalog::{self, Product, VariantId};
use crate::designs::model::{Design, DesignId, Params, Photo, PhotoId};
use crate::designs::workshop::{design_mockup_name, preview_url};
use crate::designs::{lifecycle, table};
use crate::kernel::{Code, Lang, Money, Refusal};
use crate::render::draw::look;
use crate::render::fonts;
use crate::render::scene::PhotoLook;
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What the page says beside the design itself.
#[derive(Default)]
pub struct Told {
    status: Option<u16>,
    errors: Vec<ErrorLine>,
    upload_error: Option<String>,
    /// What was typed, when it was refused.
    params: Option<Params>,
    variant_id: Option<VariantId>,
    refusal: Option<Refusal>,
    /// The form was begun before somebody saved elsewhere.
    is_stale: bool,
}

impl Told {
    /// A form that was not taken: its mistakes, and what was typed.
    pub fn refused(refusal: &Refusal, params: Option<Value>, variant_id: Option<VariantId>) -> Told {
        let params = match params {
            Some(Value::Object(params)) => Some(params),
            _ => None,
        };
        Told {
            status: Some(refusal.code.status()),
            params,
            variant_id,
            refusal: Some(refusal.clone()),
            ..Told::default()
        }
    }

    /// A form that would have overwritten what was saved elsewhere meanwhile.
    pub fn stale(params: Option<Value>, variant_id: VariantId) -> Told {
        let params = params.and_then(|params| params.as_object().cloned());
        let status = Some(Code::StaleVersion.status());
        Told { status, params, variant_id: Some(variant_id), is_stale: true, ..Told::default() }
    }

    /// A photo that was not taken.
    pub fn upload(refusal: &Refusal, lang: Lang) -> Told {
        let message = match refusal.errors.first() {
            Some(error) => words::message(lang, &error.message),
            None => words::message(lang, &refusal.detail),
        };
        Told { status: Some(refusal.code.status()), upload_error: Some(message), ..Told::default() }
    }

    fn put_into_words(&mut self, lang: Lang) {
        let Some(refusal) = self.refusal.take() else { return };
        self.errors = refusal
            .errors
            .iter()
            .map(|error| {
                let path = error.field.strip_prefix("params.").unwrap_or(&error.field);
                let field = path.split('.').next().unwrap_or(path).to_owned();
                ErrorLine { field, message: words::message(lang, &error.message) }
            })
            .collect();
    }
}

#[derive(Template, Serialize)]
#[template(path = "designs/editor.html", blocks = ["content"])]
struct EditorPage {
    #[serde(flatten)]
    design: DesignView,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    design_id: DesignId,
    #[serde(skip)]
    product_name: String,
    #[serde(skip)]
    product_slug: String,
    #[serde(skip)]
    is_locked: bool,
    /// Where an ordered piece that staff have opened is approved, when it is one.
    approve_at: Option<String>,
    #[serde(skip)]
    is_stale: bool,
    /// The version the form begins with.
    #[serde(skip)]
    seen_version: u64,
    #[serde(skip)]
    preview_url: String,
    #[serde(skip)]
    preview_width: u32,
    #[serde(skip)]
    preview_height: u32,
    /// The piece in use, for products that can be shown so.
    #[serde(skip)]
    mockup: Option<MockupView>,
    /// The page begins with the mock-up instead of the flat picture.
    #[serde(skip)]
    is_in_use: bool,
    #[serde(skip)]
    fields: Vec<FieldView>,
    #[serde(skip)]
    photos: Vec<PhotoThumb>,
    #[serde(skip)]
    upload_error: Option<String>,
    #[serde(skip)]
    max_megabytes: u64,
    #[serde(skip)]
    variants: Vec<VariantPick>,
    #[serde(skip)]
    price: String,
    #[serde(skip)]
    sees_prices: bool,
    #[serde(skip)]
    tax_included: bool,
    #[serde(skip)]
    warnings: Vec<WarningLine>,
    #[serde(skip)]
    errors: Vec<ErrorLine>,
    #[serde(skip)]
    has_photos: bool,
    #[serde(skip)]
    has_words: bool,
    #[serde(skip)]
    has_places: bool,
    #[serde(skip)]
    has_looks: bool,
    /// JSON for the script.
    #[serde(skip)]
    data: String,
}

impl View for EditorPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

struct MockupView {
    url: String,
    /// What the link to it says.
    label: String,
}

struct FieldView {
    id: String,
    label: String,
    hint: Option<String>,
    is_required: bool,
    error: Option<String>,
    /// Of a photo in the crop in use.
    sharpness: Option<String>,
    control: Control,
}

enum Control {
    /// `photo_id` is empty where there is none; `across` and `down` are per cent.
    Photo {
        photo_id: String,
        across: String,
        down: String,
        zoom: String,
        rotation: String,
    },
    Text {
        value: String,
        max_chars: usize,
        fonts: Vec<Pick>,
        colors: Vec<Pick>,
    },
    Color {
        value: String,
        is_any: bool,
        colors: Vec<Pick>,
    },
    Choice {
        choices: Vec<Pick>,
    },
    Date {
        value: String,
    },
    Place {
        name: String,
        lat: String,
        lon: String,
    },
}

struct Pick {
    id: String,
    label: String,
    is_chosen: bool,
}

struct PhotoThumb {
    id: PhotoId,
    url: String,
    number: usize,
}

struct VariantPick {
    id: VariantId,
    name: String,
    price: String,
    is_chosen: bool,
    is_sold_out: bool,
}

struct WarningLine {
    message: String,
}

struct ErrorLine {
    field: String,
    message: String,
}

/// The editor with the design, and with what `told` says.
pub fn show(visit: &Visit, design: &Design, told: &Told) -> Result<Reply, Problem> {
    let shop = &visit.shop;
    let lang = visit.lang;
    let mut said = Told {
        status: told.status,
        errors: Vec::new(),
        upload_error: told.upload_error.clone(),
        params: None,
        variant_id: None,
        refusal: told.refusal.clone(),
        is_stale: told.is_stale,
    };
    said.put_into_words(lang);
    let shelf = catalog::shelf(shop)?;
    let item = shelf.item(design.product_id).ok_or_else(Problem::not_found)?;
    let product = &item.product;
    let surface = catalog::surface(shop, design.product_id, design.layout_version)?;
    let layout = surface.layout();
    let photos = table::photos(&shop.store().read()?, design.id)?;
    let params = told.params.as_ref().unwrap_or(&design.params);
    let variant_id = told.variant_id.unwrap_or(design.variant_id);
    let sees_prices = view::sees_prices(visit);
    // The print room is shown no price, neither on the page nor in what the page tells its script.
    let money = |minor: i64| if sees_prices { Money::new(minor, shelf.currency).show() } else { String::new() };
    let sharpness = view::SharpnessView::all(&design.sharpness, lang);
    let fields: Vec<FieldView> = layout
        .fields
        .iter()
        .map(|field| FieldView {
            id: field.id.clone(),
            label: field.label.get(lang).to_owned(),
            hint: field.hint.as_ref().map(|hint| hint.get(lang).to_owned()),
            is_required: field.required,
            error: said.errors.iter().find(|error| error.field == field.id).map(|error| error.message.clone()),
            sharpness: sharpness.iter().find(|sharp| sharp.field == field.id).map(|sharp| sharp.message.clone()),
            control: control(field, layout, params.get(&field.id), lang),
        })
        .collect();
    let (preview_width, preview_height) = lifecycle::picture_size(design, product);
    let chosen = product.variant(variant_id);
    let mockup = mockup(visit, design, surface.file.mockup)?;
    let is_in_use = mockup.is_some() && visit.query.split('&').any(|pair| pair == "view=mockup");
    let view = EditorPage {
        design: DesignView::new(visit, design, Some(product)),
        page: visit.page(),
        design_id: design.id,
        product_name: product.name.get(lang).to_owned(),
        product_slug: product.slug.clone(),
        is_locked: design.is_locked(),
        approve_at: approve_at(visit, design),
        is_stale: said.is_stale,
        seen_version: design.version,
        preview_url: lifecycle::picture_url(shop, design),
        preview_width,
        preview_height,
        mockup,
        is_in_use,
        photos: (photos.iter().enumerate())
            .map(|(at, photo)| PhotoThumb { id: photo.id, url: photo_url(design.id, photo.id), number: at + 1 })
            .collect(),
        upload_error: said.upload_error,
        max_megabytes: shop.config().uploads.max_bytes >> 20,
        variants: (product.all_variants())
            .filter(|variant| product.sold(variant.id).is_some() || variant.id == variant_id)
            .map(|variant| VariantPick {
                id: variant.id,
                name: variant.name.get(lang).to_owned(),
                price: money(variant.price),
                is_chosen: variant.id == variant_id,
                is_sold_out: variant.is_sold_out() || product.sold(variant.id).is_none(),
            })
            .collect(),
        price: chosen.map(|variant| money(variant.price)).unwrap_or_default(),
        sees_prices,
        tax_included: shop.settings().tax.included,
        warnings: super::view::WarningView::all(&design.warnings, lang)
            .into_iter()
            .map(|warning| WarningLine { message: warning.message })
            .collect(),
        has_photos: fields.iter().any(|field| matches!(field.control, Control::Photo { .. })),
        has_words: (fields.iter())
            .any(|field| matches!(field.control, Control::Text { .. } | Control::Date { .. } | Control::Place { .. })),
        has_places: fields.iter().any(|field| matches!(field.control, Control::Place { .. })),
        has_looks: fields.iter().any(|field| matches!(field.control, Control::Color { .. } | Control::Choice { .. })),
        fields,
        errors: said.errors,
        data: data(visit, design, product, layout, &photos, &money).to_string(),
    };
    let reply = visit.reply(&view)?;
    Ok(match said.status {
        Some(status) => reply.status(status),
        None => reply,
    })
}

/// The mock-up of the design as it is saved. It is drawn when it is looked at.
fn mockup(visit: &Visit, design: &Design, mockup: Mockup) -> Result<Option<MockupView>, Problem> {
    let Some(kind) = mockup.stage() else { return Ok(None) };
    let name = design_mockup_name(&visit.shop, design.id, &design.key, mockup)?;
    let label = words::find(visit.lang, &format!("editor.view_{kind}")).unwrap_or(kind).to_owned();
    Ok(name.map(|name| MockupView { url: preview_url(&name), label }))
}

/// What the script needs, as one JSON document.
fn data(
    visit: &Visit,
    design: &Design,
    product: &Product,
    layout: &Layout,
    photos: &[Photo],
    money: &impl Fn(i64) -> String,
) -> Value {
    let fields: Vec<_> = layout.fields.iter().map(|field| FieldDocument::new(field, visit.lang)).collect();
    let frames: Vec<_> = layout
        .layers
        .iter()
        .enumerate()
        .filter_map(|(at, layer)| match layer {
            Layer::Photo(photo) => Some(json!({
                "field": photo.field, "x": photo.x, "y": photo.y, "width": photo.width, "height": photo.height,
                "rotation": photo.rotation, "mask": photo.mask, "look": photo.look, "when": photo.when,
                "opacity": photo.opacity, "fade": photo.fade, "layer": at,
            })),
            _ => None,
        })
        .collect();
    let photos: Map<String, Value> = photos
        .iter()
        .map(|photo| {
            let url = photo_url(design.id, photo.id);
            (photo.id.to_string(), json!({ "url": url, "width": photo.width, "height": photo.height }))
        })
        .collect();
    let variants: Map<String, Value> = product
        .all_variants()
        .map(|variant| {
            let size = json!({
                "price": money(variant.price), "width_mm": variant.width_mm, "height_mm": variant.height_mm,
            });
            (variant.id.to_string(), size)
        })
        .collect();
    json!({
        "design_id": design.id,
        "variant_id": design.variant_id,
        "version": design.version,
        "params": design.params,
        "is_locked": design.is_locked(),
        "piece": { "width_mm": layout.width_mm, "height_mm": layout.height_mm },
        "fields": fields,
        "frames": frames,
        "photos": photos,
        "variants": variants,
        "looks": { "mono": color_matrix(PhotoLook::Mono), "warm": color_matrix(PhotoLook::Warm) },
        "max_bytes": visit.shop.config().uploads.max_bytes,
    })
}

/// A look as the `values` of SVG's `feColorMatrix`, so that a photo under the hand has the colours it will be printed in.
fn color_matrix(kind: PhotoLook) -> String {
    let rows = look(kind).unwrap_or([[256, 0, 0, 0], [0, 256, 0, 0], [0, 0, 256, 0]]);
    let row = |[red, green, blue, plus]: [i32; 4]| {
        let share = |part: i32| f64::from(part) / 256.0;
        format!("{} {} {} 0 {:.5}", share(red), share(green), share(blue), share(plus) / 255.0)
    };
    format!("{} 0 0 0 1 0", rows.map(row).join(" "))
}

fn control(field: &Field, layout: &Layout, value: Option<&Value>, lang: Lang) -> Control {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let member = |name: &str| value.and_then(|value| value.get(name));
    // A number, or what was typed in its place.
    let number = |name: &str, times: f64, absent: &str| match member(name) {
        Some(Value::String(typed)) => typed.clone(),
        Some(value) => value.as_f64().map_or(absent.to_owned(), |number| plain(number * times)),
        None => absent.to_owned(),
    };
    match &field.kind {
        FieldKind::Photo => Control::Photo {
            photo_id: text(member("photo_id")),
            across: number("x", 100.0, "50"),
            down: number("y", 100.0, "50"),
            zoom: number("zoom", 1.0, "1"),
            rotation: number("rotation", 1.0, "0"),
        },
        FieldKind::Text(limits) => {
            let layer = layout.layers.iter().find_map(|layer| match layer {
                Layer::Text(layer) if layer.field == field.id => Some(layer),
                _ => None,
            });
            let first_font =
                layer.map(|layer| layer.font.as_str()).filter(|font| limits.fonts.iter().any(|f| f == font));
            let font =
                member("font").and_then(Value::as_str).or(first_font).or(limits.fonts.first().map(String::as_str));
            let color = member("color").and_then(Value::as_str).and_then(|color| color.parse().ok());
            let color = color.or(limits.colors.first().copied());
            Control::Text {
                value: match value {
                    None => limits.default.clone(),
                    Some(value) => text(value.get("text").or(Some(value))),
                },
                max_chars: limits.max_chars as usize,
                fonts: (limits.fonts.iter())
                    .map(|id| Pick {
                        id: id.clone(),
                        label: font_label(id, lang),
                        is_chosen: Some(id.as_str()) == font,
                    })
                    .collect(),
                colors: (limits.colors.iter())
                    .map(|each| Pick {
                        id: each.to_string(),
                        label: color_words(*each, lang),
                        is_chosen: Some(*each) == color,
                    })
                    .collect(),
            }
        }
        FieldKind::Color { default, colors } => {
            let chosen = value.and_then(Value::as_str).and_then(|color| color.parse().ok()).unwrap_or(*default);
            let list = match colors {
                Colors::Any => Vec::new(),
                Colors::These(list) => list.clone(),
            };
            Control::Color {
                value: chosen.to_string(),
                is_any: *colors == Colors::Any,
                colors: (list.into_iter())
                    .map(|each| Pick {
                        id: each.to_string(),
                        label: color_words(each, lang),
                        is_chosen: each == chosen,
                    })
                    .collect(),
            }
        }
        FieldKind::Choice { default, choices } => {
            let chosen = value.and_then(Value::as_str).unwrap_or(default);
            Control::Choice {
                choices: (choices.iter())
                    .map(|choice| Pick {
                        id: choice.id.clone(),
                        label: choice.label.get(lang).to_owned(),
                        is_chosen: choice.id == chosen,
                    })
                    .collect(),
            }
        }
        FieldKind::Date { default } => Control::Date {
            value: value.map_or_else(|| default.clone().unwrap_or_default(), |value| text(Some(value))),
        },
        FieldKind::Place { default } => match (value, default) {
            (None, Some(place)) => {
                Control::Place { name: place.name.clone(), lat: plain(place.lat), lon: plain(place.lon) }
            }
            _ => {
                Control::Place { name: text(member("name")), lat: number("lat", 1.0, ""), lon: number("lon", 1.0, "") }
            }
        },
    }
}

fn font_label(id: &str, lang: Lang) -> String {
    let label = fonts::face(id).map(|face| match lang {
        Lang::En => face.label_en,
        Lang::Ja => face.label_ja,
    });
    label.unwrap_or(id).to_owned()
}

/// A number without needless digits: `1.2`, not `1.2000000000000002`.
fn plain(number: f64) -> String {
    let rounded = (number * 1e4).round() / 1e4;
    format!("{rounded}")
}

/// The page from which the customer came with the link in our mail, or the order's own.
fn approve_at(visit: &Visit, design: &Design) -> Option<String> {
    let order = design.locked_by.last().filter(|_| design.staff_unlocked)?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&visit.query).unwrap_or_default();
    let back = pairs.into_iter().find(|(name, value)| name == "back" && value.starts_with("/orders/"));
    Some(back.map_or_else(|| format!("/orders/{order}/changes"), |(_, back)| back))
}

#[cfg(test)]
mod tests {
    use super::{PhotoLook, color_matrix, plain};

    #[test]
    fn a_look_is_twenty_numbers() {
        let mono = color_matrix(PhotoLook::Mono);
        assert!(mono.starts_with("0.32421875 0.6328125 0.125 0 -0.02911 "), "{mono}");
        assert_eq!(mono.split(' ').count(), 20);
        assert_eq!(color_matrix(PhotoLook::Plain), "1 0 0 0 0.00000 0 1 0 0 0.00000 0 0 1 0 0.00000 0 0 0 1 0");
    }

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        assert_eq!(plain(0.57 * 100.0), "57");
        assert_eq!(plain(1.2), "1.2");
        assert_eq!(plain(-0.33333), "-0.3333");
    }
}
