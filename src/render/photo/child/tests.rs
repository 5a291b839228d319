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
    decoder.hear(&mut said.concat().as_slice(), (Kind::Jpeg, Some(200)), whole)
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

#[test]
fn a_copy_is_the_same_whether_its_pixels_come_at_once_or_one_by_one() {
    let (width, height) = (37, 150);
    let pixels: Vec<u8> = (0..width * height * 3).map(|at| (at * at / 31 % 256) as u8).collect();
    let pieces =
        [header(width, height), piece(&pixels[..4001]), piece(&pixels[4001..]), DONE.to_le_bytes().to_vec()].concat();
    let decoder = Decoder::new(PathBuf::new(), Limits::default());
    let read = |told: Told, pixels: &mut dyn Read| Proxy::read((told.width, told.height), pixels);
    let flowing = decoder.hear(&mut pieces.as_slice(), (Kind::Jpeg, None), read).unwrap();
    let whole = Proxy::new(Picture::new(width, height, 3, pixels).unwrap()).unwrap();
    assert!(flowing.file == whole.file && flowing.picture.pixels == whole.picture.pixels);
    assert_eq!(
        decoder.hear(&mut &pieces[..9000], (Kind::Jpeg, None), read).map(drop).unwrap_err(),
        PhotoProblem::Unreadable
    );
}
