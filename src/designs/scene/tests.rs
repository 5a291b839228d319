use super::*;
use crate::catalog::layout::{Layer, Mask, ProductFile};
use crate::render::scene::{DrawnText, Frame, SceneLayer};
use crate::render::text::{Align, Direction, TextBlock, VerticalAlign, set};
use crate::render::{
    Area, Artwork, Canvas, Color, Photos, Picture, Scene, draw, encode_png, fonts, photo, print_jpeg, print_png,
};
use proptest::prelude::*;
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

const CAT: Uuid = Uuid::from_u128(1);
const CUT_OUT: Uuid = Uuid::from_u128(2);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

static PRODUCT: LazyLock<ProductFile> = LazyLock::new(|| {
    ProductFile::parse(&String::from_utf8(read("golden/layout.toml")).unwrap()).expect("the golden layout is right")
});
static ART: LazyLock<Arc<Artwork>> = LazyLock::new(|| Arc::new(Artwork::new(&read("golden/art.svg")).unwrap()));
static PHOTOS: LazyLock<Photos> = LazyLock::new(|| {
    let load = |file: &str| Arc::new(photo::decode_trusted(&read(file)).unwrap());
    Photos::from([(CAT, load("golden/chelsea.png")), (CUT_OUT, load("corpus/made_valid/rgba_cut.png"))])
});

