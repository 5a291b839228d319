//! Changes of a product's sizes: prices, stock, order, new ones, and those that are no longer sold.

use super::view::InLanguages;
use super::{MAX_PRICE, MAX_STOCK, MAX_VARIANTS, text_message};
use crate::catalog::layout::{Layout, Mockup, Size};
use crate::catalog::model::{Product, Variant, VariantId};
use crate::catalog::typed::Typed;
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::clean_line;
use crate::kernel::{Currency, Message, Refusal};
use crate::shop::settings::SIZE_CLASSES;
use crate::web::input::{optional_id, optional_number, switch};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

/// A change of one size, by its `id`; without an `id` a new one, which needs a name, both lengths and a price.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct VariantChange {
    #[serde(default, deserialize_with = "optional_id")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub id: Option<VariantId>,
    #[serde(default)]
    pub name: Option<InLanguages>,
    /// Of a new one. The lengths of a size stay, since designs were made for them.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub width_mm: Typed,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub height_mm: Typed,
    /// Minor units.
    #[serde(default, deserialize_with = "optional_number")]
    pub price: Option<i64>,
    /// The price as people write it (`29.80`), from the form.
    #[serde(default)]
    #[schema(ignore)]
    pub amount: Option<String>,
    /// How many there are; `null` is not counted.
    #[serde(default, deserialize_with = "given_number")]
    #[schema(value_type = Option<i64>)]
    pub stock: Option<Option<i64>>,
    /// What `stock` was when it was looked at: only the difference is made, so that what was sold meanwhile stays sold.
    #[serde(default, deserialize_with = "given_number")]
    #[schema(value_type = Option<i64>)]
    pub stock_seen: Option<Option<i64>>,
    /// So many more, or fewer, than there are now.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<i64>)]
    pub stock_change: Option<i64>,
    /// `flat-small`, `flat-large`, `parcel-small` or `parcel-large`.
    pub size_class: Option<String>,
    /// Its place among the sizes, the first being 1.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<i64>)]
    pub place: Option<i64>,
    /// `false` takes it out of the shop, `true` brings it back.
    #[serde(default, deserialize_with = "given_switch")]
    #[schema(value_type = Option<bool>)]
    pub sold: Option<bool>,
}

impl VariantChange {
    /// The empty row at the end of the form.
    fn is_blank(&self) -> bool {
        let nothing = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        self.id.is_none()
            && self.name.as_ref().is_none_or(InLanguages::is_empty)
            && self.price.is_none()
            && nothing(&self.amount)
            && self.width_mm.is_empty()
            && self.height_mm.is_empty()
    }
}

/// Tells a number that was left out from one that is empty.
fn given_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    optional_number(deserializer).map(Some)
}

fn given_switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    switch(deserializer).map(Some)
}

/// What is to be different about a size, checked as far as that can be done without the product.
pub struct Figures {
    /// Its number in the input, for what is found wrong later.
    at: usize,
    which: Which,
    name: Option<Words>,
    price: Option<i64>,
    stock: Stock,
    size_class: Option<String>,
    place: Option<i64>,
    sold: Option<bool>,
}

enum Which {
    Known(VariantId),
    New { id: VariantId, size: Size },
}

/// A change of stock.
#[derive(Clone, Copy)]
enum Stock {
    Same,
    /// So many there are, or nobody counts them.
    Set(Option<i64>),
    /// So many more than there are, or fewer.
    By(i64),
}

fn stock_change(change: &VariantChange) -> Stock {
    match (change.stock_change, change.stock, change.stock_seen) {
        (Some(more), _, _) => Stock::By(more),
        (None, None, _) => Stock::Same,
        (None, Some(Some(typed)), Some(Some(seen))) if typed == seen => Stock::Same,
        (None, Some(Some(typed)), Some(Some(seen))) => Stock::By(typed - seen),
        (None, Some(stock), _) => Stock::Set(stock),
    }
}

/// A name in both languages; one may stand for both.
pub fn checked_name(name: &InLanguages, field: &str, mistakes: &mut Mistakes) -> Words {
    let [en, ja] = [("en", &name.en), ("ja", &name.ja)].map(|(lang, text)| match clean_line(text, 80) {
        Ok(text) => text,
        Err(problem) => {
            mistakes.add(format!("{field}.{lang}"), text_message(problem));
            String::new()
        }
    });
    match (en.is_empty(), ja.is_empty()) {
        (true, false) => Words::new(ja.clone(), ja),
        (false, true) => Words::new(en.clone(), en),
        _ => Words::new(en, ja),
    }
}

