//! Print files as a print shop sees them: opened by programs that are not ours.

use petstar::catalog::layout::{Layer, ProductFile};
use petstar::designs::scene::{Values, build_scene, sample_values};
use petstar::render::{Area, Artwork, Canvas, Paper, Photos, Picture, Scene, draw, photo, print_pdf, print_png};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use uuid::Uuid;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A product with its sample filled in.
struct Sample {
    product: ProductFile,
    values: Values,
    photos: Photos,
    artwork: HashMap<String, Arc<Artwork>>,
}

impl Sample {
    fn starter(slug: &str) -> Sample {
        let (samples, folder) = (folder("assets/samples"), folder("assets/products").join(slug));
        Sample::load(&folder.join("product.toml"), &samples)
    }

    fn load(file: &Path, samples: &Path) -> Sample {
        let product = ProductFile::parse(&String::from_utf8(read(file)).unwrap())
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", file.display()));
        let (values, files) = sample_values(&product);
        let load = |file: &String| Arc::new(photo::decode_trusted(&read(&samples.join(file))).unwrap());
        let photos = files.iter().map(|(id, file)| (*id, load(file))).collect();
        let art = |layer: &Layer| match layer {
            Layer::Artwork(art) => {
                let path = file.parent().unwrap().join(&art.file);
                Some((art.file.clone(), Arc::new(Artwork::new(&read(&path)).unwrap())))
            }
            _ => None,
        };
        let artwork = product.layout.layers.iter().filter_map(art).collect();
        Sample { product, values, photos, artwork }
    }

    fn scene(&self, variant: &str) -> Scene {
        let size = self.product.variant(variant).unwrap().size();
        let known = |id: Uuid| self.photos.get(&id).map(|picture| (picture.width, picture.height));
        let artwork = |file: &str| self.artwork.get(file).cloned();
        build_scene(&self.product.layout, size, &self.values, &known, &artwork).unwrap().scene
    }

    fn pixels(&self, variant: &str) -> (u32, u32) {
        self.product.layout.print_pixels(self.product.variant(variant).unwrap().size())
    }

    fn pdf(&self, variant: &str, marks: bool) -> Vec<u8> {
        let (scene, paper, mut out) = (self.scene(variant), self.product.layout.paper(), Vec::new());
        print_pdf(&scene, &self.photos, self.pixels(variant), &paper, marks, &mut out, &|_| true).unwrap();
        out
    }

    fn png(&self, variant: &str) -> Vec<u8> {
        let (scene, paper, mut out) = (self.scene(variant), self.product.layout.paper(), Vec::new());
        print_png(&scene, &self.photos, self.pixels(variant), &paper, &mut out, &|_| true).unwrap();
        out
    }
}

fn starters() -> Vec<String> {
    let list = String::from_utf8(read(&folder("assets/products/order.txt"))).unwrap();
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The first page as poppler draws it, at exactly that many pixels.
fn rasterised(pdf: &[u8], (width, height): (u32, u32)) -> Picture {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pdf).unwrap();
    let output = Command::new("pdftoppm")
        .args(["-png", "-singlefile", "-scale-to-x", &width.to_string(), "-scale-to-y", &height.to_string()])
        .arg(file.path())
        .stderr(Stdio::inherit())
        .output()
        .expect("pdftoppm, of Debian's poppler-utils, draws the PDF; tests/run installs it");
    assert!(output.status.success(), "pdftoppm refused the file");
    let picture = image::load_from_memory(&output.stdout).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (width, height));
    Picture::new(width, height, 3, picture.into_raw()).unwrap()
}

/// How far apart the mean colours of blocks of 8 × 8 pixels are: the worst, where it is, and on average. Programs resample
/// photos and cover edges each in its own way, half a pixel aside; a block's mean knows little of that.
fn difference(a: &Picture, b: &Picture) -> (f64, (usize, usize), f64) {
    let (width, height) = (a.width as usize, a.height as usize);
    let (mut worst, mut at, mut total, mut blocks) = (0.0, (0, 0), 0.0, 0);
    for top in (0..height).step_by(8) {
        for left in (0..width).step_by(8) {
            let mean = |picture: &Picture, channel: usize| {
                let rows = top..(top + 8).min(height);
                let columns = left..(left + 8).min(width);
                let count = (rows.len() * columns.len()) as f64;
                let pixels = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
                pixels.map(|pixel| f64::from(picture.pixels[pixel * 3 + channel])).sum::<f64>() / count
            };
            let apart = (0..3).map(|channel| (mean(a, channel) - mean(b, channel)).abs()).fold(0.0, f64::max);
            total += apart;
            blocks += 1;
            if apart > worst {
                (worst, at) = (apart, (left, top));
            }
        }
    }
    (worst, at, total / f64::from(blocks))
}