fn values(params: serde_json::Value) -> Values {
    Values::from_json(&PRODUCT.layout, &params).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn built(params: serde_json::Value, variant: &str) -> Built {
    let size = PRODUCT.variant(variant).unwrap().size();
    let known = |id: Uuid| PHOTOS.get(&id).map(|picture| (picture.width, picture.height));
    build_scene(&PRODUCT.layout, size, &values(params), &known, &|_| Some(ART.clone())).unwrap()
}

fn pixels(scene: &Scene, side: u32) -> Picture {
    draw(scene, &PHOTOS, &Canvas::long_side(scene, side, Area::Trim)).unwrap()
}

fn codes(built: &Built) -> Vec<(&'static str, &str)> {
    built.warnings.iter().map(|warning| (warning.code, warning.field.as_str())).collect()
}

fn round() -> serde_json::Value {
    json!({
        "photo": { "photo_id": CAT, "x": 0.55, "y": 0.45, "zoom": 1.3, "rotation": 7 },
        "name": { "text": "Chelsea", "color": "#d9583b" },
        "words": "いつもそばにいてくれてありがとう。 You are the best.",
        "look": "warm",
    })
}

fn heart() -> serde_json::Value {
    json!({
        "photo": { "photo_id": CAT, "x": 0.6, "y": 0.4, "zoom": 1.5 },
        "second": { "photo_id": CUT_OUT, "rotation": 20 },
        "name": "ミーちゃん12歳 Max",
        "words": "",
        "look": "mono",
        "style": "heart",
        "paper": "#cfe0d6",
    })
}

/// Compares with a picture under `tests/golden`, block by block of 8 × 8 pixels. A picture that is not there is written and
/// must be looked at.
#[allow(clippy::disallowed_methods, reason = "a golden picture is written by hand, once")]
fn compare(name: &str, picture: &Picture) {
    let file = folder().join("golden").join(name);
    if !file.exists() {
        std::fs::write(&file, encode_png(picture).unwrap()).unwrap();
        panic!("{name} was not there and has been written: look at it");
    }
    let wanted = photo::decode_trusted(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((picture.width, picture.height), (wanted.width, wanted.height), "{name}");
    let stride = picture.width as usize * 3;
    for top in (0..picture.height as usize).step_by(8) {
        for left in (0..picture.width as usize).step_by(8) {
            let (mut sum, mut count) = (0u32, 0u32);
            for y in top..(top + 8).min(picture.height as usize) {
                for at in y * stride + left * 3..(y * stride + left * 3 + 24).min((y + 1) * stride) {
                    sum += u32::from(picture.pixels[at].abs_diff(wanted.pixels[at]));
                    count += 1;
                }
            }
            assert!(sum <= count * 5, "{name} differs around {left}, {top}: {} a channel", sum / count);
        }
    }
}

#[test]
fn golden_round() {
    compare("round.png", &pixels(&built(round(), "large").scene, 360));
}

#[test]
fn golden_heart() {
    compare("heart.png", &pixels(&built(heart(), "small").scene, 360));
}

#[test]
fn golden_draft() {
    compare("draft.png", &pixels(&built(json!({ "paper": "#14183a", "ink": "#fbf7ef" }), "large").scene, 240));
}

/// Every product of the starter catalogue as its page shows it, and the showcase of all a layout can do in both its styles.
#[test]
fn golden_products() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(root.join("assets/products")).unwrap().map(|entry| entry.unwrap().path());
    let mut pieces: Vec<(PathBuf, Option<&str>)> =
        folders.filter(|path| path.is_dir()).map(|path| (path, None)).collect();
    pieces.sort();
    pieces.extend(["one", "two"].map(|style| (root.join("tests/showcase"), Some(style))));
    for (folder, style) in pieces {
        let mut product = ProductFile::parse(&std::fs::read_to_string(folder.join("product.toml")).unwrap()).unwrap();
        if let Some(style) = style {
            product.sample.insert("style".to_owned(), json!(style));
        }
        let (values, samples) = sample_values(&product);
        let load = |file: &str| {
            Arc::new(photo::decode_trusted(&std::fs::read(root.join("assets/samples").join(file)).unwrap()).unwrap())
        };
        let photos: Photos = samples.iter().map(|(id, file)| (*id, load(file))).collect();
        let known = |id: Uuid| photos.get(&id).map(|picture| (picture.width, picture.height));
        let artwork = |file: &str| Some(Arc::new(Artwork::new(&std::fs::read(folder.join(file)).unwrap()).unwrap()));
        let built = build_scene(&product.layout, product.variants[0].size(), &values, &known, &artwork).unwrap();
        let picture = draw(&built.scene, &photos, &Canvas::long_side(&built.scene, 240, Area::Bleed)).unwrap();
        compare(&format!("product-{}{}.png", product.slug, style.map_or(String::new(), |s| format!("-{s}"))), &picture);
    }
}

/// The sky over Sydney in a southern winter, from the product in the shop: Scorpius high in the east, the Cross in the south.
#[test]
fn golden_sky() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/products/night-sky");
    let product = ProductFile::parse(&std::fs::read_to_string(folder.join("product.toml")).unwrap()).unwrap();
    let artwork = |file: &str| Some(Arc::new(Artwork::new(&std::fs::read(folder.join(file)).unwrap()).unwrap()));
    let params = json!({
        "photo": { "photo_id": CAT, "x": 0.5, "y": 0.5, "zoom": 1, "rotation": 0 }, "name": "Matilda", "day": "2005-06-21",
        "place": { "name": "Sydney", "lat": -33.8688, "lon": 151.2093 },
    });
    let values = Values::from_json(&product.layout, &params).unwrap();
    let built =
        build_scene(&product.layout, product.variants[0].size(), &values, &|_| Some((451, 300)), &artwork).unwrap();
    assert_eq!(codes(&built), [("photo_too_small", "photo")]);
    compare("sky.png", &pixels(&built.scene, 480));
    // Until day and place are known, another sky stands in, paler; both are asked for before anything is printed.
    let draft = Values::from_json(&product.layout, &json!({ "name": "Matilda" })).unwrap();
    let missing = draft.missing_required(&product.layout);
    let missing: Vec<&str> = missing.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(missing, ["params.photo", "params.day", "params.place"]);
    let built = build_scene(&product.layout, product.variants[0].size(), &draft, &|_| None, &artwork).unwrap();
    compare("sky-draft.png", &pixels(&built.scene, 240));
}

#[test]
fn golden_faces() {
    // Every face, with Japanese that some of them lack.
    let faces = ["fredoka", "caveat", "playfair", "shippori", "yomogi", "zen-maru-bold"];
    let pictures: Vec<Picture> = faces
        .iter()
        .map(|face| {
            let params = json!({ "name": { "text": "Bella & 小麦", "font": face }, "words": "" });
            let whole = pixels(&built(params, "large").scene, 300);
            let rows = 70 * whole.width as usize * 3;
            Picture::new(whole.width, 70, 3, whole.pixels[..rows].to_vec()).unwrap()
        })
        .collect();
    let joined = pictures.iter().flat_map(|picture| picture.pixels.clone()).collect();
    compare("faces.png", &Picture::new(pictures[0].width, 70 * 6, 3, joined).unwrap());
}

