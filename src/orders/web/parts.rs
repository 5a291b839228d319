//! Pieces that several pages and letters of this room share: pictures, sums, addresses, lines.

use super::view::{hold_reason, percent_text};
use crate::designs;
use crate::kernel::{Fault, Lang, Money};
use crate::orders::address::PREFECTURES;
use crate::orders::model::{Address, Line, Order, Totals};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{Page, words};

/// A picture and its size in pixels.
#[derive(Clone, Debug)]
pub struct Picture {
    pub url: String,
    pub width: u32,
    pub height: u32,
}

/// One row of a table of sums.
#[derive(Clone, Debug)]
pub struct TotalRow {
    pub label: String,
    pub value: String,
    /// `sum` for what is paid, `part` for what is contained in it.
    pub class: &'static str,
}

impl TotalRow {
    pub fn plain(label: impl Into<String>, value: String) -> Self {
        Self { label: label.into(), value, class: "" }
    }

    pub fn sum(label: impl Into<String>, value: String) -> Self {
        Self { label: label.into(), value, class: "sum" }
    }

    pub fn part(label: impl Into<String>, value: String) -> Self {
        Self { label: label.into(), value, class: "part" }
    }
}

/// What an order costs, row by row, as frozen on it.
pub fn total_rows(order: &Order, page: &Page) -> Vec<TotalRow> {
    let mut rows = sum_rows(&order.totals, order.coupon.as_deref(), "orders.shipping", page);
    if order.amount_refunded > 0 {
        rows.push(TotalRow::plain(page.t("orders.refunded_sum"), order.money(order.amount_refunded).show()));
    }
    rows
}

/// The rows of what something would cost if it were sent within the shop's own country.
pub fn estimate_rows(totals: &Totals, page: &Page) -> Vec<TotalRow> {
    sum_rows(totals, None, "orders.shipping_home", page)
}

/// Rows that add up to the amount, with the words under `shipping` for the fee of the way.
fn sum_rows(totals: &Totals, coupon: Option<&str>, shipping: &str, page: &Page) -> Vec<TotalRow> {
    let money = |minor| Money::new(minor, totals.currency).show();
    let shipping_name = page.t(shipping);
    let mut rows = vec![TotalRow::plain(page.t("orders.subtotal"), money(totals.subtotal))];
    if totals.discount_total > 0 {
        let label = match coupon {
            Some(code) => page.f1("orders.discount_coupon", "code", code),
            None => page.t("orders.discount").to_owned(),
        };
        rows.push(TotalRow::plain(label, money(-totals.discount_total)));
    }
    let fee = if totals.shipping_fee == 0 { page.t("orders.free").to_owned() } else { money(totals.shipping_fee) };
    rows.push(TotalRow::plain(shipping_name, fee));
    if totals.payment_fee > 0 {
        rows.push(TotalRow::plain(page.t("orders.payment_fee"), money(totals.payment_fee)));
    }
    if !totals.tax_included {
        for part in totals.tax_breakdown.iter().filter(|part| part.rate_bp > 0) {
            let label = page.f1("orders.tax_at", "rate", percent_text(part.rate_bp));
            rows.push(TotalRow::plain(label, money(part.tax)));
        }
    }
    rows.push(TotalRow::sum(page.t("orders.amount"), money(totals.amount)));
    if totals.tax_included {
        for part in totals.tax_breakdown.iter().filter(|part| part.rate_bp > 0) {
            let label = page.f1("orders.tax_within", "rate", percent_text(part.rate_bp));
            rows.push(TotalRow::part(label, money(part.tax)));
        }
    }
    rows
}

/// The name of a country, or its code where we have no word for it.
pub fn country_name(code: &str, lang: Lang) -> String {
    words::find(lang, &format!("orders.country.{code}")).unwrap_or(code).to_owned()
}

/// A region as readers of `lang` know it: prefectures are stored in Japanese.
pub fn region_name(country: &str, region: &str, lang: Lang) -> String {
    let known = PREFECTURES.iter().find(|(name, _)| country == "JP" && *name == region);
    match (known, lang) {
        (Some((_, roman)), Lang::En) => (*roman).to_owned(),
        _ => region.to_owned(),
    }
}