/// # Errors
/// 422 naming every figure that cannot be.
pub fn checked(
    changes: &[VariantChange],
    currency: Currency,
    new_id: impl Fn() -> VariantId,
) -> Result<Vec<Figures>, Refusal> {
    let mut mistakes = Mistakes::new();
    let mut figures = Vec::new();
    for (at, change) in changes.iter().enumerate().filter(|(_, change)| !change.is_blank()) {
        let field = |name: &str| format!("variants.{at}.{name}");
        let price = match change.amount.as_deref().map(str::trim) {
            None => change.price,
            Some(amount) => match currency.read(amount) {
                Some(minor) => Some(minor),
                None => {
                    mistakes.add(field("price"), Message::new("catalog.price_form"));
                    None
                }
            },
        };
        if price.is_some_and(|price| !(0..=MAX_PRICE).contains(&price) || price % currency.step() != 0) {
            mistakes.add(field("price"), Message::new("catalog.price_range"));
        }
        let beyond = change.stock.flatten().is_some_and(|stock| !(0..=MAX_STOCK).contains(&stock));
        if beyond || change.stock_change.is_some_and(|more| more.saturating_abs() > MAX_STOCK) {
            mistakes.add(field("stock"), Message::new("catalog.stock_range").with("max", MAX_STOCK));
        }
        if change.size_class.as_deref().is_some_and(|class| !SIZE_CLASSES.contains(&class)) {
            mistakes.add(field("size_class"), Message::new("catalog.size_class_unknown"));
        }
        let name = change.name.as_ref().map(|name| checked_name(name, &field("name"), &mut mistakes));
        if name.as_ref().is_some_and(|name| name.en.is_empty()) || (change.id.is_none() && name.is_none()) {
            mistakes.add(field("name.en"), Message::new("panel.text_needed"));
        }
        let which = match change.id {
            Some(id) => Which::Known(id),
            None => {
                let length = |name: &str, typed: &Typed, mistakes: &mut Mistakes| {
                    typed.number().unwrap_or_else(|| {
                        mistakes.add(field(name), Message::new("catalog.length_form"));
                        0.0
                    })
                };
                let width_mm = length("width_mm", &change.width_mm, &mut mistakes);
                let height_mm = length("height_mm", &change.height_mm, &mut mistakes);
                if price.is_none() && change.amount.is_none() {
                    mistakes.add(field("price"), Message::new("catalog.price_form"));
                }
                Which::New { id: new_id(), size: Size { width_mm, height_mm } }
            }
        };
        figures.push(Figures {
            at,
            which,
            name,
            price,
            stock: stock_change(change),
            size_class: change.size_class.clone(),
            place: change.place,
            sold: change.sold,
        });
    }
    mistakes.into_result()?;
    Ok(figures)
}

/// Carries the changes out. `layout` and `mockup` are those new designs begin with, which every size must fit.
///
/// # Errors
/// 422 naming what does not fit the product as it is.
pub fn apply(before: &Product, figures: &[Figures], layout: &Layout, mockup: Mockup) -> Result<Product, Refusal> {
    // Each with its place, and whether it is sold.
    let mut all: Vec<(f64, bool, Variant)> = Vec::new();
    let sold = before.variants.iter().map(|variant| (true, variant));
    let former = before.former.iter().map(|variant| (false, variant));
    for (at, (is_sold, variant)) in sold.chain(former).enumerate() {
        all.push((at as f64 + 1.0, is_sold, variant.clone()));
    }
    for change in figures {
        let field = |name: &str| format!("variants.{}.{name}", change.at);
        let at = match &change.which {
            Which::Known(id) => all
                .iter()
                .position(|(_, _, variant)| variant.id == *id)
                .ok_or_else(|| Refusal::field(field("id"), Message::new("catalog.variant_unknown")))?,
            Which::New { id, size } => {
                if let Some(message) = unfit(layout, mockup, *size) {
                    return Err(Refusal::field(field("width_mm"), message));
                }
                let name = change.name.clone().unwrap_or_default();
                let key = free_key(&name, *size, all.iter().map(|(_, _, variant)| variant.key.as_str()));
                let variant = Variant {
                    id: *id,
                    key,
                    name,
                    width_mm: size.width_mm,
                    height_mm: size.height_mm,
                    price: 0,
                    stock: None,
                    size_class: SIZE_CLASSES[0].to_owned(),
                };
                all.push((all.len() as f64 + 1.0, true, variant));
                all.len() - 1
            }
        };
        let (place, is_sold, variant) = &mut all[at];
        if let Some(wished) = change.place.map(|place| place.clamp(1, 10_000) as f64) {
            // Before the one that has the place now when it moves up, behind it when it moves down.
            *place = if wished < *place {
                wished - 0.5
            } else if wished > *place {
                wished + 0.5
            } else {
                *place
            };
        }
        *is_sold = change.sold.unwrap_or(*is_sold);
        variant.price = change.price.unwrap_or(variant.price);
        if let Some(name) = &change.name {
            variant.name = name.clone();
        }
        if let Some(class) = &change.size_class {
            variant.size_class.clone_from(class);
        }
        variant.stock = match change.stock {
            Stock::Same => variant.stock,
            Stock::Set(stock) => stock,
            Stock::By(more) => {
                let (left, stock) = (variant.stock.unwrap_or(0), variant.stock.unwrap_or(0).saturating_add(more));
                if !(0..=MAX_STOCK).contains(&stock) {
                    let message = Message::new("catalog.stock_sold").with("sold", -stock).with("left", left);
                    return Err(Refusal::field(field("stock"), message));
                }
                Some(stock)
            }
        };
        if *is_sold && before.sold(variant.id).is_none() && unfit(layout, mockup, variant.size()).is_some() {
            return Err(Refusal::field(field("sold"), Message::new("catalog.variant_no_longer_fits")));
        }
    }
    all.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let mut after = before.clone();
    (after.variants, after.former) = (Vec::new(), Vec::new());
    for (_, is_sold, variant) in all {
        if is_sold { after.variants.push(variant) } else { after.former.push(variant) }
    }
    if after.variants.is_empty() {
        return Err(Refusal::field("variants", Message::new("catalog.variant_needed")));
    }
    if after.variants.len() + after.former.len() > MAX_VARIANTS {
        let message = Message::new("catalog.too_many_variants").with("max", MAX_VARIANTS);
        return Err(Refusal::field("variants", message));
    }
    Ok(after)
}