/// Names as they are typed, set in columns by two faces: apostrophes, signs, numbers, brackets, waves.
#[test]
fn golden_columns() {
    let texts = [
        "Milo’s ※8/15",
        "12月5日 3:15‼",
        "「ミーちゃん」。",
        "5さい、5.5kg",
        "№7 ℃×÷§±",
        "A～ー〜5…→2",
        "Bella & 小麦 12",
    ];
    let mut layers = Vec::new();
    for (row, face) in ["shippori", "zen-maru-bold"].into_iter().enumerate() {
        for (at, text) in texts.iter().enumerate() {
            let frame = Frame {
                x: 2.0 + at as f64 * 10.0,
                y: 2.0 + row as f64 * 54.0,
                width: 8.0,
                height: 50.0,
                rotation: 0.0,
            };
            let block = TextBlock {
                text,
                face: fonts::face(face).unwrap(),
                size: 6.0,
                min_size: 2.0,
                frame,
                align: Align::Center,
                valign: VerticalAlign::Top,
                letter_spacing: 0.0,
                uppercase: false,
                max_lines: 1,
                line_height: 1.25,
                direction: Direction::Vertical,
                arc: None,
            };
            let path = set(&block).path.unwrap();
            layers.push(SceneLayer::Text(DrawnText { path, color: "#14183a".parse().unwrap(), outline: None }));
        }
    }
    let scene = Scene { width_mm: 72.0, height_mm: 108.0, bleed_mm: 0.0, background: Color::WHITE, layers };
    compare("columns.png", &pixels(&scene, 540));
}

#[test]
fn the_print_is_the_preview_at_another_scale() {
    let scene = built(round(), "small").scene;
    let size = PRODUCT.variant("small").unwrap().size();
    let pixels = PRODUCT.layout.print_pixels(size);
    assert_eq!(pixels, (331, 478));
    let print = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = Vec::new();
        pool.install(|| print_png(&scene, &PHOTOS, pixels, &PRODUCT.layout.paper(), &mut out, &|_| true)).unwrap();
        out
    };
    let file = print(1);
    assert!(file == print(3), "the same design gives the same bytes on any number of cores");

    let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
    let info = reader.info();
    assert_eq!((info.width, info.height), pixels);
    assert_eq!(info.srgb, Some(png::SrgbRenderingIntent::Perceptual));
    let physical = info.pixel_dims.unwrap();
    assert_eq!((physical.xppu, physical.yppu, physical.unit), (5906, 5906, png::Unit::Meter));
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    let drawn = draw(&scene, &PHOTOS, &Canvas::pixels(&scene, pixels, Area::Bleed)).unwrap();
    assert!(bytes == drawn.pixels, "the file holds what is drawn");
}

#[test]
fn a_print_as_jpeg_is_the_same_picture() {
    let scene = built(round(), "small").scene;
    let pixels = (331, 478);
    let print = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = Vec::new();
        pool.install(|| print_jpeg(&scene, &PHOTOS, pixels, &PRODUCT.layout.paper(), 95, &mut out, &|_| true)).unwrap();
        out
    };
    let file = print(1);
    assert!(file == print(3), "the same design gives the same bytes on any number of cores");
    let read = image::load_from_memory(&file).unwrap().into_rgb8();
    assert_eq!((read.width(), read.height()), pixels);
    let drawn = draw(&scene, &PHOTOS, &Canvas::pixels(&scene, pixels, Area::Bleed)).unwrap();
    let apart: u64 = drawn.pixels.iter().zip(read.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(apart < drawn.pixels.len() as u64 * 2, "{apart}");
}

#[test]
fn stopping_a_print() {
    let scene = built(round(), "small").scene;
    let stopped = print_png(&scene, &PHOTOS, (331, 478), &PRODUCT.layout.paper(), &mut Vec::new(), &|_| false);
    assert!(matches!(stopped, Err(crate::render::PrintProblem::Stopped)));
}

