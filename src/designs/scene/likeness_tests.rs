//! The print is the preview: designs by chance, of every starter product, drawn both ways and compared; and what must be caught.
//!
//! `PETSTAR_LIKENESS=200` compares as many designs (20 unless told), `PETSTAR_LIKENESS_DPI=300` prints them as finely as the shop does
//! (no longer than [`LONGEST`] pixels unless told, so that unoptimised code gets through in time), `PETSTAR_LIKENESS_TELL=1` prints
//! every figure.

use super::random::{Dice, params};
use super::*;
use crate::catalog::layout::{Layer, Layout, ProductFile, Size};
use crate::render::compare::{self, Likeness, PrintView, likeness, shrink_print};
use crate::render::photo::{PROXY_LEAST, PROXY_SIDE, Proxy, copy_while_read, decode_trusted};
use crate::render::picture::at_most;
use crate::render::{
    Area, Artwork, Canvas, Paper, Photos, Picture, Scene, draw, encode_jpeg, needed_pixels, print_png,
};
use serde_json::json;
use std::collections::HashMap;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// Pixels of a preview's longer side, and its JPEG quality, as the workshop has them.
const SIDE: u32 = 800;
const QUALITY: u8 = 88;

struct Starter {
    file: ProductFile,
    artwork: HashMap<String, Arc<Artwork>>,
}

static STARTERS: LazyLock<Vec<Starter>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/products");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let starters = folders.iter().filter(|folder| folder.join("product.toml").is_file());
    starters
        .map(|folder| {
            let file = ProductFile::parse(&std::fs::read_to_string(folder.join("product.toml")).unwrap()).unwrap();
            let read = |name: &str| Arc::new(Artwork::new(&std::fs::read(folder.join(name)).unwrap()).unwrap());
            let artwork = file.layout.artwork_files().into_iter().map(|name| (name.to_owned(), read(name))).collect();
            Starter { file, artwork }
        })
        .collect()
});

/// A photo as it came, and the proxy previews are drawn from.
struct Photo {
    original: Arc<Picture>,
    proxy: Arc<Picture>,
}

/// A small photo, one larger than its proxy, and one with fur-like detail no proxy keeps, in a file as cameras write it, from which the copy is made
/// while it is read.
static PHOTOS: LazyLock<HashMap<Uuid, Photo>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/samples");
    let load = |name: &str| decode_trusted(&std::fs::read(folder.join(name)).unwrap()).unwrap();
    let mugi = load("mugi.jpg");
    let larger = mugi.resized(mugi.width * 2000 / mugi.long_side(), mugi.height * 2000 / mugi.long_side()).unwrap();
    let hana = load("hana.jpg");
    let mut fine = hana.resized(hana.width * 3040 / hana.long_side(), hana.height * 3040 / hana.long_side()).unwrap();
    let mut dice = Dice(7);
    for pixel in fine.pixels.chunks_exact_mut(3) {
        let grain = (dice.roll() % 41) as i16 - 20;
        pixel.iter_mut().for_each(|value| *value = (i16::from(*value) + grain).clamp(0, 255) as u8);
    }
    let photo = |original: Picture| {
        let proxy = Proxy::new(original.clone()).unwrap();
        Photo { original: Arc::new(original), proxy: Arc::new(proxy.picture) }
    };
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 92);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(&fine.pixels, fine.width as u16, fine.height as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    let copy = copy_while_read(&file).expect("a file of the plain kind").picture;
    assert!(copy.long_side() < 1600);
    let fine = Photo { original: Arc::new(decode_trusted(&file).unwrap()), proxy: Arc::new(copy) };
    let all = [photo(load("chelsea.jpg")), photo(larger), fine];
    all.into_iter().enumerate().map(|(at, photo)| (Uuid::from_u128(at as u128 + 1), photo)).collect()
});

fn scene(starter: &Starter, layout: &Layout, size: Size, params: &serde_json::Value) -> Scene {
    let values = Values::from_json(layout, params).unwrap_or_else(|errors| panic!("{params}: {errors:?}"));
    let known = |id: Uuid| PHOTOS.get(&id).map(|photo| (photo.original.width, photo.original.height));
    build_scene(layout, size, &values, &known, &|name| starter.artwork.get(name).cloned()).unwrap().scene
}

/// The preview as a customer's browser gets it.
fn preview(scene: &Scene) -> Picture {
    let canvas = Canvas::long_side(scene, SIDE, Area::Trim);
    let photos: Photos = PHOTOS.iter().map(|(id, photo)| (*id, photo.proxy.clone())).collect();
    decode_trusted(&encode_jpeg(&draw(scene, &photos, &canvas).unwrap(), QUALITY).unwrap()).unwrap()
}

