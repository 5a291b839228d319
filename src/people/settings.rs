//! What the owner decides about the business: how a change to it is checked.
//!
//! Begin with [`apply`].

pub mod brand;
mod brand_web;
mod delivery;
pub mod fields;
pub mod legal;
pub mod means;
pub mod privacy;
mod shipping;
pub mod web;

pub use delivery::{ClosedDays, DeliveryForm};

use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{clean_block, clean_line, looks_like_email};
use crate::kernel::{Code, Currency, Lang, Message, Money, Refusal};
use crate::shop::settings::Settings;
use crate::web::input;
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;

/// A change to the settings. What is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct SettingsForm {
    /// The version the change was made from; without it nobody is asked.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    pub version: Option<i64>,
    pub shop_name: Option<String>,
    /// ISO 4217; owners only.
    pub currency: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// `en` or `ja`.
    pub language: Option<String>,
    /// All the languages the shop offers, its own among them.
    pub languages: Option<Vec<String>>,
    pub contact_email: Option<String>,
    pub sender_email: Option<String>,
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub lead_time_days: Option<i64>,
    /// The first set-up is done.
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub set_up: Option<bool>,
    #[serde(default)]
    pub tax: TaxForm,
    #[serde(default)]
    pub shipping: ShippingForm,
    #[serde(default)]
    pub means: means::MeansForm,
    #[serde(default)]
    pub privacy: privacy::PrivacyForm,
    #[serde(default)]
    pub delivery: DeliveryForm,
    #[serde(default)]
    pub brand: BrandForm,
    #[serde(default)]
    pub documents: DocumentsForm,
    #[serde(default)]
    pub legal: LegalForm,
    #[serde(default)]
    pub backup: BackupForm,
    #[serde(default)]
    pub holiday: HolidayForm,
}

/// The logo has an address of its own, `/admin/settings/logo`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct BrandForm {
    /// What calls for action, `#rrggbb`; empty for our own colour. White words must be readable on it.
    pub accent: Option<String>,
    /// Stars and what is marked; dark words must be readable on it.
    pub highlight: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct BackupForm {
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub daily: Option<bool>,
    /// 0 to 23, in the shop's time zone.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub hour: Option<i64>,
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub keep_days: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct DocumentsForm {
    /// Who sells; empty for the shop's name.
    pub seller_name: Option<String>,
    /// Line by line.
    pub address: Option<String>,
    pub phone: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct HolidayForm {
    /// No new orders are taken.
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub closed: Option<bool>,
    /// What visitors are told; empty for our own words.
    #[serde(default)]
    pub notice: WordsForm,
    /// `2026-08-17`; `null` or empty where no day is told.
    #[serde(default, deserialize_with = "present_text")]
    #[schema(value_type = Option<String>)]
    pub back_on: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct TaxForm {
    /// Hundredths of a per cent: 1000 is 10 %.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u32>)]
    pub rate_bp: Option<i64>,
    /// The same in per cent, as people write it.
    pub rate_percent: Option<String>,
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub included: Option<bool>,
    /// Rates of other tax classes: pairs of name and hundredths of a per cent, or lines of text `name = per cent`.
    pub classes: Option<NamedRates>,
    pub registration_number: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct ShippingForm {
    /// `null` or empty: never free.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Amount>)]
    pub free_from: Option<Option<Amount>>,
    pub home_country: Option<String>,
    pub home_fee: Option<Amount>,
    pub region_fees: Option<RegionFees>,
    /// `null` or empty: nothing is sent abroad.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Amount>)]
    pub abroad_fee: Option<Option<Amount>>,
    pub abroad_countries: Option<Countries>,
    /// Fees of countries that differ from `abroad_fee`: pairs of code and fee, or lines of text `DE = 1800`.
    pub country_fees: Option<RegionFees>,
    /// What larger parcels cost more.
    pub size_extras: Option<Vec<SizeExtraForm>>,
}

#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct SizeExtraForm {
    /// `flat-small`, `flat-large`, `parcel-small` or `parcel-large`.
    pub class: String,
    pub home: Option<Amount>,
    pub abroad: Option<Amount>,
}

/// Pairs of name and rate, or lines of text `name = per cent`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum NamedRates {
    Pairs(Vec<(String, u32)>),
    Text(String),
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct LegalForm {
    #[serde(default)]
    pub terms: WordsForm,
    #[serde(default)]
    pub privacy: WordsForm,
    #[serde(default)]
    pub seller: WordsForm,
}

#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct WordsForm {
    pub en: Option<String>,
    pub ja: Option<String>,
}

/// An amount: a number of minor units, or text as people write it in the shop's currency (`600`, `6.50`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Amount {
    Minor(i64),
    Text(String),
}

/// Pairs of region and fee, or lines of text `region = fee`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum RegionFees {
    Pairs(Vec<(String, i64)>),
    Text(String),
}

