//! An SVG from outside becomes artwork: drawings and nothing else.
//!
//! The file is read in a child process with little memory and time, as photos are: a few lines of nested `<use>` can stand for more shapes
//! than any machine has. What comes back is not the file with things taken out, but what usvg understood of it, written anew: shapes,
//! gradients, clips and masks. Scripts, links, styles and references to other files have no place in that.

use super::{Artwork, parse};
use crate::kernel::Fault;
use resvg::usvg::{Indent, WriteOptions, roxmltree};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Bytes of a file, and of what is written of it.
pub const MAX_BYTES: usize = 4 << 20;
const MAX_WRITTEN: usize = 6 << 20;
/// Elements and attributes of a file.
const MAX_NODES: u32 = 100_000;

/// A drawing without anything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cleaned {
    /// SVG whose upper left corner is 0, 0.
    pub svg: String,
    /// In the drawing's own units.
    pub width: f64,
    pub height: f64,
    /// What was left out, each once.
    pub removed: Vec<Removed>,
}

/// What has no place in artwork and can go without anybody seeing a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removed {
    Scripts,
    Links,
    Animations,
    ForeignObjects,
}

/// Why an SVG is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unclean {
    TooLarge,
    NotSvg,
    Entities,
    Words,
    Pictures,
    Filters,
    Patterns,
    Nothing,
    /// It takes more memory or time to read than artwork may.
    TooMuch,
}

/// Reads the text of an SVG. Only ever called in the child process, and by tests.
///
/// # Errors
/// What the drawing would lose without a word, and what is no drawing.
pub fn clean(svg: &str) -> Result<Cleaned, Unclean> {
    if svg.len() > MAX_BYTES {
        return Err(Unclean::TooLarge);
    }
    if svg.contains("<!ENTITY") {
        return Err(Unclean::Entities);
    }
    let options = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: MAX_NODES, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(svg, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => Unclean::TooMuch,
        _ => Unclean::NotSvg,
    })?;
    let removed = look_through(&document)?;
    let tree = parse(svg).map_err(|_| Unclean::NotSvg)?;
    let (width, height) = (f64::from(tree.size().width()), f64::from(tree.size().height()));
    if !super::draws(tree.root()) {
        return Err(Unclean::Nothing);
    }
    let written = tree.to_string(&WriteOptions { indent: Indent::None, ..WriteOptions::default() });
    if written.len() > MAX_WRITTEN {
        return Err(Unclean::TooMuch);
    }
    // What the renderer does not draw must not have come through.
    Artwork::new(written.as_bytes()).map_err(|_| Unclean::NotSvg)?;
    Ok(Cleaned { svg: written, width, height, removed })
}

/// Asks the source, since usvg drops what it cannot draw without a word. Names are looked at without their prefix: `svg:script` is one too.
fn look_through(document: &roxmltree::Document<'_>) -> Result<Vec<Removed>, Unclean> {
    if document.root_element().tag_name().name() != "svg" {
        return Err(Unclean::NotSvg);
    }
    let mut removed = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        match node.tag_name().name() {
            "text" | "tspan" | "textPath" => return Err(Unclean::Words),
            "image" | "feImage" => return Err(Unclean::Pictures),
            "filter" => return Err(Unclean::Filters),
            "pattern" => return Err(Unclean::Patterns),
            "script" | "handler" | "listener" => removed.push(Removed::Scripts),
            "foreignObject" | "iframe" | "embed" | "object" | "video" | "audio" | "canvas" => {
                removed.push(Removed::ForeignObjects);
            }
            "animate" | "animateMotion" | "animateTransform" | "animateColor" | "set" => {
                removed.push(Removed::Animations);
            }
            "a" => removed.push(Removed::Links),
            "style" if node.descendants().filter_map(|inner| inner.text()).any(leads_out) => {
                removed.push(Removed::Links);
            }
            _ => {}
        }
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            if name.len() > 2 && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("on")) {
                removed.push(Removed::Scripts);
            }
            if (name == "href" && !value.trim_start().starts_with('#')) || leads_out(value) {
                removed.push(Removed::Links);
            }
        }
    }
    removed.sort_unstable();
    removed.dedup();
    Ok(removed)
}

/// True for styles that ask for other files.
fn leads_out(text: &str) -> bool {
    let asks = |at: usize| !text[at + 4..].trim_start_matches([' ', '"', '\'']).starts_with('#');
    text.contains("@import") || text.match_indices("url(").any(|(at, _)| asks(at))
}

/// Cleans SVG in a child process of this program.
#[derive(Clone, Debug)]
pub struct Cleaner {
    /// The program to start: this one.
    pub program: PathBuf,
}

impl Cleaner {
    /// Blocks for up to some ten seconds.
    ///
    /// # Errors
    /// What is wrong with the file, inside; a child that cannot be started, outside.
    pub fn clean(&self, svg: &[u8]) -> Result<Result<Cleaned, Unclean>, Fault> {
        if svg.len() > MAX_BYTES {
            return Ok(Err(Unclean::TooLarge));
        }
        let mut child = Command::new(&self.program)
            .arg("clean-artwork")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A child that has died has said so by that.
            let _ = input.write_all(svg);
        }
        let mut answer = Vec::new();
        if let Some(output) = child.stdout.take() {
            output.take(2 * MAX_WRITTEN as u64).read_to_end(&mut answer)?;
        }
        let _ = child.kill();
        child.wait()?;
        // A child that ran out of memory or time leaves no whole answer.
        Ok(serde_json::from_slice(&answer).unwrap_or(Err(Unclean::TooMuch)))
    }
}