/// The numbers of a box of the page, in millimetres.
fn page_box(pdf: &[u8], name: &str) -> Vec<f64> {
    let text = String::from_utf8_lossy(pdf).into_owned();
    let from = text.find(&format!("/{name}[")).unwrap_or_else(|| panic!("no {name}")) + name.len() + 2;
    let numbers = &text[from..from + text[from..].find(']').unwrap()];
    numbers.split_whitespace().map(|number| number.parse::<f64>().unwrap() * 25.4 / 72.0).collect()
}

fn assert_box(pdf: &[u8], name: &str, wanted: [f64; 4]) {
    let found = page_box(pdf, name);
    let near = found.len() == 4 && found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.01);
    assert!(near, "{name}: {found:?} instead of {wanted:?} mm");
}

fn has(pdf: &[u8], words: &[u8]) -> bool {
    pdf.windows(words.len()).any(|part| part == words)
}

/// Poppler's and our own idea of the same design, at 100 dpi: nothing may be missing or moved.
fn assert_alike(sample: &mut Sample, variant: &str, name: &str) {
    sample.product.layout.dpi = 100;
    // What is drawn for the screen never is.
    sample.product.layout.mirror = false;
    let pixels = sample.pixels(variant);
    let scene = sample.scene(variant);
    let wanted = draw(&scene, &sample.photos, &Canvas::pixels(&scene, pixels, Area::Bleed)).unwrap();
    let found = rasterised(&sample.pdf(variant, false), pixels);
    let (worst, at, mean) = difference(&wanted, &found);
    println!("{name}: worst block {worst:.1} at {at:?}, mean {mean:.2}");
    if let Some(folder) = std::env::var_os("PETSTAR_PICTURES").map(PathBuf::from) {
        let save = |name: String, picture: &Picture| {
            std::fs::write(folder.join(name), petstar::render::encode_png(picture).unwrap()).unwrap();
        };
        save(format!("{name}-ours.png"), &wanted);
        save(format!("{name}-poppler.png"), &found);
    }
    assert!(worst < 20.0 && mean < 2.5, "{name}: {worst:.1} around {at:?}, {mean:.2} on average");
}

#[test]
fn a_pdf_looks_like_the_png() {
    for slug in ["star-portrait", "botanical-wreath", "rainbow-bridge", "four-snapshots", "fan-club-shirt", "round-tag"]
    {
        let mut sample = Sample::starter(slug);
        let variant = sample.product.variants[0].key.clone();
        assert_alike(&mut sample, &variant, slug);
    }
}

#[test]
fn a_pdf_of_everything_there_is_looks_like_the_png() {
    let file = folder("tests/showcase/product.toml");
    let mut sample = Sample::load(&file, &folder("assets/samples"));
    for style in ["one", "two"] {
        let mut json = sample.values.to_json();
        json["style"] = style.into();
        sample.values = Values::from_json(&sample.product.layout, &json).unwrap();
        assert_alike(&mut sample, "card", &format!("showcase-{style}"));
    }
}

#[test]
fn boxes_are_of_the_right_size() {
    for slug in starters() {
        let mut sample = Sample::starter(&slug);
        sample.product.layout.dpi = 20;
        for variant in sample.product.variants.clone() {
            let (width, height, bleed) = (variant.width_mm, variant.height_mm, sample.product.layout.bleed_mm);
            let whole = [0.0, 0.0, width + 2.0 * bleed, height + 2.0 * bleed];
            let plain = sample.pdf(&variant.key, false);
            assert_box(&plain, "MediaBox", whole);
            assert_box(&plain, "BleedBox", whole);
            assert_box(&plain, "TrimBox", [bleed, bleed, bleed + width, bleed + height]);
            assert!(!has(&plain, b"/Font"), "letters are outlines");
            assert!(has(&plain, b"/ICCBased") && has(&plain, b"/OutputIntents"));
            let room = 10.0;
            let marked = sample.pdf(&variant.key, true);
            assert_box(&marked, "MediaBox", [0.0, 0.0, whole[2] + 2.0 * room, whole[3] + 2.0 * room]);
            assert_box(&marked, "BleedBox", [room, room, room + whole[2], room + whole[3]]);
            let (left, far) = (room + bleed, room + bleed + width);
            assert_box(&marked, "TrimBox", [left, left, far, left + height]);
        }
    }
}

/// The mirrored picture of RGB rows.
fn mirrored(picture: &Picture) -> Picture {
    let stride = picture.width as usize * 3;
    let rows = picture.pixels.chunks_exact(stride);
    let pixels = rows.flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten().copied()).collect();
    Picture::new(picture.width, picture.height, 3, pixels).unwrap()
}

