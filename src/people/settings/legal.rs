//! The pages the law asks for: our texts to start from, and how an owner's text becomes a page.

use crate::kernel::Lang;
use crate::kernel::lang::Words;
use crate::people::settings::fields::percent;
use crate::shop::settings::{Legal, Settings};
use crate::web::words::fill;

/// The pages by the last part of their address.
pub const PAGES: [&str; 3] = ["terms", "privacy", "seller"];

/// Stands where the owner has to write something of his own. A page that still holds one is not finished.
pub const BLANK: &str = "[[";

/// The text of a page; none for an address without a page.
pub fn words<'a>(legal: &'a Legal, page: &str) -> Option<&'a Words> {
    match page {
        "terms" => Some(&legal.terms),
        "privacy" => Some(&legal.privacy),
        "seller" => Some(&legal.seller),
        _ => None,
    }
}

/// Our text for a page, with what is known of the shop filled in and blanks for the rest.
pub fn template(page: &str, lang: Lang, settings: &Settings) -> String {
    let text = match (page, lang) {
        ("terms", Lang::En) => include_str!("../../../assets/legal/en/terms.txt"),
        ("terms", Lang::Ja) => include_str!("../../../assets/legal/ja/terms.txt"),
        ("privacy", Lang::En) => include_str!("../../../assets/legal/en/privacy.txt"),
        ("privacy", Lang::Ja) => include_str!("../../../assets/legal/ja/privacy.txt"),
        ("seller", Lang::En) => include_str!("../../../assets/legal/en/seller.txt"),
        ("seller", Lang::Ja) => include_str!("../../../assets/legal/ja/seller.txt"),
        _ => "",
    };
    let money = |minor: i64| crate::kernel::Money::new(minor, settings.currency).show();
    let blank = |en: &str, ja: &str| format!("[[{}]]", if lang == Lang::En { en } else { ja });
    let email = match settings.contact_email.trim() {
        "" => blank("your e-mail address", "メールアドレス"),
        address => address.to_owned(),
    };
    let shipping = match (lang, settings.shipping.free_from) {
        (Lang::En, Some(from)) => format!("{}, free from {}", money(settings.shipping.home_fee), money(from)),
        (Lang::En, None) => money(settings.shipping.home_fee),
        (Lang::Ja, Some(from)) => format!("{}（{}以上のご注文は無料）", money(settings.shipping.home_fee), money(from)),
        (Lang::Ja, None) => money(settings.shipping.home_fee),
    };
    let rate = percent(settings.tax.rate_bp);
    let (prices, tax_note) = match (lang, settings.tax.included) {
        (Lang::En, true) => {
            (format!("Prices include {rate} % tax unless the page says otherwise."), format!("{rate} % tax included"))
        }
        (Lang::En, false) => {
            (format!("{rate} % tax is added to the prices shown when you order."), format!("plus {rate} % tax"))
        }
        (Lang::Ja, true) => {
            (format!("表示価格は、特に記載のないかぎり {rate}% の消費税を含みます。"), format!("消費税 {rate}% 込み"))
        }
        (Lang::Ja, false) => (
            format!("表示価格は税別です。ご注文のときに {rate}% の消費税が加わります。"),
            format!("税別、消費税 {rate}%"),
        ),
    };
    let values = [
        ("shop", settings.shop_name.clone()),
        ("email", email),
        ("shipping", shipping),
        ("days", settings.lead_time_days.to_string()),
        ("prices", prices),
        ("tax_note", tax_note),
    ];
    fill(text.trim_end(), &values)
}

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Heading(String),
    /// Lines in it stay lines.
    Paragraph(String),
    List(Vec<String>),
    /// Label and value: what 特定商取引法 pages consist of.
    Table(Vec<(String, String)>),
}

/// Reads plain text: `# ` begins a heading, `- ` a point of a list, `label | value` is a row of a table, an empty line ends a paragraph.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut goes_on = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            goes_on = false;
            continue;
        }
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            blocks.push(Block::Heading(heading.trim().to_owned()));
            goes_on = false;
        } else if let Some(point) = line.strip_prefix("- ").or(line.strip_prefix("・")) {
            match blocks.last_mut() {
                Some(Block::List(points)) if goes_on => points.push(point.trim().to_owned()),
                _ => blocks.push(Block::List(vec![point.trim().to_owned()])),
            }
            goes_on = true;
        } else if let Some((label, value)) = line.split_once(['|', '｜']) {
            let row = (label.trim().to_owned(), value.trim().to_owned());
            match blocks.last_mut() {
                Some(Block::Table(rows)) if goes_on => rows.push(row),
                _ => blocks.push(Block::Table(vec![row])),
            }
            goes_on = true;
        } else {
            match blocks.last_mut() {
                Some(Block::Paragraph(text)) if goes_on => {
                    text.push('\n');
                    text.push_str(line);
                }
                _ => blocks.push(Block::Paragraph(line.to_owned())),
            }
            goes_on = true;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_becomes_a_page() {
        let text = "# Terms\n\nFirst line\nsecond line\n\n- one\n- two\nname | Star & Co\n電話 ｜ 075\n#hash\n## Sub";
        let expected = [
            Block::Heading("Terms".into()),
            Block::Paragraph("First line\nsecond line".into()),
            Block::List(vec!["one".into(), "two".into()]),
            Block::Table(vec![("name".into(), "Star & Co".into()), ("電話".into(), "075".into())]),
            Block::Paragraph("#hash".into()),
            Block::Heading("Sub".into()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn every_template_is_filled_in_and_leaves_only_marked_blanks() {
        let settings = Settings { contact_email: "hello@example.jp".into(), ..Settings::default() };
        let mut added = settings.clone();
        added.tax.included = false;
        for page in PAGES {
            for lang in Lang::ALL {
                let text_with_tax = template(page, lang, &added);
                assert!(!text_with_tax.contains('{'), "{page} {}: {text_with_tax}", lang.tag());
                let text = template(page, lang, &settings);
                assert!(text.contains("petstar"), "{page} {}", lang.tag());
                assert!(!text.contains('{'), "{page} {}: {text}", lang.tag());
                assert_eq!(text.matches(BLANK).count(), text.matches("]]").count());
                assert!(text.lines().count() > 5 && !blocks(&text).is_empty());
            }
        }
        assert!(template("seller", Lang::Ja, &settings).contains(BLANK), "an owner has to give an address");
    }
}
