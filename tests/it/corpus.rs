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
