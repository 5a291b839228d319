//! Artwork from outside: an SVG is cleaned in a child process, laid out over the surface and put below or above what is there.

use super::actions::check_room;
use super::page;
use crate::catalog::ProductId;
use crate::catalog::changes::{self, Change};
use crate::catalog::layout::{ARTWORK_APRON_MM, ArtworkLayer, Layer, Layout, ProductFile};
use crate::catalog::model::SurfaceRow;
use crate::designs::photos::blocking;
use crate::kernel::{Code, Message, Refusal};
use crate::people::May;
use crate::people::rights::ChangesOrders;
use crate::render::Color;
use crate::render::artwork::clean::{Cleaned, Cleaner, MAX_BYTES, Removed, Unclean};
use crate::web::input::body_problem;
use crate::web::{Problem, Reply, Visit};
use axum::extract::{Multipart, Path};
use std::collections::BTreeMap;

/// A file that is too large is to be told so, not cut off.
pub const MAX_BODY: usize = 2 * MAX_BYTES;

/// What the drawing is as large as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covers {
    Page,
    Bleed,
    /// The page and as much around it as artwork may have.
    Apron,
}

/// What came with the form.
#[derive(Default)]
struct Upload {
    name: String,
    svg: Option<Vec<u8>>,
    covers: String,
    place: String,
    version: String,
}

/// Adds an SVG to the draft, below or above everything, or in the place of one that is there. Only its shapes are kept. `place` is `below`,
/// `above` or the number of the layer it takes the place of; `covers` is `page`, `bleed` or `apron`.
#[utoipa::path(post, path = "/admin/products/{id}/layout/artwork", tag = "admin", params(("id" = String, Path)),
    request_body(content_type = "multipart/form-data", description = "`file`: the SVG; `place`, `covers`, `version`", content = String),
    responses((status = 200, body = page::LayoutView), (status = 404), (status = 412, description = "stale_version"),
              (status = 413), (status = 422, description = "What the SVG may not hold, in words")))]
pub async fn add_artwork(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    body: Multipart,
) -> Result<Reply, Problem> {
    let (next, removed) = match take_in(&visit, id, body).await {
        Ok(done) => done,
        Err(Problem(refusal))
            if matches!(refusal.code, Code::InvalidInput | Code::StaleVersion) && !visit.face.is_json() =>
        {
            return page::show(&visit, id, &page::Told::refused(&refusal, None));
        }
        Err(problem) => return Err(problem),
    };
    if visit.face.is_json() {
        return page::json(&visit, id);
    }
    let removed: Vec<&str> = removed.into_iter().map(removed_word).collect();
    let query = if removed.is_empty() { String::new() } else { format!("&removed={}", removed.join(",")) };
    Ok(Reply::see_other(visit.face, &format!("/admin/products/{id}/layout?open={next}{query}#{next}")))
}

/// The word for it in the address, which is also the end of its key in the words.
fn removed_word(removed: Removed) -> &'static str {
    match removed {
        Removed::Scripts => "scripts",
        Removed::Links => "links",
        Removed::Animations => "animations",
        Removed::ForeignObjects => "foreign",
    }
}

/// The keys of what an address says was left out.
pub fn removed_keys(query: &str) -> Vec<&'static str> {
    let words = query.split('&').find_map(|pair| pair.strip_prefix("removed=")).unwrap_or_default();
    let known = [
        ("scripts", "layout.removed.scripts"),
        ("links", "layout.removed.links"),
        ("animations", "layout.removed.animations"),
        ("foreign", "layout.removed.foreign"),
    ];
    words.split(',').filter_map(|word| known.iter().find(|(name, _)| *name == word)).map(|(_, key)| *key).collect()
}

async fn read(mut body: Multipart) -> Result<Upload, Problem> {
    let mut upload = Upload::default();
    let unreadable = |error: axum::extract::multipart::MultipartError| body_problem(error.status().as_u16());
    while let Some(part) = body.next_field().await.map_err(unreadable)? {
        match part.name().unwrap_or_default() {
            "file" if upload.svg.is_none() => {
                upload.name = part.file_name().unwrap_or_default().to_owned();
                upload.svg = Some(part.bytes().await.map_err(unreadable)?.to_vec());
            }
            "covers" => upload.covers = part.text().await.map_err(unreadable)?,
            "place" => upload.place = part.text().await.map_err(unreadable)?,
            "version" => upload.version = part.text().await.map_err(unreadable)?,
            _ => {}
        }
    }
    Ok(upload)
}