/// Country codes (ISO 3166-1 alpha-2), as a list or in one text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Countries {
    List(Vec<String>),
    Text(String),
}

fn optional_switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    input::switch(deserializer).map(Some)
}

/// Tells "not there" from "there and nothing".
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Amount>>, D::Error> {
    let amount = Option::<Amount>::deserialize(deserializer)?;
    Ok(Some(amount.filter(|amount| !matches!(amount, Amount::Text(text) if text.trim().is_empty()))))
}

/// Tells "not there" from "there and nothing", which is empty.
fn present_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::<String>::deserialize(deserializer)?.unwrap_or_default()))
}

const MAX_NOTICE: usize = 500;
const MAX_AMOUNT: i64 = 100_000_000;
const MAX_LEGAL: usize = 50_000;

/// `old` with the change, one version later.
///
/// # Errors
/// 412 when somebody else changed the settings since, 422 naming every field that does not fit.
pub fn apply(old: &Settings, form: &SettingsForm) -> Result<Settings, Refusal> {
    if form.version.is_some_and(|version| u64::try_from(version) != Ok(old.version)) {
        return Err(Refusal::new(Code::StaleVersion, "people.settings_stale"));
    }
    let mut new = old.clone();
    let mut mistakes = Mistakes::new();
    if let Some(text) = &form.shop_name {
        match clean_line(text, 60) {
            Ok(name) if !name.is_empty() => new.shop_name = name,
            _ => mistakes.add("shop_name", Message::new("people.name_form").with("max", 60)),
        }
    }
    if let Some(text) = &form.currency {
        match text.parse() {
            Ok(currency) => new.currency = currency,
            Err(_) => mistakes.add("currency", Message::new("people.currency_unknown")),
        }
    }
    if let Some(text) = &form.time_zone {
        match jiff::tz::TimeZone::get(text.trim()) {
            Ok(_) => new.time_zone = text.trim().to_owned(),
            Err(_) => mistakes.add("time_zone", Message::new("people.time_zone_unknown")),
        }
    }
    apply_languages(&mut new, form, &mut mistakes);
    let mut email = |name: &str, text: &Option<String>, place: &mut String| {
        let Some(text) = text.as_deref().map(str::trim) else { return };
        if text.is_empty() || looks_like_email(text) {
            text.clone_into(place);
        } else {
            mistakes.add(name, Message::new("people.email_form"));
        }
    };
    email("contact_email", &form.contact_email, &mut new.contact_email);
    email("sender_email", &form.sender_email, &mut new.sender_email);
    if let Some(days) = form.lead_time_days {
        match u32::try_from(days) {
            Ok(days @ 0..=180) => new.lead_time_days = days,
            _ => mistakes.add("lead_time_days", Message::new("people.days_range").with("max", 180)),
        }
    }
    new.set_up = form.set_up.unwrap_or(new.set_up);
    apply_tax(&mut new, &form.tax, &mut mistakes);
    shipping::apply(&mut new, &form.shipping, &mut mistakes);
    privacy::apply(&mut new, &form.privacy, &mut mistakes);
    means::apply(&mut new, &form.means, &mut mistakes);
    delivery::apply(&mut new, &form.delivery, &mut mistakes);
    brand::apply(&mut new, &form.brand, &mut mistakes);
    apply_documents(&mut new, &form.documents, &mut mistakes);
    apply_legal(&mut new, &form.legal, &mut mistakes);
    apply_backup(&mut new, &form.backup, &mut mistakes);
    apply_holiday(&mut new, &form.holiday, &mut mistakes);
    mistakes.into_result()?;
    if new != *old {
        new.version += 1;
    }
    Ok(new)
}

