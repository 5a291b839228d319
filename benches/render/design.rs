//! The design that is drawn: a photo zoomed 1.2 times and turned by 7° in a rounded mask, a background, some 200 vector shapes
//! and two lines of text, one of them Japanese, on 457.2 × 609.6 mm.

use petstar::render::photo::{Decoder, Limits, decode_trusted};
use petstar::render::scene::{
    DrawnArtwork, DrawnPhoto, DrawnText, Fade, Frame, PhotoLook, Scene, SceneLayer, place_photo,
};
use petstar::render::text::{Align, Direction, TextBlock, VerticalAlign, set};
use petstar::render::{
    Area, Artwork, Canvas, Color, Paper, Photos, Picture, draw_jpeg, fonts, needed_pixels, print_jpeg, print_png, shape,
};
use resvg::tiny_skia::Rect;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

const PHOTO: Uuid = Uuid::from_u128(1);
const PHOTO_SIZE: (u32, u32) = (4000, 3000);
const WIDTH_MM: f64 = 457.2;
const HEIGHT_MM: f64 = 609.6;
const BACKGROUND: &str = "#fbf7ef";
const INK: &str = "#3b2f2a";
const FRAME: Frame = Frame { x: 43.6, y: 50.0, width: 370.0, height: 400.0, rotation: 0.0 };
const RADIUS: f64 = 24.0;
const ZOOM: f64 = 1.2;
const TURN: f64 = 7.0;
const PRINT: (u32, u32) = (5400, 7200);
const PREVIEW_SIDE: u32 = 1067;
/// Words, face, the family's name, size and middle of the line's box.
const LINES: [(&str, &str, &str, f64, f64); 2] = [
    ("Chelsea & Milo", "fredoka", "Fredoka", 40.0, 490.0),
    ("いつもそばにいてくれて、ありがとう", "zen-maru-bold", "Zen Maru Gothic", 20.0, 550.0),
];

/// Makes what both sides work from, unless it is there already: the photo, the editor's copy of it, the shapes.
pub fn prepare(folder: &Path) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let photo = folder.join("photo.jpg");
    if !photo.exists() {
        let small = std::fs::read(assets.join("samples/chelsea.jpg")).expect("the sample photo");
        std::fs::write(&photo, large_photo(&decode_trusted(&small).expect("a picture"))).expect("the photo");
    }
    let proxy = decoder().develop(&photo).expect("the photo can be decoded").proxy.file;
    std::fs::write(folder.join("proxy.jpg"), &proxy).expect("the proxy");
    let families: Vec<_> = LINES
        .iter()
        .map(|(text, _, family, size, middle)| {
            serde_json::json!({ "text": text, "family": family, "weight": if *family == "Fredoka" { 600 } else { 700 }, "size": size, "middle": middle })
        })
        .collect();
    let work = serde_json::json!({
        "photo": [PHOTO_SIZE.0, PHOTO_SIZE.1], "width": WIDTH_MM, "height": HEIGHT_MM, "background": BACKGROUND, "ink": INK,
        "frame": [FRAME.x, FRAME.y, FRAME.width, FRAME.height], "radius": RADIUS, "zoom": ZOOM, "turn": TURN,
        "shapes": shapes(), "lines": families, "print": [PRINT.0, PRINT.1], "preview": [800, PREVIEW_SIDE],
    });
    std::fs::write(folder.join("work.json"), work.to_string()).expect("the work");
    let typefaces = folder.join("typefaces");
    std::fs::create_dir_all(&typefaces).expect("a folder for typefaces");
    for (_, id, ..) in LINES {
        let packed = std::fs::read(assets.join(format!("fonts/{id}.ttf.br"))).expect("a typeface");
        let mut file = File::create(typefaces.join(format!("{id}.ttf"))).expect("a file");
        brotli_decompressor::BrotliDecompress(&mut packed.as_slice(), &mut file).expect("unpacked");
    }
    let fonts = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig><dir>{}</dir><cachedir>{}</cachedir></fontconfig>",
        typefaces.display(),
        folder.join("fonts").display()
    );
    std::fs::write(folder.join("fonts.conf"), fonts).expect("fonts.conf");
}