/// The print file, read back as large as its preview.
fn print(scene: &Scene, (layout, pixels, dpi): (&Layout, (u32, u32), u32), wanted: &Picture) -> Picture {
    let mirror = layout.paper().mirror;
    let canvas = Canvas::pixels(scene, pixels, Area::Bleed);
    let needed = needed_pixels(scene, &canvas);
    // As the workshop does: the original no finer than it is needed.
    let fit = |id: &Uuid, photo: &Photo| match needed.get(id) {
        Some(side) if *side < photo.original.long_side() => {
            let (width, height) = at_most((photo.original.width, photo.original.height), *side);
            Arc::new(photo.original.resized(width, height).unwrap())
        }
        _ => photo.original.clone(),
    };
    let photos: Photos = PHOTOS.iter().map(|(id, photo)| (*id, fit(id, photo))).collect();
    let mut file = Vec::new();
    print_png(scene, &photos, pixels, &Paper { dpi, mirror }, &mut file, &|_| true).unwrap();
    shrink_print(Cursor::new(file), &PrintView::new(scene, pixels, (wanted.width, wanted.height), mirror)).unwrap()
}

fn compare(seen: &Picture, print: &Picture, softness: f64) -> Likeness {
    if (seen.width, seen.height) == (print.width, print.height) {
        likeness(seen, print, softness).unwrap()
    } else {
        likeness(&seen.resized(print.width, print.height).unwrap(), print, softness).unwrap()
    }
}

fn softness(scene: &Scene) -> f64 {
    let is_shrunk = |id| PHOTOS.get(&id).is_some_and(|photo| photo.original.long_side() > PROXY_SIDE);
    compare::softness(scene, &Canvas::long_side(scene, SIDE, Area::Trim), PROXY_LEAST, is_shrunk)
}