#[test]
fn what_goes_onto_transfer_paper_is_mirrored() {
    let mut sample = Sample::starter("round-tag");
    sample.product.layout.dpi = 200;
    let variant = sample.product.variants[0].key.clone();
    let decode = |png: &[u8]| photo::decode_trusted(png).unwrap();
    sample.product.layout.mirror = false;
    let (plain, sheet) = (decode(&sample.png(&variant)), sample.pdf(&variant, true));
    sample.product.layout.mirror = true;
    let (turned, turned_sheet) = (decode(&sample.png(&variant)), sample.pdf(&variant, true));
    assert!(plain.pixels != turned.pixels);
    assert!(mirrored(&plain).pixels == turned.pixels, "the print is mirrored to the bit");
    let pixels = (plain.width + 80, plain.height + 80);
    let (worst, at, _) = difference(&mirrored(&rasterised(&sheet, pixels)), &rasterised(&turned_sheet, pixels));
    assert!(worst < 20.0, "{worst:.1} around {at:?}");
    assert_eq!(page_box(&sheet, "TrimBox"), page_box(&turned_sheet, "TrimBox"));
}

#[test]
fn crop_marks_point_at_the_trim_and_stay_off_the_bleed() {
    let mut sample = Sample::starter("round-tag");
    sample.product.layout.dpi = 100;
    let variant = sample.product.variants[0].clone();
    let sheet = sample.pdf(&variant.key, true);
    let per_mm = 20.0;
    let bleed = sample.product.layout.bleed_mm;
    let pixels = |mm: f64| ((mm + 2.0 * (bleed + 10.0)) * per_mm).round() as u32;
    let picture = rasterised(&sheet, (pixels(variant.width_mm), pixels(variant.height_mm)));
    let dark = |x_mm: f64, y_mm: f64| {
        let (x, y) = ((x_mm * per_mm) as usize, (y_mm * per_mm) as usize);
        let around = (x - 2..=x + 2).map(|x| picture.pixels[(y * picture.width as usize + x) * 3]);
        around.min().unwrap() < 128
    };
    let trim = 10.0 + bleed;
    for x in [trim, trim + variant.width_mm] {
        assert!(dark(x, 6.0), "no mark above {x} mm");
        assert!(!dark(x, 9.5), "a mark runs into the bleed at {x} mm");
        assert!(!dark(x - 3.0, 6.0));
    }
}

#[test]
fn the_same_design_gives_the_same_bytes_on_any_number_of_cores() {
    let mut sample = Sample::starter("rainbow-bridge");
    sample.product.layout.dpi = 72;
    let variant = sample.product.variants[0].key.clone();
    let files = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (sample.png(&variant), sample.pdf(&variant, true)))
    };
    let (png, pdf) = files(1);
    let (other_png, other_pdf) = files(4);
    assert!(png == other_png, "PNG");
    assert!(pdf == other_pdf, "PDF");
}

#[test]
fn every_png_says_its_size_and_colours() {
    for slug in starters() {
        let mut sample = Sample::starter(&slug);
        assert!(sample.product.layout.dpi >= 150, "{slug} is printed too coarsely");
        // What is tested holds at any resolution; a low one is quick.
        sample.product.layout.dpi = 24;
        for variant in sample.product.variants.clone() {
            let file = sample.png(&variant.key);
            let reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
            let info = reader.info();
            let pixels = |mm: f64| ((mm + 2.0 * sample.product.layout.bleed_mm) * 24.0 / 25.4).round() as u32;
            assert_eq!((info.width, info.height), (pixels(variant.width_mm), pixels(variant.height_mm)), "{slug}");
            assert_eq!(info.srgb, Some(png::SrgbRenderingIntent::Perceptual), "{slug}");
            let physical = info.pixel_dims.unwrap();
            // 24 dots an inch are 944.88 a metre.
            assert_eq!((physical.xppu, physical.yppu, physical.unit), (945, 945, png::Unit::Meter), "{slug}");
        }
    }
}

#[test]
fn a_pdf_is_stopped_when_it_is_not_wanted_any_more() {
    let sample = Sample::starter("round-tag");
    let variant = sample.product.variants[0].key.clone();
    let paper = Paper { dpi: 72, mirror: false };
    let scene = sample.scene(&variant);
    let stopped = print_pdf(&scene, &sample.photos, (100, 100), &paper, false, &mut Vec::new(), &|_| false);
    assert!(matches!(stopped, Err(petstar::render::PrintProblem::Stopped)));
}