/// The shop's own language, and what else it speaks. A language becomes the shop's own only while it is offered or is switched on with it,
/// so nobody is left without words.
fn apply_languages(new: &mut Settings, form: &SettingsForm, mistakes: &mut Mistakes) {
    let unknown = || Message::new("people.language_unknown");
    if let Some(text) = &form.language {
        match Lang::from_tag(text) {
            Some(lang) => new.language = lang,
            None => return mistakes.add("language", unknown()),
        }
    }
    match &form.languages {
        // A form with every tick taken away sends one empty text.
        Some(tags) => {
            let tags = tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty());
            let Some(languages) = tags.map(Lang::from_tag).collect::<Option<Vec<Lang>>>() else {
                return mistakes.add("languages", unknown());
            };
            if !languages.contains(&new.language) {
                return mistakes.add("languages", Message::new("people.language_stays"));
            }
            new.languages = Lang::ALL.into_iter().filter(|lang| languages.contains(lang)).collect();
        }
        None if !new.languages.contains(&new.language) => {
            new.languages = Lang::ALL.into_iter().filter(|lang| new.speaks(*lang)).collect();
        }
        None => {}
    }
}

fn apply_tax(new: &mut Settings, form: &TaxForm, mistakes: &mut Mistakes) {
    let rate = match (&form.rate_percent, form.rate_bp) {
        (Some(text), _) => Some(hundredths(text)),
        (None, Some(rate)) => Some(u32::try_from(rate).ok()),
        (None, None) => None,
    };
    match rate {
        None => {}
        Some(Some(rate @ 0..=10_000)) => new.tax.rate_bp = rate,
        Some(_) => {
            let field = if form.rate_percent.is_some() { "tax.rate_percent" } else { "tax.rate_bp" };
            mistakes.add(field, Message::new("people.rate_range"));
        }
    }
    new.tax.included = form.included.unwrap_or(new.tax.included);
    if let Some(rates) = &form.classes {
        match named_rates(rates) {
            Some(classes) => new.tax.classes = classes,
            None => mistakes.add("tax.classes", Message::new("people.tax_classes_form")),
        }
    }
    if let Some(text) = &form.registration_number {
        match clean_line(text, 40) {
            Ok(number) => new.tax.registration_number = number,
            Err(_) => mistakes.add("tax.registration_number", Message::new("people.text_long").with("max", 40)),
        }
    }
}

fn apply_documents(new: &mut Settings, form: &DocumentsForm, mistakes: &mut Mistakes) {
    let documents = &mut new.documents;
    let lines = [
        ("documents.seller_name", &form.seller_name, &mut documents.seller_name, 80),
        ("documents.phone", &form.phone, &mut documents.phone, 40),
    ];
    for (field, given, place, max) in lines {
        let Some(text) = given else { continue };
        match clean_line(text, max) {
            Ok(text) => *place = text,
            Err(_) => mistakes.add(field, Message::new("people.text_long").with("max", max)),
        }
    }
    if let Some(text) = &form.address {
        match clean_block(text, 400) {
            Ok(text) if text.lines().count() <= 6 => documents.address = text,
            _ => mistakes.add("documents.address", Message::new("people.address_form")),
        }
    }
}

fn apply_legal(new: &mut Settings, form: &LegalForm, mistakes: &mut Mistakes) {
    let texts = [
        ("legal.terms.en", &form.terms.en, &mut new.legal.terms.en),
        ("legal.terms.ja", &form.terms.ja, &mut new.legal.terms.ja),
        ("legal.privacy.en", &form.privacy.en, &mut new.legal.privacy.en),
        ("legal.privacy.ja", &form.privacy.ja, &mut new.legal.privacy.ja),
        ("legal.seller.en", &form.seller.en, &mut new.legal.seller.en),
        ("legal.seller.ja", &form.seller.ja, &mut new.legal.seller.ja),
    ];
    for (field, given, place) in texts {
        let Some(text) = given else { continue };
        match clean_block(text, MAX_LEGAL) {
            Ok(text) => *place = text,
            Err(_) => mistakes.add(field, Message::new("people.text_long").with("max", MAX_LEGAL)),
        }
    }
}

