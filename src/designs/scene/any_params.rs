//! Whatever a customer fills in, within what `layout.fields` says, gives a picture: every starter product, at random.

use super::*;
use crate::catalog::layout::{Colors, Field, FieldKind, Layer, ProductFile, Show};
use crate::render::scene::SceneLayer;
use crate::render::{Area, Artwork, Canvas, Photos, Picture, draw, fonts, photo};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// How many params of each product are drawn. The thousand of the house's promise are tried by hand, in release:
/// `PETSTAR_RANDOM_PARAMS=1000 cargo test --release --lib any_params`.
const BY_DEFAULT: u32 = 50;
/// The longer side they are drawn at.
const SIDE: u32 = 100;

/// Of sixteen tries, those whose photos are looked for in the picture: it takes another one.
const PHOTOS_LOOKED_AT: usize = 2;

fn assets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets")
}

/// A usual photo, a very wide one, a single pixel, and one that was never uploaded.
fn photos() -> Photos {
    let sample = std::fs::read(assets().join("samples/chelsea.jpg")).unwrap();
    let plain = |width: u32, height: u32| {
        let pixels = (0..width * height * 3).map(|at| (at * 37 % 251) as u8).collect();
        Arc::new(Picture::new(width, height, 3, pixels).unwrap())
    };
    let pictures = [Arc::new(photo::decode_trusted(&sample).unwrap()), plain(600, 3), plain(1, 1)];
    (1..).map(Uuid::from_u128).zip(pictures).collect()
}

fn any_text(max_chars: u32) -> BoxedStrategy<String> {
    let characters = prop_oneof![
        Just("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'&-.,!? ".to_owned()),
        Just("あいうえおかきくけこがぎぐげごーアイウエオカキクケコ猫犬鳥兎髙﨑、。「」　".to_owned()),
        Just("AaÀéñßŒÅ ミー・12345()/\n🐾𠮷".to_owned()),
    ];
    let chosen = |characters: String| prop::sample::select(characters.chars().collect::<Vec<_>>());
    let length = prop_oneof![0..=max_chars as usize, Just(max_chars as usize)];
    (characters, length)
        .prop_flat_map(move |(characters, length)| prop::collection::vec(chosen(characters), length))
        .prop_map(String::from_iter)
        .boxed()
}

/// Any value a field takes, `null` for a gap.
fn any_value(field: &Field) -> BoxedStrategy<Json> {
    let select = |ids: Vec<String>| prop::sample::select(ids).prop_map(Json::from).boxed();
    let value = match &field.kind {
        FieldKind::Photo => {
            let share = || prop_oneof![0.0..=1.0f64, Just(0.0), Just(1.0)];
            (1u128..=4, share(), share(), prop_oneof![1.0..=10.0f64, Just(1.0)], -360.0..=360.0f64)
                .prop_map(|(id, x, y, zoom, rotation)| {
                    json!({ "photo_id": Uuid::from_u128(id), "x": x, "y": y, "zoom": zoom, "rotation": rotation })
                })
                .boxed()
        }
        FieldKind::Text(text) => {
            let mut fonts: Vec<Json> = text.fonts.iter().map(|id| json!(id)).collect();
            fonts.push(Json::Null);
            let mut colors: Vec<Json> = text.colors.iter().map(|color| json!(color)).collect();
            colors.push(Json::Null);
            (any_text(text.max_chars), prop::sample::select(fonts), prop::sample::select(colors))
                .prop_map(|(text, font, color)| json!({ "text": text, "font": font, "color": color }))
                .boxed()
        }
        FieldKind::Color { colors: Colors::These(list), .. } => {
            prop::sample::select(list.clone()).prop_map(|color| json!(color)).boxed()
        }
        FieldKind::Color { colors: Colors::Any, .. } => {
            (0..=0xff_ff_ffu32).prop_map(|color| json!(format!("#{color:06x}"))).boxed()
        }
        FieldKind::Choice { choices, .. } => select(choices.iter().map(|choice| choice.id.clone()).collect()),
        FieldKind::Date { .. } => (1i32..=9999, 1u32..=12, 1u32..=28)
            .prop_map(|(year, month, day)| json!(format!("{year:04}-{month:02}-{day:02}")))
            .boxed(),
        FieldKind::Place { .. } => {
            let degrees = |most: f64| prop_oneof![-most..=most, Just(most), Just(-most), Just(0.0)];
            (any_text(80), degrees(90.0), degrees(180.0))
                .prop_map(|(name, lat, lon)| json!({ "name": name.replace('\n', " "), "lat": lat, "lon": lon }))
                .boxed()
        }
    };
    prop_oneof![1 => Just(Json::Null), 6 => value].boxed()
}

