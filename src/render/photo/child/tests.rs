//! What a parent makes of what a child says.

use super::*;

fn header(width: u32, height: u32) -> Vec<u8> {
    let mut header = [MAGIC.as_slice(), &[0, 3, 0, 0]].concat();
    [width, height, 8 * width, 8 * height].iter().for_each(|number| header.extend(number.to_le_bytes()));
    header
}

fn piece(pixels: &[u8]) -> Vec<u8> {
    [&(pixels.len() as u32).to_le_bytes(), pixels].concat()
}

fn heard(said: &[&[u8]]) -> Result<Decoded, PhotoProblem> {
    let decoder = Decoder::new(PathBuf::new(), Limits::default());
    decoder.hear(&mut said.concat().as_slice(), (Kind::Jpeg, Wanted { max_side: Some(200), ..WHOLE }), whole)
}

#[test]
fn pixels_come_in_pieces_and_may_begin_anew() {
    let (anew, done) = (ANEW.to_le_bytes(), DONE.to_le_bytes());
    let decoded = heard(&[&header(2, 2), &piece(&[1; 7]), &piece(&[2; 5]), &done]).unwrap();
    assert_eq!(decoded.picture.pixels, [[1; 6].as_slice(), &[1, 2, 2, 2, 2, 2]].concat());
    assert_eq!((decoded.width, decoded.height), (16, 16));
    // In the middle of a picture, and behind its last row.
    for pixels in [&[1; 7][..], &[1; 12]] {
        let said: [&[u8]; 6] = [&header(2, 2), &piece(pixels), &anew, &header(1, 2), &piece(&[3; 6]), &done];
        let decoded = heard(&said).unwrap();
        assert_eq!((decoded.picture.width, decoded.picture.pixels), (1, vec![3; 6]));
    }
}

#[test]
fn what_ends_early_or_says_too_much_is_no_picture() {
    let (anew, first) = (ANEW.to_le_bytes(), [header(2, 2), piece(&[1; 7])].concat());
    let refused = [MAGIC.as_slice(), &[2], &[0; HEADER - 5]].concat();
    assert_eq!(heard(&[&first, &anew, &refused]).unwrap_err(), PhotoProblem::TooLarge);
    for said in [
        first.clone(),
        [&first, &anew[..]].concat(),
        [&first, &anew[..], &first, &anew[..], &first].concat(),
        [&first, &piece(&[1; 6])[..]].concat(),
        [&first, &piece(&[1; 5])[..]].concat(),
        [&first, &piece(&[1; 5])[..], &piece(&[1; 5])].concat(),
        [&first, &DONE.to_le_bytes()[..]].concat(),
        [header(0, 2), DONE.to_le_bytes().to_vec()].concat(),
        [header(1, 201), piece(&[1; 603]), DONE.to_le_bytes().to_vec()].concat(),
        b"not a header of ours at all".to_vec(),
    ] {
        assert_eq!(heard(&[&said]).unwrap_err(), PhotoProblem::Unreadable);
    }
}

/// Made of the pixels, with the header's word for their kind.
fn copied((width, height): (u32, u32), kind: u8, pixels: &[u8], wanted: Wanted) -> Result<Proxy, PhotoProblem> {
    let mut header = header(width, height);
    header[5] = kind;
    let (first, second) = pixels.split_at(pixels.len() / 3);
    let said = [header, piece(first), piece(second), DONE.to_le_bytes().to_vec()].concat();
    let decoder = Decoder::new(PathBuf::new(), Limits::default());
    let read = |told: Told, pixels: &mut dyn Read| {
        let colors = if told.channels == HALVED { Colors::Halved } else { Colors::Full };
        Proxy::read((told.width, told.height), colors, pixels)
    };
    decoder.hear(&mut said.as_slice(), (Kind::Jpeg, wanted), read)
}

#[test]
fn a_copy_is_the_same_whether_its_pixels_come_at_once_or_one_by_one() {
    let (width, height) = (37, 150);
    let pixels: Vec<u8> = (0..width * height * 3).map(|at| (at * at / 31 % 256) as u8).collect();
    let flowing = copied((width, height), 3, &pixels, WHOLE).unwrap();
    let whole = Proxy::new(Picture::new(width, height, 3, pixels.clone()).unwrap()).unwrap();
    assert!(flowing.file == whole.file && flowing.picture.pixels == whole.picture.pixels);
    assert_eq!(copied((width, height), 3, &pixels[..9000], WHOLE).map(drop).unwrap_err(), PhotoProblem::Unreadable);
}

#[test]
fn halved_colours_come_only_where_they_were_asked_for() {
    // Rows of luma 38 wide, an even number of them, and chromas of half that.
    let pairs = vec![128; 75 * 19 * 6];
    let copy = copied((37, 149), HALVED, &pairs, COPY).unwrap();
    assert_eq!((copy.picture.width, copy.picture.height), (37, 149));
    assert!(copy.picture.pixels.iter().all(|value| *value == 128));
    assert_eq!(super::super::decode_trusted(&copy.file).unwrap(), copy.picture);
    assert_eq!(copied((37, 149), HALVED, &pairs, SMALL).map(drop).unwrap_err(), PhotoProblem::Unreadable);
    assert_eq!(copied((37, 149), HALVED, &pairs[1..], COPY).map(drop).unwrap_err(), PhotoProblem::Unreadable);
}