async fn take_in(visit: &Visit, id: ProductId, body: Multipart) -> Result<(String, Vec<Removed>), Problem> {
    let upload = read(body).await?;
    let svg = upload.svg.filter(|svg| !svg.is_empty());
    let svg = svg.ok_or_else(|| Refusal::field("file", Message::new("layout.artwork_absent")))?;
    let covers = match upload.covers.trim() {
        "" | "bleed" => Covers::Bleed,
        "page" => Covers::Page,
        "apron" => Covers::Apron,
        _ => return Err(Refusal::field("covers", Message::new("layout.choose")).into()),
    };
    let draft = changes::draft_or_current(&visit.shop.store().read()?, id)?;
    let seen = upload.version.trim().parse().unwrap_or(draft.version);
    let cleaner = Cleaner { program: visit.shop.program().to_owned() };
    let cleaned = blocking(move || cleaner.clean(&svg)).await?;
    let cleaned = cleaned.map_err(|why| Refusal::field("file", Message::new(refused_key(why))))?;

    let SurfaceRow { mut file, mut artwork, .. } = draft.surface;
    let at = match upload.place.trim() {
        "below" => 0,
        "" | "above" => file.layout.layers.len(),
        number => {
            let known = |at: &usize| matches!(file.layout.layers.get(*at), Some(Layer::Artwork(_)));
            let at = number.parse().ok().filter(known);
            at.ok_or_else(|| Refusal::field("place", Message::new("layout.choose")))?
        }
    };
    let name = free_name(&upload.name, &artwork);
    artwork.insert(name.clone(), laid_out(&cleaned, &file.layout, covers));
    if let (Some(Layer::Artwork(layer)), false) =
        (file.layout.layers.get_mut(at), matches!(upload.place.trim(), "below" | "above" | ""))
    {
        layer.file = name;
    } else {
        check_room(&file.layout)?;
        let layer = ArtworkLayer { file: name, colors: BTreeMap::new(), when: BTreeMap::new() };
        file.layout.layers.insert(at, Layer::Artwork(layer));
    }
    let used = file.layout.artwork_files();
    artwork.retain(|name, _| used.contains(&name.as_str()));
    super::form::check_draft(&file)?;
    let surface = super::drawable(id, SurfaceRow::new(file, artwork)).await?;
    let change = Change::of(visit);
    visit.shop.store().write(move |tx| changes::keep_draft(tx, &change, id, surface, seen)).await?;
    Ok((format!("layer-{at}"), cleaned.removed))
}

fn refused_key(why: Unclean) -> &'static str {
    match why {
        Unclean::TooLarge => "layout.svg.too_large",
        Unclean::NotSvg => "layout.svg.not_svg",
        Unclean::Entities => "layout.svg.entities",
        Unclean::Words => "layout.svg.words",
        Unclean::Pictures => "layout.svg.pictures",
        Unclean::Filters => "layout.svg.filters",
        Unclean::Patterns => "layout.svg.patterns",
        Unclean::Nothing => "layout.svg.nothing",
        Unclean::TooMuch => "layout.svg.too_much",
    }
}

/// A plain name that no other file has.
fn free_name(given: &str, taken: &BTreeMap<String, String>) -> String {
    let stem = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem).to_lowercase();
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let plain = plain.trim_matches('-');
    let stem = if plain.is_empty() { "artwork" } else { plain };
    let names = std::iter::once(format!("{stem}.svg")).chain((2..).map(|number: u32| format!("{stem}-{number}.svg")));
    names.into_iter().find(|name| !taken.contains_key(name)).unwrap_or_default()
}

/// The drawing over the surface, as large as it can be without being cut or stretched, in the middle of what it covers.
fn laid_out(cleaned: &Cleaned, layout: &Layout, covers: Covers) -> String {
    let around = match covers {
        Covers::Page => 0.0,
        Covers::Bleed => layout.bleed_mm,
        Covers::Apron => ARTWORK_APRON_MM,
    };
    let (width, height) = (layout.width_mm + 2.0 * around, layout.height_mm + 2.0 * around);
    let (mut wide, mut high) = (width / cleaned.width, height / cleaned.height);
    // Within what rounding does to a page's size, the drawing fills all of it.
    if !(0.98..=1.02).contains(&(wide / high)) {
        wide = wide.min(high);
        high = wide;
    }
    let x = (layout.width_mm - cleaned.width * wide) / 2.0;
    let y = (layout.height_mm - cleaned.height * high) / 2.0;
    let apron = ARTWORK_APRON_MM;
    let (w, h) = (layout.width_mm + 2.0 * apron, layout.height_mm + 2.0 * apron);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="-{apron} -{apron} {w} {h}"><g transform="translate({x} {y}) scale({wide} {high})">{}</g></svg>"#,
        inside(&cleaned.svg)
    )
}

