use super::*;
use crate::render::scene::{DrawnArtwork, DrawnPhoto, DrawnShadow, Fade, Frame, PhotoLook};
use crate::render::{Artwork, Picture};
use resvg::tiny_skia::{PathBuilder, Rect};
use std::sync::Arc;
use uuid::Uuid;

const PHOTO: Uuid = Uuid::from_u128(1);

fn scene(fade: Fade) -> Scene {
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><defs><linearGradient id="g">
        <stop offset="0" stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-color="#d9583b"/></linearGradient></defs>
        <rect width="60" height="40" fill="url(#g)"/><g opacity=".5"><circle cx="9" cy="9" r="5"/></g></svg>"##;
    let artwork = DrawnArtwork::new(&Artwork::new(svg).unwrap(), &[], (0.0, 0.0), 60.0);
    let frame = Frame { x: 10.0, y: 10.0, width: 20.0, height: 20.0, rotation: 15.0 };
    let photo = DrawnPhoto {
        photo: Some(PHOTO),
        frame,
        mask: PathBuilder::from_oval(Rect::from_xywh(10.0, 10.0, 20.0, 20.0).unwrap()).unwrap(),
        unit_to_scene: frame.from_unit(),
        look: PhotoLook::Warm,
        shadow: Some(DrawnShadow { dx: 1.0, dy: 1.0, blur: 2.0, color: Color { alpha: 90, ..Color::BLACK } }),
        border: Some((1.0, Color::WHITE)),
        opacity: 0.8,
        fade,
    };
    let letter = PathBuilder::from_rect(Rect::from_xywh(40.0, 10.0, 5.0, 9.0).unwrap());
    let text = DrawnText { path: letter, color: Color::BLACK, outline: Some((0.5, Color::WHITE)) };
    let layers = vec![SceneLayer::Artwork(artwork), SceneLayer::Photo(photo), SceneLayer::Text(text)];
    Scene { width_mm: 60.0, height_mm: 40.0, bleed_mm: 3.0, background: Color::WHITE, layers }
}

fn printed(scene: &Scene, channels: u8, mirror: bool) -> Vec<u8> {
    let pixels = (0..40 * 40 * usize::from(channels)).map(|at| (at * 7) as u8).collect();
    let photos = Photos::from([(PHOTO, Arc::new(Picture::new(40, 40, channels, pixels).unwrap()))]);
    let mut out = Vec::new();
    print_pdf(scene, &photos, (260, 181), &Paper { dpi: 100, mirror }, true, &mut out, &|_| true).unwrap();
    out
}

fn count(file: &[u8], words: &str) -> usize {
    file.windows(words.len()).filter(|part| *part == words.as_bytes()).count()
}

#[test]
fn every_object_stands_where_the_table_says() {
    let file = printed(&scene(Fade::default()), 3, false);
    let text = String::from_utf8_lossy(&file);
    let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
    let table = std::str::from_utf8(&file[start..])
        .unwrap_or_else(|error| std::str::from_utf8(&file[start..start + error.valid_up_to()]).unwrap());
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("xref"));
    let entries: usize = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    assert!(entries > 15);
    for number in 1..entries {
        let line = lines.nth(usize::from(number == 1)).unwrap();
        let offset: usize = line[..10].parse().unwrap();
        let wanted = format!("{number} 0 obj");
        assert_eq!(&file[offset..offset + wanted.len()], wanted.as_bytes());
    }
}

#[test]
fn photos_are_jpeg_and_only_soft_edges_have_masks() {
    let plain = printed(&scene(Fade::default()), 3, false);
    // The shadow is soft, the photo is cut by its shape.
    assert_eq!((count(&plain, "/DCTDecode"), count(&plain, "/SMask ")), (1, 1));
    let faded = printed(&scene(Fade { top: 0.4, ..Fade::default() }), 3, false);
    assert_eq!((count(&faded, "/DCTDecode"), count(&faded, "/SMask ")), (1, 2));
    let cut_out = printed(&scene(Fade::default()), 4, false);
    assert_eq!((count(&cut_out, "/DCTDecode"), count(&cut_out, "/SMask ")), (0, 2));
}

#[test]
fn nothing_in_a_file_is_by_chance() {
    let scene = scene(Fade::default());
    let file = printed(&scene, 3, false);
    assert!(file == printed(&scene, 3, false));
    assert!(file != printed(&scene, 3, true));
    assert_eq!(count(&file, "/CreationDate") + count(&file, "/Font"), 0);
}

#[test]
fn the_profile_is_srgb_whenever_it_is_made() {
    let profile = srgb().unwrap();
    assert_eq!(profile, srgb().unwrap());
    let parsed = ColorProfile::new_from_slice(&profile).unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let (mine, wanted) = (parsed.red_colorant, ColorProfile::new_srgb().red_colorant);
    assert!(near(mine.x, wanted.x) && near(mine.y, wanted.y) && near(mine.z, wanted.z));
}