fn setting(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

fn tell(likeness: Likeness, what: &str) {
    if setting("PETSTAR_LIKENESS_TELL", 0) > 0 {
        println!("{:5} {:5} {:5} {what}", likeness.whole, likeness.worst, likeness.color);
    }
}

/// Pixels of a print's longer side: clearly more than its preview has, and drawn in a second or two by a debug build.
const LONGEST: f64 = 1000.0;

/// Large pieces in fewer pixels than the shop prints, which is harsher to fine dots; `PETSTAR_LIKENESS_DPI=300` draws them in full, as
/// `PETSTAR_LIKENESS=200` should be run.
fn print_pixels(layout: &Layout, size: Size) -> ((u32, u32), u32) {
    let dpi = setting("PETSTAR_LIKENESS_DPI", 0);
    let fitting = (LONGEST * 25.4 / size.width_mm.max(size.height_mm)) as u32;
    let layout = Layout { dpi: if dpi > 0 { dpi } else { fitting.min(layout.dpi) }, ..layout.clone() };
    (layout.print_pixels(size), layout.dpi)
}

#[test]
fn prints_of_random_designs_are_like_their_previews() {
    let ids: Vec<_> = [1u128, 2, 3].iter().map(|id| json!(Uuid::from_u128(*id))).collect();
    let count = setting("PETSTAR_LIKENESS", 20) as usize;
    for number in 0..count {
        let mut dice = Dice(number as u64);
        let starter = &STARTERS[number % STARTERS.len()];
        let layout = &starter.file.layout;
        let fields = serde_json::to_value(&layout.fields).unwrap();
        let params = params(&fields, &ids, &mut dice);
        let size = dice.pick(&starter.file.variants).unwrap().size();
        let scene = scene(starter, layout, size, &params);
        let seen = preview(&scene);
        let (pixels, dpi) = print_pixels(layout, size);
        let like = compare(&seen, &print(&scene, (layout, pixels, dpi), &seen), softness(&scene));
        tell(like, &format!("{number} {} {pixels:?} soft {:.2}", starter.file.slug, softness(&scene)));
        assert!(
            like.is_same() || setting("PETSTAR_LIKENESS_TELL", 0) > 1,
            "{number}, {} {params}: {like:?}",
            starter.file.slug
        );
    }
}

/// What may go wrong between a preview and its print.
fn faults(layout: &Layout, params: &serde_json::Value) -> Vec<(&'static str, Layout, serde_json::Value)> {
    let mut faults = Vec::new();
    for field in serde_json::to_value(&layout.fields).unwrap().as_array().unwrap() {
        let id = field["id"].as_str().unwrap();
        let kind = field["kind"].as_str().unwrap();
        let value = if params[id].is_null() { &field["default"] } else { &params[id] };
        if value.is_null() {
            continue;
        }
        let mut wrong = params.clone();
        let other = |list: &str, now: &serde_json::Value| {
            let all = field[list].as_array().cloned().unwrap_or_default();
            all.iter().map(|item| item.get("id").unwrap_or(item).clone()).rfind(|item| item != now)
        };
        match kind {
            "text" => {
                // A text may be given as a string, with the first font and colour there are.
                let value = if value.is_string() { json!({ "text": value }) } else { value.clone() };
                wrong[id] = value.clone();
                if let Some(font) = other("fonts", &value["font"]) {
                    wrong[id]["font"] = font;
                    faults.push(("font", layout.clone(), wrong.clone()));
                }
            }
            "color" => {
                let any = field["colors"].is_string().then(|| json!("#7a3b5d"));
                if let Some(color) = other("colors", value).or(any) {
                    wrong[id] = color;
                    faults.push(("colour", layout.clone(), wrong));
                }
            }
            "photo" => {
                // By two in a hundred of its frame, whatever the crop: the frame itself is moved.
                let mut moved = layout.clone();
                for layer in &mut moved.layers {
                    if let Layer::Photo(layer) = layer
                        && layer.field == id
                    {
                        layer.x += 0.02 * layer.width;
                    }
                }
                faults.push(("photo moved", moved, params.clone()));
            }
            _ => {}
        }
    }
    faults
}

#[test]
fn a_wrong_font_a_moved_photo_and_a_changed_colour_are_caught() {
    let mut missed = Vec::new();
    let mut caught: HashMap<&str, u32> = HashMap::new();
    for starter in STARTERS.iter() {
        let layout = &starter.file.layout;
        let (mut values, samples) = sample_values(&starter.file);
        for id in samples.iter().map(|(id, _)| id) {
            for value in values.0.values_mut() {
                if let Value::Photo(photo) = value
                    && photo.photo_id == *id
                {
                    photo.photo_id = Uuid::from_u128(1 + id.as_u128() % 2);
                }
            }
        }
        let params = values.to_json();
        let size = starter.file.variants[0].size();
        let right = scene(starter, layout, size, &params);
        let seen = preview(&right);
        let (pixels, dpi) = print_pixels(layout, size);
        for (what, layout, params) in faults(layout, &params) {
            let wrong = scene(starter, &layout, size, &params);
            let like = compare(&seen, &print(&wrong, (&layout, pixels, dpi), &seen), softness(&right));
            tell(like, &format!("{what} of {}", starter.file.slug));
            // A hairline in another colour is a change nobody sees, not in the preview either.
            let is_seen = what != "colour" || !likeness(&seen, &preview(&wrong), 1.0).unwrap().is_same();
            if like.is_same() && is_seen {
                missed.push(format!("{what} of {}: {like:?}", starter.file.slug));
            }
            *caught.entry(what).or_default() += u32::from(!like.is_same());
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
    // As many as there are fields in the starter products to get wrong, but for the hairline.
    assert!(STARTERS.iter().any(|starter| starter.file.layout.paper().mirror), "one is seen in a mirror");
    assert!(caught["font"] >= 20 && caught["photo moved"] >= 12 && caught["colour"] >= 25, "{caught:?}");
}

/// The frame stays where it is, and another part of the photo stands in it: at a usual zoom, and at one where the proxy is coarse.
#[test]
fn a_photo_that_moved_within_its_frame_is_caught() {
    let mut tried = 0;
    for (number, starter) in STARTERS.iter().enumerate() {
        let layout = &starter.file.layout;
        let fields = serde_json::to_value(&layout.fields).unwrap();
        let Some(field) = fields.as_array().unwrap().iter().find(|field| field["kind"] == "photo") else { continue };
        let (photo, zoom) = (1 + number as u128 % 3, if number % 2 == 0 { 1.5 } else { 6.0 });
        // By about three in a hundred of the frame.
        let placed = |x: f64| {
            let value = json!({ "photo_id": Uuid::from_u128(photo), "x": x, "y": 0.5, "zoom": zoom, "rotation": 0.0 });
            json!({ field["id"].as_str().unwrap(): value })
        };
        let size = starter.file.variants[0].size();
        let right = scene(starter, layout, size, &placed(0.5));
        let wrong = scene(starter, layout, size, &placed(0.5 + 0.03 / zoom));
        let (seen, (pixels, dpi)) = (preview(&right), print_pixels(layout, size));
        let like = compare(&seen, &print(&wrong, (layout, pixels, dpi), &seen), softness(&right));
        tell(like, &format!("photo {photo} at zoom {zoom} in {}, soft {:.2}", starter.file.slug, softness(&right)));
        assert!(!like.is_same(), "photo {photo} at zoom {zoom} in {}: {like:?}", starter.file.slug);
        tried += 1;
    }
    assert!(tried >= 6, "{tried}");
}
