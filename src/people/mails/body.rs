//! What a letter says, part by part, and its two forms: plain text and HTML from the same parts, so that they cannot differ.

use crate::kernel::{Fault, Lang};
use crate::shop::Shop;
use crate::shop::settings::{Settings, brand};
use crate::web::words;
use askama::Template;

/// The body of a letter. Everything given is already in the reader's language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterBody {
    heading: String,
    preview: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Paragraph(String),
    Button {
        label: String,
        url: String,
    },
    Picture {
        url: String,
        alt: String,
    },
    /// Name, detail, amount.
    Lines(Vec<(String, String, String)>),
    /// Label and value.
    Facts(Vec<(String, String)>),
    Note(String),
}

impl LetterBody {
    pub fn new(heading: impl Into<String>) -> Self {
        LetterBody { heading: heading.into(), ..Self::default() }
    }

    /// What mail programs show beside the subject.
    pub fn preview(mut self, text: impl Into<String>) -> Self {
        self.preview = text.into();
        self
    }

    /// Line breaks in it are kept.
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Part::Paragraph(text.into()))
    }

    /// The one thing to do next; `url` is absolute.
    pub fn button(self, label: impl Into<String>, url: impl Into<String>) -> Self {
        self.with(Part::Button { label: label.into(), url: url.into() })
    }

    /// A picture at an absolute address that needs no session.
    pub fn picture(self, url: impl Into<String>, alt: impl Into<String>) -> Self {
        self.with(Part::Picture { url: url.into(), alt: alt.into() })
    }

    /// One row of the list of things bought.
    pub fn line(mut self, name: impl Into<String>, detail: impl Into<String>, amount: impl Into<String>) -> Self {
        let line = (name.into(), detail.into(), amount.into());
        match self.parts.last_mut() {
            Some(Part::Lines(lines)) => lines.push(line),
            _ => self.parts.push(Part::Lines(vec![line])),
        }
        self
    }

    /// One row of a list of labels and values.
    pub fn fact(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        let fact = (label.into(), value.into());
        match self.parts.last_mut() {
            Some(Part::Facts(facts)) => facts.push(fact),
            _ => self.parts.push(Part::Facts(vec![fact])),
        }
        self
    }

    /// Small print.
    pub fn note(self, text: impl Into<String>) -> Self {
        self.with(Part::Note(text.into()))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

/// What both forms of every letter end with.
struct Frame<'a> {
    lang: Lang,
    shop_name: &'a str,
    shop_url: &'a str,
    /// "Questions? Just answer this mail."; empty without an address to answer to.
    closing: &'a str,
    /// Absolute address, width and height.
    logo: Option<(String, u32, u32)>,
    /// What calls for action, `#rrggbb`.
    accent: String,
}

impl Frame<'_> {
    fn new<'a>(settings: &'a Settings, lang: Lang, shop_url: &'a str) -> Frame<'a> {
        let closing = if settings.contact_email.trim().is_empty() { "" } else { words::text(lang, "mail.closing") };
        let logo = settings.brand.logo.as_ref().map(|logo| {
            let (width, height) = logo.shown(40);
            (format!("{shop_url}{}", logo.path()), width, height)
        });
        Frame {
            lang,
            shop_name: &settings.shop_name,
            shop_url,
            closing,
            logo,
            accent: brand::write(settings.brand.accent()),
        }
    }
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    body: &'a LetterBody,
}

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct Text<'a> {
    frame: &'a Frame<'a>,
    body: &'a LetterBody,
}

/// The two forms of a letter: plain text, then HTML.
///
/// # Errors
/// A template that fails, which is a mistake in the program.
pub fn render(shop: &Shop, lang: Lang, body: &LetterBody) -> Result<(String, String), Fault> {
    let settings = shop.settings();
    let url = shop.public_url();
    render_in(&Frame::new(&settings, lang, &url), body)
}

#[derive(Template)]
#[template(path = "mail/in_panel.html")]
struct InPanel<'a> {
    frame: &'a Frame<'a>,
    body: &'a LetterBody,
}

/// A letter as a piece of a page of the panel, which takes no styles of its own: the same parts, in the page's clothes.
///
/// # Errors
/// As [`render`].
pub fn render_for_panel(shop: &Shop, lang: Lang, body: &LetterBody) -> Result<String, Fault> {
    let settings = shop.settings();
    let url = shop.public_url();
    let frame = Frame::new(&settings, lang, &url);
    InPanel { frame: &frame, body }.render().map_err(|error| Fault::bug(format!("mail template: {error}")))
}

fn render_in(frame: &Frame, body: &LetterBody) -> Result<(String, String), Fault> {
    let failed = |error: askama::Error| Fault::bug(format!("mail template: {error}"));
    let mut text = Text { frame, body }.render().map_err(failed)?;
    text.push('\n');
    let html = Html { frame, body }.render().map_err(failed)?;
    Ok((text, html))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_and_html_is_escaped() {
        let body = LetterBody::new("Thank you, Mika")
            .preview("Chelsea is on the way to the printer.")
            .paragraph("We have your order.\nIt is <b>safe</b>.")
            .line("Chelsea · Written in the stars", "A4 × 2", "¥5,960")
            .line("Mug", "350 ml", "¥1,980")
            .fact("Total", "¥8,540")
            .button("See your order", "https://shop.example/orders/1?key=a&b=c")
            .note("Made for you.");
        let settings = Settings { shop_name: "Star & Co".into(), ..Settings::default() };
        let frame = Frame { closing: "Just answer.", ..Frame::new(&settings, Lang::En, "https://shop.example") };
        let (text, html) = render_in(&frame, &body).unwrap();
        let told = "Thank you, Mika\n\nWe have your order.\nIt is <b>safe</b>.\n\n\
                    - Chelsea · Written in the stars, A4 × 2: ¥5,960\n- Mug, 350 ml: ¥1,980\n\nTotal: ¥8,540\n\n\
                    See your order:\nhttps://shop.example/orders/1?key=a&b=c\n\nMade for you.\n\n\
                    Just answer.\n\n-- \nStar & Co\nhttps://shop.example\n";
        assert_eq!(text, told);
        assert!(html.contains("It is &#60;b&#62;safe") && !html.contains("<b>safe"), "{html}");
        assert!(html.contains("Written in the stars") && html.contains("¥8,540") && html.contains("Star &#38; Co"));
        assert!(html.contains(r#"href="https://shop.example/orders/1?key=a&#38;b=c""#));
    }
}