/// The child: `petstar clean-artwork`, the file on standard input, JSON on standard output.
pub fn child_main() -> ExitCode {
    if crate::render::photo::limit_child().is_err() {
        return ExitCode::from(1);
    }
    let mut bytes = Vec::new();
    if std::io::stdin().lock().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).is_err() {
        return ExitCode::from(1);
    }
    let answer = match String::from_utf8(bytes) {
        Ok(text) => clean(&text),
        Err(_) => Err(Unclean::NotSvg),
    };
    let written = serde_json::to_vec(&answer).map(|json| std::io::stdout().lock().write_all(&json));
    match written {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inside: &str) -> String {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 210 297">{inside}</svg>"#
        )
    }

    const SHAPE: &str = r##"<rect x="10" width="90" height="90" fill="#FBF7EF"/>"##;

    #[test]
    fn only_the_drawing_comes_through() {
        let cleaned = clean(&svg(SHAPE)).unwrap();
        assert_eq!((cleaned.width, cleaned.height, cleaned.removed), (210.0, 297.0, vec![]));
        assert!(cleaned.svg.contains("#fbf7ef"), "colours can still be replaced: {}", cleaned.svg);
        for (hostile, removed) in [
            ("<script>alert(1)</script>", Removed::Scripts),
            ("<svg:script xmlns:svg='http://www.w3.org/2000/svg' href='http://x/'/>", Removed::Scripts),
            ("<g onload='alert(1)'><path d='M0 0h9v9z'/></g>", Removed::Scripts),
            ("<rect width='1' height='1' ONclick='x()'/>", Removed::Scripts),
            ("<a xlink:href='javascript:alert(1)'><rect width='9' height='9'/></a>", Removed::Links),
            ("<use xlink:href='file:///etc/passwd#a'/>", Removed::Links),
            ("<use href='http://example.com/a.svg#a'/>", Removed::Links),
            ("<style>@import 'http://example.com/a.css';</style>", Removed::Links),
            ("<style>.a { fill: url(http://example.com/a.svg#b) }</style>", Removed::Links),
            ("<rect width='9' height='9' style='fill: url(&quot;http://example.com/a&quot;)'/>", Removed::Links),
            ("<rect width='9' height='9'><animate attributeName='x' to='9'/></rect>", Removed::Animations),
            ("<rect width='9' height='9'><set attributeName='href' to='javascript:x'/></rect>", Removed::Animations),
            (
                "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml' onload='x()'/></foreignObject>",
                Removed::ForeignObjects,
            ),
        ] {
            let cleaned = clean(&svg(&format!("{SHAPE}{hostile}"))).unwrap_or_else(|why| panic!("{hostile}: {why:?}"));
            assert!(cleaned.removed.contains(&removed), "{hostile}: {:?}", cleaned.removed);
            let lower = cleaned.svg.to_lowercase();
            for trace in
                ["script", "onload", "onclick", "example.com", "passwd", "foreign", "@import", "<a ", "<set", "animate"]
            {
                assert!(!lower.contains(trace), "{hostile}: {trace} came through: {lower}");
            }
        }
    }

    #[test]
    fn what_would_be_missing_on_paper_is_refused() {
        for (inside, why) in [
            ("<text>Bella</text>", Unclean::Words),
            ("<s:text xmlns:s='http://www.w3.org/2000/svg'>Bella</s:text>", Unclean::Words),
            ("<image href='/etc/passwd'/>", Unclean::Pictures),
            ("<image href='data:image/svg+xml,x'/>", Unclean::Pictures),
            ("<filter id='a'/>", Unclean::Filters),
            ("<pattern id='a'/>", Unclean::Patterns),
            ("", Unclean::Nothing),
        ] {
            let text = if inside.is_empty() { svg("") } else { svg(&format!("{SHAPE}{inside}")) };
            assert_eq!(clean(&text).unwrap_err(), why, "{inside}");
        }
        let entity = format!("<!DOCTYPE svg [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}", svg(SHAPE));
        assert_eq!(clean(&entity).unwrap_err(), Unclean::Entities);
        for no_svg in ["", "<html/>", "plain words", "<svg", "<svg/>"] {
            assert!(matches!(clean(no_svg), Err(Unclean::NotSvg | Unclean::Nothing)), "{no_svg}");
        }
        assert_eq!(clean(&" ".repeat(MAX_BYTES + 1)).unwrap_err(), Unclean::TooLarge);
        let many = "<g/>".repeat(MAX_NODES as usize + 1);
        assert_eq!(clean(&svg(&many)).unwrap_err(), Unclean::TooMuch);
    }

    #[test]
    fn gradients_clips_and_repeated_shapes_come_through() {
        let inside = r##"<defs><linearGradient id="g"><stop offset="0" stop-color="#112233"/><stop offset="1" stop-color="#445566"/></linearGradient>
            <clipPath id="c"><circle cx="50" cy="50" r="40"/></clipPath><path id="p" d="M0 0h5v5z"/></defs>
            <rect width="100" height="100" fill="url(#g)" clip-path="url(#c)"/><use href="#p" x="20"/>"##;
        let cleaned = clean(&svg(inside)).unwrap();
        assert!(cleaned.removed.is_empty(), "{:?}", cleaned.removed);
        for part in ["linearGradient", "clipPath", "#112233"] {
            assert!(cleaned.svg.contains(part), "{part}");
        }
        assert_eq!(clean(&cleaned.svg).map(|again| again.removed), Ok(vec![]), "what is clean stays clean");
    }
}