/// What stands between the outermost tags.
fn inside(svg: &str) -> &str {
    let start = svg.find("<svg").and_then(|at| svg[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    svg.get(start..end).unwrap_or_default()
}

/// So many colours of a drawing can be replaced; one with more is a picture, whose colours nobody tells apart.
const MAX_COLORS: usize = 16;

/// The colours written in a drawing, in their order there; of many, those that stand there most often.
pub fn colors_of(svg: &str) -> Vec<Color> {
    let mut found: Vec<(Color, usize)> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('#') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        // A reference to a part of the drawing may be called like a colour.
        let is_reference = before.ends_with("url(") || before.ends_with("href=\"") || before.ends_with("href='");
        if let (6, false, Ok(color)) = (digits, is_reference, format!("#{}", &after[..digits]).parse::<Color>()) {
            match found.iter_mut().find(|(known, _)| *known == color) {
                Some((_, times)) => *times += 1,
                None => found.push((color, 1)),
            }
        }
        rest = &after[digits..];
    }
    let mut often: Vec<usize> = found.iter().map(|(_, times)| *times).collect();
    often.sort_unstable_by(|a, b| b.cmp(a));
    let least = often.get(MAX_COLORS - 1).copied().unwrap_or(0);
    found.into_iter().filter(|(_, times)| *times >= least).take(MAX_COLORS).map(|(color, _)| color).collect()
}

/// # Errors
/// 422 where a layer names a file that is not there.
pub fn check_files(file: &ProductFile, artwork: &BTreeMap<String, String>) -> Result<(), Refusal> {
    match file.layout.artwork_files().into_iter().find(|name| !artwork.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::field("layout.layers", Message::new("layout.artwork_missing").with("file", name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Artwork;

    fn layout() -> Layout {
        let file = crate::catalog::starter::bundled().unwrap().remove(0).file;
        Layout { width_mm: 200.0, height_mm: 300.0, bleed_mm: 3.0, ..file.layout }
    }

    #[test]
    fn a_drawing_fills_what_it_covers_or_stands_in_its_middle() {
        let drawing = |width: f64, height: f64| Cleaned {
            svg: format!(
                r##"<svg width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg"><path fill="#123456" d="M0 0h{width}v{height}H0z"/></svg>"##
            ),
            width,
            height,
            removed: Vec::new(),
        };
        let laid = laid_out(&drawing(206.0, 306.0), &layout(), Covers::Bleed);
        assert!(laid.contains("translate(-3 -3) scale(1 1)"), "{laid}");
        let laid = laid_out(&drawing(100.0, 100.0), &layout(), Covers::Page);
        assert!(laid.contains("translate(0 50) scale(2 2)"), "{laid}");
        let artwork = Artwork::new(laid.as_bytes()).unwrap();
        assert!((artwork.proportion() - 220.0 / 320.0).abs() < 1e-6);
        assert!(artwork.uses("#123456".parse().unwrap()));
    }

    #[test]
    fn colors_are_found_and_references_are_not() {
        let svg = r##"<svg><g fill="#FBF7EF" stroke="#14183a"/><use href="#facade"/><g fill="url(#c0ffee)" stroke="#fbf7ef"/><g fill="#abc"/></svg>"##;
        let colors: Vec<String> = colors_of(svg).iter().map(ToString::to_string).collect();
        assert_eq!(colors, ["#fbf7ef", "#14183a"]);
        let many: String =
            (0..40).map(|n| format!("<g fill=\"#0000{n:02x}\"/>").repeat(if n == 39 { 2 } else { 1 })).collect();
        assert!(colors_of(&many).len() == MAX_COLORS);
        let rare: String =
            (0..40).map(|n| format!("<g fill=\"#0000{n:02x}\"/>").repeat(if n >= 30 { 2 } else { 1 })).collect();
        assert!(colors_of(&rare).len() == MAX_COLORS);
    }

    #[test]
    fn names_are_plain_and_free() {
        let taken = BTreeMap::from([("back.svg".to_owned(), String::new())]);
        assert_eq!(free_name("back.svg", &taken), "back-2.svg");
        assert_eq!(free_name("../../etc/Pass wd.svg", &taken), "pass-wd.svg");
        assert_eq!(free_name("花.svg", &taken), "artwork.svg");
    }

    #[test]
    fn only_known_words_of_an_address_are_told() {
        assert_eq!(
            removed_keys("open=layer-1&removed=scripts,<b>,links"),
            ["layout.removed.scripts", "layout.removed.links"]
        );
        assert!(removed_keys("").is_empty());
    }
}