fn apply_backup(new: &mut Settings, form: &BackupForm, mistakes: &mut Mistakes) {
    new.backup.daily = form.daily.unwrap_or(new.backup.daily);
    if let Some(hour) = form.hour {
        match u32::try_from(hour) {
            Ok(hour @ 0..=23) => new.backup.hour = hour,
            _ => mistakes.add("backup.hour", Message::new("people.hour_range")),
        }
    }
    if let Some(days) = form.keep_days {
        match u32::try_from(days) {
            Ok(days @ 1..=365) => new.backup.keep_days = days,
            _ => mistakes.add("backup.keep_days", Message::new("people.keep_days_range").with("max", 365)),
        }
    }
}

fn apply_holiday(new: &mut Settings, form: &HolidayForm, mistakes: &mut Mistakes) {
    new.holiday.closed = form.closed.unwrap_or(new.holiday.closed);
    let notice = &mut new.holiday.notice;
    let texts = [
        ("holiday.notice.en", &form.notice.en, &mut notice.en),
        ("holiday.notice.ja", &form.notice.ja, &mut notice.ja),
    ];
    for (field, given, place) in texts {
        let Some(text) = given else { continue };
        match clean_line(text, MAX_NOTICE) {
            Ok(text) => *place = text,
            Err(_) => mistakes.add(field, Message::new("people.text_long").with("max", MAX_NOTICE)),
        }
    }
    match form.back_on.as_deref().map(str::trim) {
        None => {}
        Some("") => new.holiday.back_on = None,
        Some(text) => match text.parse::<jiff::civil::Date>() {
            Ok(day) => new.holiday.back_on = Some(day.to_string()),
            Err(_) => mistakes.add("holiday.back_on", Message::new("people.day_form")),
        },
    }
}

/// Per cent with up to two decimals, in hundredths: `8`, `10.0`, `7,75`.
fn hundredths(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches('%').trim_end().replace(',', ".");
    decimal(&text, 2).and_then(|number| u32::try_from(number).ok())
}

/// Digits with up to `decimals` behind a point, as a whole number of the smallest unit.
fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals as usize {
        return None;
    }
    format!("{whole}{fraction:0<width$}", width = decimals as usize).parse().ok()
}

/// Minor units of an amount as typed; `None` for what is none in this currency.
pub fn minor_units(amount: &Amount, currency: Currency) -> Option<i64> {
    let minor = match amount {
        Amount::Minor(minor) => *minor,
        Amount::Text(text) => currency.read(text)?,
    };
    ((0..=MAX_AMOUNT).contains(&minor) && minor % currency.step() == 0).then_some(minor)
}

fn named_rates(rates: &NamedRates) -> Option<Vec<(String, u32)>> {
    let pairs: Vec<(String, u32)> = match rates {
        NamedRates::Pairs(pairs) => pairs.clone(),
        NamedRates::Text(text) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                line.split_once(['=', '＝']).and_then(|(name, rate)| Some((name.to_owned(), hundredths(rate)?)))
            })
            .collect::<Option<_>>()?,
    };
    let cleaned: Vec<(String, u32)> = pairs
        .iter()
        .map(|(name, rate)| clean_line(name, 40).ok().filter(|name| !name.is_empty()).map(|name| (name, *rate)))
        .collect::<Option<_>>()?;
    let names: HashSet<&String> = cleaned.iter().map(|(name, _)| name).collect();
    let fits = cleaned.len() <= 20 && names.len() == cleaned.len() && cleaned.iter().all(|(_, rate)| *rate <= 10_000);
    fits.then_some(cleaned)
}

/// An amount as people would type it in this currency.
fn example(currency: Currency) -> String {
    let minor = if currency.decimals() == 3 { 6000 } else { 600 };
    Money::new(minor, currency).digits()
}

#[cfg(test)]
mod tests;