#[test]
fn warnings_name_their_field() {
    assert_eq!(codes(&built(json!({ "photo": { "photo_id": CAT }, "name": "Bella" }), "small")), []);
    let tiny = built(json!({ "photo": { "photo_id": CAT, "zoom": 3 }, "name": "Bella" }), "large");
    assert_eq!(codes(&tiny), [("photo_too_small", "photo")]);
    assert!(tiny.photos[0].sharp_up_to_mm.width_mm < 100.0 && tiny.photos[0].dpi < 150.0);
    let emoji = built(json!({ "name": "Bella 🐾" }), "small");
    assert_eq!(codes(&emoji), [("missing_glyph", "name")]);
    assert_eq!(emoji.warnings[0].message.values, [("characters", "🐾".to_owned())]);
    let long =
        built(json!({ "name": "寿限無寿限無五劫の擦り切れ海砂利水魚の水行末雲来末風来末", "style": "heart" }), "small");
    assert_eq!(codes(&long), [("text_too_long", "name")]);
    // The layout's second photo ends 3 mm outside the base size, which is 1.5 mm on the small variant.
    let short = built(json!({ "name": "B", "second": { "photo_id": CUT_OUT }, "style": "heart" }), "small");
    assert!(codes(&short).contains(&("photo_not_reaching_bleed", "second")), "{:?}", codes(&short));
}

#[test]
fn letters_near_the_edge_are_told() {
    let mut product = PRODUCT.clone();
    product.layout.safe_margin_mm = 30.0;
    let size = product.variant("large").unwrap().size();
    let values = Values::from_json(&product.layout, &json!({ "name": "Bella", "words": "" })).unwrap();
    let built = build_scene(&product.layout, size, &values, &|_| None, &|_| Some(ART.clone())).unwrap();
    assert_eq!(codes(&built), [("outside_safe_area", "name")]);
}

/// What is cut round is safe within a smaller circle: a line that keeps clear of the four sides is cut through at a corner.
#[test]
fn letters_near_a_round_edge_are_told() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/products/round-tag");
    let product = ProductFile::parse(&std::fs::read_to_string(root.join("product.toml")).unwrap()).unwrap();
    let warned = |trim: Mask, y: f64, variant: &str| {
        let mut product = product.clone();
        product.layout.trim = trim;
        for layer in &mut product.layout.layers {
            if let Layer::Text(text) = layer
                && text.field == "name"
            {
                (text.y, text.height) = (y, 4.0);
            }
        }
        let size = product.variant(variant).unwrap().size();
        let values = json!({ "name": "Wilhelmina", "phone": "090-0000-1234" });
        let values = Values::from_json(&product.layout, &values).unwrap();
        let built = build_scene(&product.layout, size, &values, &|_| None, &|_| Some(ART.clone())).unwrap();
        codes(&built).contains(&("outside_safe_area", "name"))
    };
    assert_eq!(product.layout.trim, Mask::Ellipse);
    for variant in ["32", "38"] {
        assert!(!warned(Mask::Ellipse, 13.2, variant), "in the middle");
        assert!(warned(Mask::Ellipse, 3.2, variant), "near the top");
        assert!(!warned(Mask::Rect, 3.2, variant), "as if it were square");
        assert!(!warned(Mask::Rounded { radius: 4.0 }, 3.2, variant), "with round corners");
        let drop = "M.5 0 L.95 .6 A.45 .4 0 0 1 .05 .6 Z".to_owned();
        assert!(warned(Mask::Path { d: drop.clone() }, 3.2, variant) && !warned(Mask::Path { d: drop }, 19.0, variant));
    }
    // The line along the edge, as long as it may be, keeps clear of it.
    let size = product.variants[0].size();
    let values = json!({ "name": "Hana", "phone": "+81 90-0000-1234 678" });
    let values = Values::from_json(&product.layout, &values).unwrap();
    let built = build_scene(&product.layout, size, &values, &|_| None, &|_| Some(ART.clone())).unwrap();
    assert_eq!(codes(&built), []);
}

#[test]
fn a_missing_artwork_is_a_fault() {
    let size = PRODUCT.variant("large").unwrap().size();
    let answer = build_scene(&PRODUCT.layout, size, &Values::default(), &|_| None, &|_| None);
    assert!(matches!(answer, Err(crate::kernel::Fault::Corrupt(_))));
}

#[test]
fn coordinates_are_written_for_people() {
    let place = |lat, lon| crate::catalog::layout::Place { name: String::new(), lat, lon };
    assert_eq!(build::coordinates(&place(35.6895, 139.6917)), "35.69° N  139.69° E");
    assert_eq!(build::coordinates(&place(-33.8688, -0.001)), "33.87° S  0.00° E");
    assert_eq!(build::coordinates(&place(0.0, -180.0)), "0.00° N  180.00° W");
}

#[test]
fn sharpness_in_millimetres() {
    let size = sharp_up_to_mm(3000, 1500);
    assert_eq!((size.width_mm, size.height_mm), (508.0, 254.0));
}