/// Why a size cannot be drawn from the layout, in words.
pub(crate) fn unfit(layout: &Layout, mockup: Mockup, size: Size) -> Option<Message> {
    let sides = [size.width_mm, size.height_mm];
    if sides.iter().any(|side| !(5.0..=crate::catalog::layout::MAX_SIDE_MM).contains(side)) {
        return Some(Message::new("catalog.length_range").with("max", crate::catalog::layout::MAX_SIDE_MM));
    }
    let digits = crate::catalog::typed::number_text;
    let ratio = (size.width_mm / size.height_mm) / (layout.width_mm / layout.height_mm);
    if !(0.99..=1.0 / 0.99).contains(&ratio) {
        let height = size.width_mm * layout.height_mm / layout.width_mm;
        let message = Message::new("catalog.proportion")
            .with("width", digits(layout.width_mm))
            .with("height", digits(layout.height_mm))
            .with("for_width", digits(size.width_mm))
            .with("for_height", digits((height * 10.0).round() / 10.0));
        return Some(message);
    }
    if layout.size_problem(size).is_some() {
        return Some(Message::new("catalog.too_many_pixels").with("dpi", layout.dpi));
    }
    (!super::fits_mockup(mockup, size, "")).then(|| Message::new("catalog.mockup_too_small"))
}

/// A key no other size has: from the English name, or from the lengths.
fn free_key<'a>(name: &Words, size: Size, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut key = super::create::slug_of(&name.en);
    if key.is_empty() {
        key = format!("{}x{}", size.width_mm.round(), size.height_mm.round());
    }
    key.truncate(30);
    let is_free = |key: &str| !taken.clone().any(|other| other == key);
    if is_free(&key) {
        return key;
    }
    (2..).map(|number: u32| format!("{key}-{number}")).find(|key| is_free(key)).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_left_out_is_not_an_empty_one() {
        let read = |text: &str| serde_json::from_str::<VariantChange>(text).unwrap().stock;
        let id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(read(&format!(r#"{{"id":"{id}"}}"#)), None);
        assert_eq!(read(&format!(r#"{{"id":"{id}","stock":null}}"#)), Some(None));
        assert_eq!(read(&format!(r#"{{"id":"{id}","stock":"7"}}"#)), Some(Some(7)));
    }

    #[test]
    fn keys_come_from_names_and_are_free() {
        let size = Size { width_mm: 210.0, height_mm: 297.0 };
        let key = |en: &str, taken: &[&str]| free_key(&Words::new(en, ""), size, taken.iter().copied());
        assert_eq!(key("A4 · 21 × 29.7 cm", &[]), "a4-21-29-7-cm");
        assert_eq!(key("大きい", &[]), "210x297");
        assert_eq!(key("A4", &["a4", "a4-2"]), "a4-3");
    }
}