fn any_params(product: &ProductFile) -> impl Strategy<Value = Json> + use<> {
    let members: Vec<_> = product
        .layout
        .fields
        .iter()
        .map(|field| {
            any_value(field).prop_map({
                let id = field.id.clone();
                move |value| (id.clone(), value)
            })
        })
        .collect();
    members.prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>()))
}

struct Shown {
    product: ProductFile,
    artwork: HashMap<String, Arc<Artwork>>,
}

fn shown(folder: &Path) -> Shown {
    let text = std::fs::read_to_string(folder.join("product.toml")).unwrap();
    let product = ProductFile::parse(&text).unwrap_or_else(|problems| panic!("{}: {problems:?}", folder.display()));
    let load = |file: &&str| {
        let svg = std::fs::read(folder.join(file)).unwrap();
        ((*file).to_owned(), Arc::new(Artwork::new(&svg).unwrap()))
    };
    Shown { artwork: product.layout.artwork_files().iter().map(load).collect(), product }
}

impl Shown {
    fn check(&self, params: &Json, variant: usize, photos: &Photos) -> Result<(), TestCaseError> {
        let layout = &self.product.layout;
        let values = Values::from_json(layout, params)
            .map_err(|errors| TestCaseError::fail(format!("what the fields allow was refused: {errors:?}")))?;
        let known = |id: Uuid| photos.get(&id).map(|picture| (picture.width, picture.height));
        let size = self.product.variants[variant % self.product.variants.len()].size();
        let built = build_scene(layout, size, &values, &known, &|file| self.artwork.get(file).cloned())
            .map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        let canvas = Canvas::long_side(&built.scene, SIDE, Area::Bleed);
        let drawn = |photos: &Photos| {
            draw(&built.scene, photos, &canvas).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))
        };
        let picture = drawn(photos)?;
        let first = &picture.pixels[..3];
        let is_empty = picture.pixels.chunks_exact(3).all(|pixel| pixel == first);
        prop_assert!(!is_empty, "one flat colour");
        let has_photo = built.scene.layers.iter().any(
            |layer| matches!(layer, SceneLayer::Photo(drawn) if drawn.photo.is_some_and(|id| photos.contains_key(&id))),
        );
        if has_photo && variant < PHOTOS_LOOKED_AT {
            prop_assert!(picture.pixels != drawn(&Photos::new())?.pixels, "the photo is not there");
        }
        // A character no face has is told where it would be drawn, never left out in silence.
        let shows = |layer: &&Layer| {
            let holds = |id: &str, wanted: &[String]| {
                values.choice(layout, id).is_some_and(|one| wanted.iter().any(|w| w == one))
            };
            layer.when().iter().all(|(id, wanted)| holds(id, wanted.values()))
        };
        let drawn = layout.layers.iter().filter(shows).filter_map(|layer| match layer {
            Layer::Text(text) if text.show == Show::Name => layout.field(&text.field),
            _ => None,
        });
        let missing: BTreeMap<String, Vec<String>> = drawn
            .filter_map(|field| Some((field.id.clone(), fonts::missing(&values.words(field)?))))
            .filter(|(_, missing)| !missing.is_empty())
            .collect();
        prop_assert_eq!(missing, built.undrawable);
        Ok(())
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "only the number of tries is taken from outside")]
fn any_params_of_any_product_give_a_picture() {
    let asked = std::env::var("PETSTAR_RANDOM_PARAMS").ok().and_then(|number| number.parse().ok());
    let photos = photos();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(assets().join("products")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    assert!(folders.len() >= 12, "the starter products");
    for folder in folders {
        let shown = shown(&folder);
        let config = Config { cases: asked.unwrap_or(BY_DEFAULT), failure_persistence: None, ..Config::default() };
        let tried = TestRunner::new(config)
            .run(&(any_params(&shown.product), 0usize..16), |(params, variant)| shown.check(&params, variant, &photos));
        if let Err(error) = tried {
            panic!("{}: {error}", shown.product.slug);
        }
    }
}