fn is_kana_or_kanji(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

/// An address as it stands on a letter in that country, line by line.
pub fn address_lines(address: &Address, lang: Lang) -> Vec<String> {
    let Address { name, postal_code, country, region, city, line1, line2, phone, .. } = address;
    // A Japanese address written in Japanese stays in the order its carrier reads, whatever language the page has.
    let is_japanese = country == "JP" && (lang == Lang::Ja || format!("{city}{line1}").chars().any(is_kana_or_kanji));
    let region = region_name(country, region, if is_japanese { Lang::Ja } else { lang });
    let joined = |parts: &[&str], between: &str| {
        let filled: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        filled.join(between)
    };
    let lines = if is_japanese {
        vec![format!("〒{postal_code}"), joined(&[&region, city, line1], ""), line2.clone(), name.clone()]
    } else {
        vec![
            name.clone(),
            line1.clone(),
            line2.clone(),
            joined(&[city, &region, postal_code], " "),
            country_name(country, lang),
        ]
    };
    lines.into_iter().chain([phone.clone()]).filter(|line| !line.is_empty()).collect()
}

/// One line of an order on a page.
#[derive(Clone, Debug)]
pub struct LineRow {
    pub title: String,
    pub variant: String,
    pub picture: Picture,
    /// "2 × ¥2,980".
    pub times: String,
    pub price: String,
    pub quantity: u32,
    /// The contract's word.
    pub production: &'static str,
    pub production_name: String,
    pub hold_reason: Option<String>,
}

/// Lines as they are shown, with the picture of what was bought, or of the design as it is.
pub fn line_rows(tx: &impl Snapshot, shop: &Shop, order: &Order, page: &Page) -> Result<Vec<LineRow>, Fault> {
    order.lines.iter().map(|line| line_row(tx, shop, order, line, page)).collect()
}

pub fn line_row(tx: &impl Snapshot, shop: &Shop, order: &Order, line: &Line, page: &Page) -> Result<LineRow, Fault> {
    Ok(LineRow {
        title: line.title.get(page.lang).to_owned(),
        variant: line.variant_name.get(page.lang).to_owned(),
        picture: line_picture(tx, shop, line)?,
        times: format!("{} × {}", line.quantity, order.money(line.unit_price).show()),
        price: order.money(line.subtotal).show(),
        quantity: line.quantity,
        production: line.production.name(),
        production_name: page.t(&format!("orders.production.{}", line.production.name())).to_owned(),
        hold_reason: line.hold.as_ref().map(|hold| hold_reason(hold, page.lang)),
    })
}

pub fn line_picture(tx: &impl Snapshot, shop: &Shop, line: &Line) -> Result<Picture, Fault> {
    let (width, height) = line.picture_size;
    let url = match &line.frozen {
        Some(frozen) => frozen.picture_url.clone(),
        None => match designs::find(tx, line.design_id)? {
            Some(design) => designs::picture_url(shop, &design),
            None => String::new(),
        },
    };
    Ok(Picture { url, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_at_home() {
        let address = Address {
            name: "佐藤 美香".into(),
            name_kana: "サトウ ミカ".into(),
            postal_code: "604-8005".into(),
            country: "JP".into(),
            region: "京都府".into(),
            city: "京都市中京区".into(),
            line1: "恵比須町427".into(),
            line2: String::new(),
            phone: String::new(),
        };
        assert_eq!(address_lines(&address, Lang::Ja), ["〒604-8005", "京都府京都市中京区恵比須町427", "佐藤 美香"]);
        assert_eq!(address_lines(&address, Lang::En), address_lines(&address, Lang::Ja));
        let roman =
            Address { city: "Kyoto-shi".into(), line1: "427 Ebisu-cho".into(), name: "Mika Sato".into(), ..address };
        assert_eq!(address_lines(&roman, Lang::En)[..3], ["Mika Sato", "427 Ebisu-cho", "Kyoto-shi Kyoto 604-8005"]);
    }
}
