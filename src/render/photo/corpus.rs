//! Judges the decoder by a folder of files with a manifest that says what each must yield. Used by the tests.

use super::child::{Decoder, PhotoProblem};
use super::{Decoded, Proxy};
use serde::Deserialize;
use std::path::Path;

/// One line of `MANIFEST.jsonl`, as far as decoding is concerned.
#[derive(Deserialize)]
struct Entry {
    file: String,
    must: Must,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    w: u32,
    #[serde(default)]
    h: u32,
    #[serde(default)]
    orientation: u8,
    #[serde(default)]
    upright: Option<[u32; 2]>,
    /// Colours of the corners once upright: top left, top right, bottom left, bottom right.
    #[serde(default)]
    quadrants: Option<[String; 4]>,
    #[serde(default)]
    must_not_contain: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Must {
    Accept,
    Reject,
    Unsupported,
    Either,
}

/// Decodes every file of the folder's manifest and says which did not yield what they must. The first number is how many
/// files were judged.
pub fn judge(folder: &Path, decoder: &Decoder) -> std::io::Result<(usize, Vec<String>)> {
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.jsonl"))?;
    let mut complaints = Vec::new();
    let mut judged = 0;
    for line in manifest.lines().filter(|line| !line.trim().is_empty()) {
        let entry: Entry = serde_json::from_str(line)?;
        judged += 1;
        let answer = decoder.decode(&folder.join(&entry.file), Some(super::PROXY_SIDE));
        if let Err(complaint) = judge_one(&entry, &answer) {
            complaints.push(format!("{}: {complaint}", entry.file));
        }
        // What a customer sends goes this way, which is another one for JPEGs that can be copied while they are read.
        if entry.file.ends_with(".jpg") {
            let copied = decoder.develop(&folder.join(&entry.file)).map(|developed| Decoded {
                picture: developed.proxy.picture,
                width: developed.width,
                height: developed.height,
                kind: super::Kind::Jpeg,
            });
            if let Err(complaint) = judge_one(&entry, &copied) {
                complaints.push(format!("{}, its copy: {complaint}", entry.file));
            }
        }
    }
    Ok((judged, complaints))
}

fn judge_one(entry: &Entry, answer: &Result<Decoded, PhotoProblem>) -> Result<(), String> {
    match (entry.must, answer) {
        (_, Err(PhotoProblem::Fault(fault))) => Err(format!("trouble of the machine: {fault}")),
        (Must::Accept, Err(problem)) => Err(format!("must be accepted, but {problem}")),
        (Must::Reject, Ok(decoded)) => Err(format!("must be refused, but gave {:?}", decoded.picture)),
        (Must::Unsupported, Err(PhotoProblem::Unsupported(_)) | Ok(_)) => Ok(()),
        (Must::Unsupported, Err(problem)) => Err(format!("must be told apart as a known kind, but {problem}")),
        (Must::Reject | Must::Either, Err(_)) => Ok(()),
        (Must::Either | Must::Accept, Ok(decoded)) => judge_picture(entry, decoded),
    }
}

fn judge_picture(entry: &Entry, decoded: &Decoded) -> Result<(), String> {
    let size = match entry.upright {
        Some([width, height]) => Some((width, height)),
        // Without `upright`, the manifest gives the size as stored.
        None if entry.orientation >= 5 => Some((entry.h, entry.w)),
        None => Some((entry.w, entry.h)),
    };
    let known = entry.must == Must::Accept && entry.w > 0 && entry.format.is_some();
    if known && size != Some((decoded.width, decoded.height)) {
        return Err(format!("is {} × {} upright, not {size:?}", decoded.width, decoded.height));
    }
    let picture = &decoded.picture;
    if let Some(colors) = &entry.quadrants {
        let places = [(1, 1), (3, 1), (1, 3), (3, 3)];
        for (color, (x, y)) in colors.iter().zip(places) {
            let at = (picture.height * y / 4 * picture.width + picture.width * x / 4) as usize;
            let at = at * usize::from(picture.channels);
            let found = &picture.pixels[at..at + 3];
            let wanted = u32::from_str_radix(color, 16).map_err(|error| error.to_string())?.to_be_bytes();
            if found.iter().zip(&wanted[1..]).any(|(found, wanted)| found.abs_diff(*wanted) > 12) {
                return Err(format!("has {found:?} where {color} belongs"));
            }
        }
    }
    let proxy = Proxy::new(picture.clone()).map_err(|fault| fault.to_string())?.file;
    let holds = |needle: &[u8]| proxy.windows(needle.len()).any(|window| window == needle);
    let secret = entry.must_not_contain.as_deref();
    for needle in
        [b"Exif\0".as_slice(), b"eXIf", b"GPS", b"http://ns.adobe.com"].into_iter().chain(secret.map(str::as_bytes))
    {
        // Three letters can stand in pixel data by chance; metadata stands at the beginning.
        if holds(needle)
            && (needle.len() > 4 || proxy[..proxy.len().min(400)].windows(needle.len()).any(|w| w == needle))
        {
            return Err(format!("its proxy holds {:?}", String::from_utf8_lossy(needle)));
        }
    }
    Ok(())
}