/// Does the task named on each line of the input and answers with its milliseconds.
pub fn work(folder: &Path) {
    // As in the shop: what draws is no nearer to the cores than the child that decodes.
    petstar::render::stand_back();
    let shapes = Artwork::new(shapes().as_bytes()).expect("artwork");
    let photo = folder.join("photo.jpg");
    let proxy = std::fs::read(folder.join("proxy.jpg")).expect("the proxy");
    let warm: Photos = [(PHOTO, Arc::new(decode_trusted(&proxy).expect("the proxy")))].into();
    for task in std::io::stdin().lock().lines() {
        let task = task.expect("a task");
        let out = folder.join(format!("petstar-{task}"));
        let started = Instant::now();
        match task.as_str() {
            "unseen" => {
                // What lies between a customer's file and the first preview: a child decodes it, the editor's copy is made.
                let proxy = decoder().develop(&photo).expect("decoded").proxy;
                std::fs::write(out.with_extension("proxy"), proxy.file).expect("written");
                let photos = [(PHOTO, Arc::new(proxy.picture))].into();
                preview(&scene(&shapes, 1.0), &photos, &out);
            }
            "warm" => preview(&scene(&shapes, 1.0), &warm, &out),
            "png" | "jpeg" => print(&scene(&shapes, 1.0), &photo, PRINT, 300, &task, &out),
            "poster" => {
                // 100 × 150 cm with 3 mm of bleed, the design enlarged in its own proportion.
                let mut scene = scene(&shapes, 1500.0 / HEIGHT_MM);
                (scene.width_mm, scene.height_mm, scene.bleed_mm) = (1000.0, 1500.0, 3.0);
                print(&scene, &photo, (5941, 8894), 150, "png", &out);
            }
            other => panic!("there is no task {other}"),
        }
        println!("{}", started.elapsed().as_secs_f64() * 1000.0);
    }
}

fn decoder() -> Decoder {
    Decoder::new(std::env::current_exe().expect("this program"), Limits::default())
}

fn preview(scene: &Scene, photos: &Photos, out: &Path) {
    let canvas = Canvas::long_side(scene, PREVIEW_SIDE, Area::Trim);
    assert_eq!((canvas.width, canvas.height), (800, PREVIEW_SIDE));
    std::fs::write(out.with_extension("jpg"), draw_jpeg(scene, photos, &canvas, 88).expect("drawn")).expect("written");
}

fn print(scene: &Scene, photo: &Path, pixels: (u32, u32), dpi: u32, kind: &str, out: &Path) {
    let needed = needed_pixels(scene, &Canvas::pixels(scene, pixels, Area::Bleed))[&PHOTO];
    let decoded = decoder().decode(photo, Some(needed)).expect("decoded");
    let photos = [(PHOTO, Arc::new(decoded.picture))].into();
    let paper = Paper { dpi, mirror: false };
    let mut file = BufWriter::new(File::create(out.with_extension(kind)).expect("a file"));
    match kind {
        "jpeg" => print_jpeg(scene, &photos, pixels, &paper, 95, &mut file, &|_| true),
        _ => print_png(scene, &photos, pixels, &paper, &mut file, &|_| true),
    }
    .expect("printed");
    file.flush().expect("written");
}

/// `scale` enlarges everything.
fn scene(shapes: &Artwork, scale: f64) -> Scene {
    let color = |text: &str| text.parse::<Color>().expect("a colour");
    let frame = scaled(FRAME, scale);
    let rect = Rect::from_xywh(frame.x as f32, frame.y as f32, frame.width as f32, frame.height as f32);
    let mask = rect.and_then(|rect| shape::rounded_rect(rect, (RADIUS * scale) as f32)).expect("a mask");
    let size = (f64::from(PHOTO_SIZE.0), f64::from(PHOTO_SIZE.1));
    let mut layers = vec![
        SceneLayer::Artwork(DrawnArtwork::new(shapes, &[], (0.0, 0.0), WIDTH_MM * scale)),
        SceneLayer::Photo(DrawnPhoto {
            photo: Some(PHOTO),
            frame,
            mask,
            unit_to_scene: place_photo(&frame, size, (0.5, 0.5), ZOOM, TURN),
            look: PhotoLook::Plain,
            shadow: None,
            border: None,
            opacity: 1.0,
            fade: Fade::default(),
        }),
    ];
    for (text, face, _, size, middle) in LINES {
        let block = TextBlock {
            text,
            face: fonts::face(face).expect("a face"),
            size: size * scale,
            min_size: 1.0,
            frame: scaled(
                Frame { x: 20.0, y: middle - 30.0, width: WIDTH_MM - 40.0, height: 60.0, rotation: 0.0 },
                scale,
            ),
            align: Align::Center,
            valign: VerticalAlign::Middle,
            letter_spacing: 0.0,
            uppercase: false,
            max_lines: 1,
            line_height: 1.2,
            direction: Direction::Horizontal,
            arc: None,
        };
        let path = set(&block).path.expect("letters");
        layers.push(SceneLayer::Text(DrawnText { path, color: color(INK), outline: None }));
    }
    Scene { width_mm: WIDTH_MM, height_mm: HEIGHT_MM, bleed_mm: 0.0, background: color(BACKGROUND), layers }
}