/// The fields and message keys of a refusal.
fn refusals(params: serde_json::Value) -> Vec<(String, &'static str)> {
    let errors = Values::from_json(&PRODUCT.layout, &params).expect_err("must be refused");
    errors.into_iter().map(|error| (error.field, error.message.key)).collect()
}

#[test]
fn params_out_of_bounds_are_refused_by_field() {
    let id = CAT.to_string();
    for (params, field, key) in [
        (json!([]), "params", "design.rule.params"),
        (json!({ "nose": 1 }), "params.nose", "design.rule.unknown_field"),
        (json!({ "photo": 5 }), "params.photo", "design.rule.photo"),
        (json!({ "photo": { "photo_id": "x" } }), "params.photo.photo_id", "design.rule.photo_id"),
        (json!({ "photo": { "photo_id": id, "zoom": 0.99 } }), "params.photo.zoom", "design.rule.number"),
        (json!({ "photo": { "photo_id": id, "zoom": 11 } }), "params.photo.zoom", "design.rule.number"),
        (json!({ "photo": { "photo_id": id, "x": -0.1 } }), "params.photo.x", "design.rule.number"),
        (json!({ "photo": { "photo_id": id, "y": "1" } }), "params.photo.y", "design.rule.number"),
        (json!({ "photo": { "photo_id": id, "rotation": 361 } }), "params.photo.rotation", "design.rule.number"),
        (json!({ "photo": { "photo_id": id, "crop": 1 } }), "params.photo.crop", "design.rule.unknown_field"),
        (json!({ "name": 5 }), "params.name", "design.rule.text"),
        (json!({ "name": "x".repeat(31) }), "params.name", "design.rule.too_long"),
        (json!({ "name": "a\u{0}" }), "params.name", "design.rule.control"),
        (json!({ "name": { "text": "a", "font": "comic" } }), "params.name.font", "design.rule.font"),
        (json!({ "name": { "text": "a", "color": "#123456" } }), "params.name.color", "design.rule.color_choice"),
        (json!({ "words": { "text": "a", "color": "#1b1f3b" } }), "params.words.color", "design.rule.color_choice"),
        (json!({ "paper": "#000000" }), "params.paper", "design.rule.color_choice"),
        (json!({ "ink": "red" }), "params.ink", "design.rule.color"),
        (json!({ "ink": "#00000080" }), "params.ink", "design.rule.color"),
        (json!({ "look": "loud" }), "params.look", "design.rule.choice"),
    ] {
        assert_eq!(refusals(params.clone()), [(field.to_owned(), key)], "{params}");
    }
    assert_eq!(refusals(json!({ "look": 1, "nose": 1 })).len(), 2);
}

#[test]
fn gaps_are_allowed_and_text_counts_code_points() {
    assert_eq!(values(json!({ "photo": null, "name": "", "paper": "" })).0.len(), 1);
    assert_eq!(values(serde_json::Value::Null), Values::default());
    let thirty = "猫".repeat(30);
    assert_eq!(values(json!({ "name": thirty })).to_json(), json!({ "name": thirty }));
    // Decomposed kana from a Mac's file name are joined; a compatibility ideograph of a family name stays.
    assert_eq!(values(json!({ "name": "か\u{3099}\u{FA19}" })).to_json(), json!({ "name": "が\u{FA19}" }));
}

#[test]
fn what_is_required_and_what_cannot_be_drawn() {
    let missing = values(json!({ "name": "  " })).missing_required(&PRODUCT.layout);
    let fields: Vec<&str> = missing.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["params.photo", "params.name"]);
    assert!(values(round()).missing_required(&PRODUCT.layout).is_empty());
    for unseen in ["\u{200B}", "\u{3164}\u{2060}", "\u{E0100}"] {
        let params = json!({ "photo": { "photo_id": CAT }, "name": unseen });
        assert_eq!(values(params).missing_required(&PRODUCT.layout).len(), 1, "{unseen:?}");
    }
    assert_eq!(values(round()).photo_ids(), [CAT]);
}

