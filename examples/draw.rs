//! Draws a product folder with its sample values, as the shop would.
//!
//! ```text
//! cargo run --example draw -- assets/products/star-poster out.png [--variant KEY] [--width 800] [--bleed]
//!     [--set name=Bella]… [--photo FILE]… [--params FILE.json] [--print [--marks]]
//! ```
//! `--photo` stands in for every photo field in turn, `--params` replaces the sample, `--print` writes the print file: PDF or JPEG where
//! the name ends so, PNG otherwise.

#![allow(clippy::disallowed_methods, reason = "a tool for the desk writes where it is told")]

use petstar::catalog::layout::{FieldKind, Layer, ProductFile};
use petstar::designs::scene::{PhotoValue, Value, Values, build_scene, sample_values};
use petstar::render::{Area, Artwork, Canvas, Photos, Picture, draw, encode_png, print_jpeg, print_pdf, print_png};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

type Problem = Box<dyn std::error::Error>;

fn main() -> Result<(), Problem> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(out)) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        return Err("usage: draw PRODUCT_FOLDER OUT.png [--variant KEY] [--width N] [--bleed] [--set id=value] [--photo FILE] [--params FILE] [--print [--marks]]".into());
    };
    let (mut variant, mut width, mut area, mut print, mut marks) = (None, 800, Area::Trim, false, false);
    let (mut sets, mut photo_files, mut params) = (Vec::new(), Vec::new(), None);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--variant" => variant = Some(value()?),
            "--width" => width = value()?.parse::<u32>()?,
            "--bleed" => area = Area::Bleed,
            "--print" => print = true,
            "--marks" => marks = true,
            "--set" => sets.push(value()?),
            "--photo" => photo_files.push(PathBuf::from(value()?)),
            "--params" => params = Some(value()?),
            other => return Err(format!("unknown option {other}").into()),
        }
    }

    let text = std::fs::read_to_string(folder.join("product.toml"))?;
    let product = ProductFile::parse(&text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    let layout = &product.layout;
    let size = match &variant {
        Some(key) => product.variant(key).ok_or("there is no such variant")?.size(),
        None => product.variants[0].size(),
    };

    let (mut values, samples) = sample_values(&product);
    for id in product.sample.keys().filter(|id| !values.0.contains_key(*id)) {
        eprintln!("warning: the sample of `{id}` is not a value its field takes");
    }
    if let Some(file) = params {
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        values = read(layout, &json)?;
    }
    for set in sets {
        let (id, value) = set.split_once('=').ok_or("--set takes id=value")?;
        let mut json = values.to_json();
        json[id] = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::String(value.to_owned()));
        values = read(layout, &json)?;
    }

    let mut pictures: HashMap<Uuid, Arc<Picture>> = Photos::new();
    for (id, file) in samples {
        let path = folder.join("../../samples").join(&file);
        match load(&path) {
            Ok(picture) => _ = pictures.insert(id, Arc::new(picture)),
            Err(error) => eprintln!("warning: {}: {error}", path.display()),
        }
    }
    if !photo_files.is_empty() {
        let fields = layout.fields.iter().filter(|field| field.kind == FieldKind::Photo);
        for (at, field) in fields.enumerate() {
            let id = Uuid::from_u128(1000 + at as u128);
            pictures.insert(id, Arc::new(load(&photo_files[at % photo_files.len()])?));
            let place = values.photo(&field.id).copied().unwrap_or(PhotoValue::whole(id));
            values.0.insert(field.id.clone(), Value::Photo(PhotoValue { photo_id: id, ..place }));
        }
    }

    let artworks = artworks(&folder, &product)?;
    let known = |id: Uuid| pictures.get(&id).map(|picture| (picture.width, picture.height));
    let built = build_scene(layout, size, &values, &known, &|file| artworks.get(file).cloned())?;
    for warning in &built.warnings {
        eprintln!("{} ({}) {:?}", warning.code, warning.field, warning.message.values);
    }
    if print {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&out)?);
        let pixels = layout.print_pixels(size);
        let (scene, paper) = (&built.scene, layout.paper());
        if out.ends_with(".pdf") {
            print_pdf(scene, &pictures, pixels, &paper, marks, &mut file, &|_| true)?;
        } else if out.ends_with(".jpg") {
            print_jpeg(scene, &pictures, pixels, &paper, 95, &mut file, &|_| true)?;
        } else {
            print_png(scene, &pictures, pixels, &paper, &mut file, &|_| true)?;
        }
    } else {
        let picture = draw(&built.scene, &pictures, &Canvas::long_side(&built.scene, width, area))?;
        std::fs::write(&out, encode_png(&picture)?)?;
    }
    Ok(())
}

fn read(layout: &petstar::catalog::layout::Layout, json: &serde_json::Value) -> Result<Values, Problem> {
    Values::from_json(layout, json).map_err(|errors| {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{}: {} {:?}", error.field, error.message.key, error.message.values))
            .collect();
        lines.join("\n").into()
    })
}

/// The product's artwork, each file checked for what the layout needs of it.
fn artworks(folder: &Path, product: &ProductFile) -> Result<HashMap<String, Arc<Artwork>>, Problem> {
    let layout = &product.layout;
    let mut artworks = HashMap::new();
    for file in layout.artwork_files() {
        let artwork = Artwork::new(&std::fs::read(folder.join(file)).map_err(|error| format!("{file}: {error}"))?)
            .map_err(|error| format!("{file}: {error}"))?;
        let wanted = (layout.width_mm + 20.0) / (layout.height_mm + 20.0);
        if (artwork.proportion() / wanted - 1.0).abs() > 0.002 {
            return Err(format!(
                "{file}: its viewBox must be \"-10 -10 {} {}\"",
                layout.width_mm + 20.0,
                layout.height_mm + 20.0
            )
            .into());
        }
        for layer in &layout.layers {
            let Layer::Artwork(layer) = layer else { continue };
            for literal in layer.colors.keys().filter(|literal| layer.file == file && !artwork.uses(**literal)) {
                eprintln!("warning: {file} does not use {literal}, which the layout replaces");
            }
        }
        artworks.insert(file.to_owned(), Arc::new(artwork));
    }
    Ok(artworks)
}

/// Sample pictures are the shop's own, so they are read right here.
fn load(path: &Path) -> Result<Picture, Problem> {
    let bytes = std::fs::read(path)?;
    Ok(petstar::render::photo::decode_trusted(&bytes)?)
}
