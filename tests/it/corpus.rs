//! Every file of the photo corpus, decoded by the real program's child process, yields what its manifest says.

use petstar::render::photo::{Decoder, Limits, corpus};
use std::path::Path;

#[test]
fn every_file_of_the_corpus_yields_what_it_must() {
    let decoder = Decoder::new(env!("CARGO_BIN_EXE_petstar").into(), Limits::default());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let (judged, complaints) = corpus::judge(&folder, &decoder).expect("the corpus is readable");
    assert!(judged >= 270, "only {judged} files were judged");
    assert!(complaints.is_empty(), "{} of {judged}:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn a_photo_larger_than_allowed_is_refused_by_its_header() {
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    let decoder = Decoder::new(env!("CARGO_BIN_EXE_petstar").into(), limits);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/made_valid/interlaced_12Mpx.jpg");
    assert!(matches!(decoder.decode(&file, Some(1600)), Err(petstar::render::photo::PhotoProblem::TooLarge)));
    let limits = Limits { max_bytes: 1000, ..Limits::default() };
    let decoder = Decoder::new(env!("CARGO_BIN_EXE_petstar").into(), limits);
    assert!(matches!(decoder.decode(&file, Some(1600)), Err(petstar::render::photo::PhotoProblem::TooLarge)));
}

#[test]
fn a_program_that_does_not_answer_is_a_refusal_and_no_crash() {
    let decoder = Decoder::new("/bin/true".into(), Limits::default());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/made_valid/one_pixel.png");
    assert!(decoder.decode(&file, None).is_err());
}

/// Pieces are missing from the middle of these, so their last rows are made up; each is judged by the complete decoder in the end, and none
/// keeps a child or its place.
#[test]
fn a_photo_that_turns_out_short_after_its_last_row_holds_nobody_up() {
    let decoder = Decoder::new(env!("CARGO_BIN_EXE_petstar").into(), Limits::default());
    let (width, height) = (3200u32, 320u32);
    let pixels: Vec<u8> = (0..width * height * 3).map(|at| (at / 7 % 251) as u8 ^ (at % 13) as u8).collect();
    let mut whole = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut whole, 60);
    encoder.encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photo.jpg");
    for (from, missing) in [(2, 3), (3, 10), (2, 50), (5, 200)] {
        let (from, missing) = (whole.len() / from, whole.len() / missing);
        std::fs::write(&file, [&whole[..from], &whole[from + missing..]].concat()).unwrap();
        let is_taken = decoder.decode(&file, None).is_ok();
        assert_eq!(decoder.develop(&file).is_ok(), is_taken, "{missing} bytes from {from} on");
        assert_eq!(decoder.decode_small(&file).is_ok(), is_taken, "{missing} bytes from {from} on");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(decoder.develop(&file).unwrap().width, width);
}