fn scaled(frame: Frame, scale: f64) -> Frame {
    let Frame { x, y, width, height, rotation } = frame;
    Frame { x: x * scale, y: y * scale, width: width * scale, height: height * scale, rotation }
}

/// Numbers that look random and are the same every time (Marsaglia's xorshift).
struct Dice(u32);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX)
    }
}

/// Dots, leaves, stars, rings and two large hills as SVG in millimetres.
fn shapes() -> String {
    let mut dice = Dice(2024);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" width="{WIDTH_MM}" height="{HEIGHT_MM}">"#
    );
    svg.push_str(r##"<path d="M0 420 C120 360 240 470 457.2 400 V609.6 H0 Z" fill="#f0e2cf"/><path d="M0 520 C150 470 300 560 457.2 500 V609.6 H0 Z" fill="#e7d3ba"/>"##);
    let colors = ["#c7523b", "#e0a23b", "#7a9a6d", "#3f6f8f", "#b98aa6"];
    for at in 0..198 {
        let (x, y) = (dice.roll() * WIDTH_MM, dice.roll() * HEIGHT_MM);
        let (size, turn) = (3.0 + dice.roll() * 14.0, dice.roll() * 360.0);
        let fill = colors[(dice.roll() * 5.0) as usize % 5];
        let opacity = 0.6 + dice.roll() * 0.4;
        let _ = write!(svg, r#"<g transform="translate({x:.2} {y:.2}) rotate({turn:.1}) scale({size:.2})">"#);
        let _ = match at % 4 {
            0 => write!(svg, r#"<circle r="0.5" fill="{fill}" fill-opacity="{opacity:.2}"/>"#),
            1 => write!(
                svg,
                r#"<path d="M-1 0 C-.5 -.7 .5 -.7 1 0 C.5 .7 -.5 .7 -1 0 Z" fill="{fill}" fill-opacity="{opacity:.2}"/>"#
            ),
            2 => write!(
                svg,
                r#"<path d="M0 -1 L.22 -.31 .95 -.31 .36 .12 .59 .81 0 .38 -.59 .81 -.36 .12 -.95 -.31 -.22 -.31 Z" fill="{fill}"/>"#
            ),
            _ => write!(svg, r#"<circle r="0.8" fill="none" stroke="{fill}" stroke-width="0.15"/>"#),
        };
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}

/// A photo as a telephone takes it: 4000 × 3000, grain, colour at half resolution, quality 90.
fn large_photo(small: &Picture) -> Vec<u8> {
    let (width, height) = PHOTO_SIZE;
    let part = (small.width.min(small.height * 4 / 3), small.height.min(small.width * 3 / 4));
    let mut cut = Vec::new();
    for row in small.pixels.chunks_exact(small.width as usize * 3).take(part.1 as usize) {
        cut.extend_from_slice(&row[..part.0 as usize * 3]);
    }
    let cut = Picture::new(part.0, part.1, 3, cut).expect("a part");
    let mut large = cut.resized(width, height).expect("a large photo");
    let mut dice = Dice(7);
    for pixel in large.pixels.chunks_exact_mut(3) {
        let grain = ((dice.roll() + dice.roll() - 1.0) * 7.0) as i16;
        for value in pixel {
            *value = (i16::from(*value) + grain).clamp(0, 255) as u8;
        }
    }
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(&large.pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).expect("a JPEG");
    out
}