#[test]
fn only_what_is_drawn_can_be_undrawable() {
    let mut product = PRODUCT.clone();
    let heart = |key: &str| (key.to_owned(), serde_json::from_value(json!("heart")).unwrap());
    product.layout.layers.last_mut().unwrap().when_mut().extend([heart("style")]);
    let size = product.variant("large").unwrap().size();
    let built = |style: &str| {
        let params = json!({ "style": style, "name": "葛\u{E0100}", "words": "🐶 🐾🐶" });
        let values = Values::from_json(&product.layout, &params).unwrap();
        build_scene(&product.layout, size, &values, &|_| None, &|_| Some(ART.clone())).unwrap()
    };
    let (round, heart) = (built("round"), built("heart"));
    assert_eq!(codes(&round), [("missing_glyph", "name")]);
    assert_eq!(round.warnings[0].message.key, "design.warning.missing_form");
    assert_eq!(round.undrawable, [("name".to_owned(), vec!["葛\u{E0100}".to_owned()])].into());
    assert_eq!(codes(&heart), [("missing_glyph", "name"), ("missing_glyph", "words")]);
    assert_eq!(heart.undrawable["words"], ["🐶", "🐾"]);
}

/// The sky over a place shows nothing of its name where no text does.
#[test]
fn a_place_that_only_gives_its_sky_may_have_any_name() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/products/night-sky");
    let mut product = ProductFile::parse(&std::fs::read_to_string(folder.join("product.toml")).unwrap()).unwrap();
    let params =
        json!({ "name": "Matilda", "day": "2005-06-21", "place": { "name": "🏝", "lat": -33.9, "lon": 151.2 } });
    let undrawable = |product: &ProductFile| {
        let artwork = |file: &str| Some(Arc::new(Artwork::new(&std::fs::read(folder.join(file)).unwrap()).unwrap()));
        let values = Values::from_json(&product.layout, &params).unwrap();
        build_scene(&product.layout, product.variants[0].size(), &values, &|_| None, &artwork).unwrap().undrawable
    };
    assert_eq!(undrawable(&product), [("place".to_owned(), vec!["🏝".to_owned()])].into());
    use crate::catalog::layout::{Layer, Show};
    let is_name =
        |layer: &Layer| matches!(layer, Layer::Text(text) if text.field == "place" && text.show == Show::Name);
    product.layout.layers.retain(|layer| !is_name(layer));
    assert!(undrawable(&product).is_empty());
}

#[test]
fn every_word_exists_in_both_languages() {
    let keys = |lang: &str| {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/words").join(lang).join("design_rules.toml");
        let table: toml::Table = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        table.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys("en"), keys("ja"));
    for source in [include_str!("values.rs"), include_str!("build.rs")] {
        for piece in source.split('"').filter(|piece| piece.starts_with("design.")) {
            assert!(keys("en").iter().any(|key| key == piece), "{piece} has no words");
        }
    }
}

fn any_params() -> impl Strategy<Value = serde_json::Value> {
    let photo = |id: Uuid| {
        (0.0..=1.0f64, 0.0..=1.0f64, 1.0..=10.0f64, -360.0..=360.0f64).prop_map(
            move |(x, y, zoom, rotation)| json!({ "photo_id": id, "x": x, "y": y, "zoom": zoom, "rotation": rotation }),
        )
    };
    let text = prop_oneof!["[ -~]{0,30}", "[ぁ-んァ-ヶ一-龠。、ー「」]{0,30}", "\\PC{0,30}"];
    (
        prop::option::of(photo(CAT)),
        prop::option::of(photo(CUT_OUT)),
        prop::option::of(text.clone()),
        prop::option::of(text),
        prop::sample::select(vec!["plain", "mono", "warm"]),
        prop::sample::select(vec!["round", "heart"]),
        prop::sample::select(vec!["#fbf7ef", "#cfe0d6", "#14183a"]),
        prop::sample::select(vec!["fredoka", "caveat", "shippori", "zen-maru-bold"]),
    )
        .prop_map(|(photo, second, name, words, look, style, paper, font)| {
            json!({
                "photo": photo, "second": second, "words": words, "look": look, "style": style, "paper": paper,
                "name": name.map(|text| json!({ "text": text, "font": font })),
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_values_give_a_picture(params in any_params(), large: bool) {
        // Random text may hold what the shop refuses; then there is nothing to draw.
        if let Ok(values) = Values::from_json(&PRODUCT.layout, &params) {
            let json = values.to_json();
            prop_assert_eq!(&Values::from_json(&PRODUCT.layout, &json).unwrap(), &values);
            let built = built(json, if large { "large" } else { "small" });
            let picture = pixels(&built.scene, 96);
            let first = &picture.pixels[..3];
            prop_assert!(picture.pixels.chunks_exact(3).any(|pixel| pixel != first), "one flat colour");
        }
    }
}
