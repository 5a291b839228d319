use super::*;
use crate::render::{Affine, Canvas, Picture, encode_png, photo};
use std::path::PathBuf;

const SIDE: u32 = 200;

/// The size of piece each stage is tried with, in millimetres.
fn piece(kind: &str) -> Piece<'static> {
    let (width_mm, height_mm) = match kind {
        "mug" => (203.0, 93.0),
        "tag" => (32.0, 32.0),
        "phone" => (71.6, 147.6),
        "shirt" => (280.0, 350.0),
        "canvas" => (300.0, 300.0),
        _ => (210.0, 297.0),
    };
    Piece { width_mm, height_mm, variant: "" }
}

/// A print of one colour, or with `color` at `None` quarters and lines that show where everything went.
fn print(piece: &Piece, color: Option<u8>) -> (Picture, Canvas) {
    let scale = 300.0 / piece.width_mm.max(piece.height_mm);
    let (width, height) = ((piece.width_mm * scale) as u32, (piece.height_mm * scale) as u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let is_line = x % 30 < 3 || y % 30 < 3;
            pixels.extend(match (color, is_line, x * 2 < width, y * 2 < height) {
                (Some(grey), ..) => [grey; 3],
                (None, true, ..) => [27, 31, 59],
                (None, _, true, true) => [217, 88, 59],
                (None, _, false, true) => [232, 178, 58],
                (None, _, true, false) => [63, 107, 79],
                (None, ..) => [251, 247, 239],
            });
        }
    }
    let picture = Picture::new(width, height, 3, pixels).unwrap();
    (picture, Canvas { width, height, to_pixels: Affine::scale(scale, scale) })
}

fn shown(kind: &str, color: Option<u8>) -> Picture {
    let piece = piece(kind);
    let set = stage(kind).unwrap().set_up(&piece, SIDE).unwrap();
    let (picture, canvas) = print(&piece, color);
    set.draw(&picture, &canvas).unwrap()
}

#[test]
fn there_are_stages_and_all_can_be_set_up() {
    let mut kinds = kinds();
    kinds.sort_unstable();
    assert_eq!(kinds, ["canvas", "mug", "phone", "shirt", "tag", "wall"]);
    for kind in kinds {
        let picture = shown(&kind, None);
        assert_eq!((picture.width, picture.height), (SIDE, SIDE), "{kind}");
    }
    assert!(stage("balloon").is_err());
}

#[test]
fn the_light_changes_a_print_and_never_turns_it_around() {
    for kind in kinds() {
        let (dark, light) = (shown(&kind, Some(0)), shown(&kind, Some(255)));
        let mut seen = 0;
        for (dark, light) in dark.pixels.iter().zip(&light.pixels) {
            assert!(dark <= light, "{kind}: a white print is darker than a black one");
            seen += usize::from(light - dark > 100);
        }
        let share = seen as f64 / dark.pixels.len() as f64;
        assert!((0.04..0.6).contains(&share), "{kind}: {share:.3} of the picture is print");
    }
}

#[test]
fn the_same_print_gives_the_same_bytes() {
    for kind in kinds() {
        assert!(shown(&kind, None) == shown(&kind, None), "{kind}");
    }
}

#[test]
fn a_larger_print_looks_larger_but_not_by_as_much() {
    let wall = stage("wall").unwrap();
    let height = |width_mm, height_mm| wall.measures(&Piece { width_mm, height_mm, variant: "" }).height;
    let (a4, a2) = (height(210.0, 297.0), height(420.0, 594.0));
    assert!((1.3..1.5).contains(&(a2 / a4)), "{a4} and {a2}");
    // A banner is still kept inside.
    assert!(height(300.0, 4000.0) <= 520.0);
}

#[test]
fn what_a_stage_cannot_do_is_said() {
    let read = |toml: &str| {
        let toml = toml.to_owned();
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><text>Hi</text></svg>"#;
        Stage::read(&move |name| match name {
            "mockup.toml" => Some(toml.clone()),
            "words.svg" => Some(svg.to_owned()),
            _ => None,
        })
    };
    let head = "width = 8\nheight = 8\nplace = { x = 4, y = 4, width = 4, height = 4 }\n";
    assert!(read(&format!("{head}layers = [{{ kind = \"print\" }}]")).is_ok());
    for (layer, said) in [
        (r#"kind = "art", file = "gone.svg""#, "gone.svg is missing"),
        (r#"kind = "art", file = "words.svg""#, "<text"),
        (r#"kind = "print", corners = "1 2 3""#, "3 numbers instead of 8"),
        (r#"kind = "print", corner = "wide""#, "`wide`"),
        (r#"kind = "mist""#, "mist"),
    ] {
        let problem = read(&format!("{head}layers = [{{ {layer} }}]")).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }
}

/// Compares block by block of 8 × 8 pixels with `tests/golden/mockup-<kind>.png`. A picture that is not there is written and must be
/// looked at.
#[test]
#[allow(clippy::disallowed_methods, reason = "a golden picture is written by hand, once")]
fn golden_mockups() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut written = Vec::new();
    for kind in kinds() {
        let file = folder.join(format!("mockup-{kind}.png"));
        let picture = shown(&kind, None);
        if !file.exists() {
            std::fs::write(&file, encode_png(&picture).unwrap()).unwrap();
            written.push(kind);
            continue;
        }
        let wanted = photo::decode_trusted(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!((picture.width, picture.height), (wanted.width, wanted.height), "{kind}");
        let mut sums = vec![0u32; 25 * 25];
        for (at, (is, should)) in picture.pixels.iter().zip(&wanted.pixels).enumerate() {
            let (x, y) = (at / 3 % 200, at / 600);
            sums[y / 8 * 25 + x / 8] += u32::from(is.abs_diff(*should));
        }
        let worst = sums.iter().max().unwrap();
        assert!(*worst <= 64 * 3 * 5, "{kind} differs by {} a channel somewhere", worst / 192);
    }
    assert!(written.is_empty(), "{written:?} were not there and have been written: look at them");
}
