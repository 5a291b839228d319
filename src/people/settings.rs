//! What the owner decides about the business: how a change to it is checked.
//!
//! Begin with [`apply`].

pub mod fields;
pub mod legal;
pub mod web;

use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{clean_block, clean_line, looks_like_email};
use crate::kernel::{Code, Currency, Lang, Message, Money, Refusal};
use crate::shop::settings::{SIZE_CLASSES, Settings, SizeExtra};
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
    pub documents: DocumentsForm,
    #[serde(default)]
    pub legal: LegalForm,
    #[serde(default)]
    pub backup: BackupForm,
    #[serde(default)]
    pub holiday: HolidayForm,
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
        return Err(Refusal::new(Code::StaleVersion, "people.stale"));
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
    if let Some(text) = &form.language {
        match Lang::from_tag(text) {
            Some(lang) => new.language = lang,
            None => mistakes.add("language", Message::new("people.language_unknown")),
        }
    }
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
    apply_shipping(&mut new, &form.shipping, &mut mistakes);
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

fn apply_shipping(new: &mut Settings, form: &ShippingForm, mistakes: &mut Mistakes) {
    let currency = new.currency;
    let mut fee = |name: &str, amount: &Amount| {
        let minor = minor_units(amount, currency);
        if minor.is_none() {
            mistakes.add(name, Message::new("people.amount_form").with("example", example(currency)));
        }
        minor
    };
    if let Some(wish) = &form.free_from {
        match wish {
            None => new.shipping.free_from = None,
            Some(amount) => new.shipping.free_from = fee("shipping.free_from", amount).or(new.shipping.free_from),
        }
    }
    if let Some(amount) = &form.home_fee {
        new.shipping.home_fee = fee("shipping.home_fee", amount).unwrap_or(new.shipping.home_fee);
    }
    if let Some(wish) = &form.abroad_fee {
        match wish {
            None => new.shipping.abroad_fee = None,
            Some(amount) => new.shipping.abroad_fee = fee("shipping.abroad_fee", amount).or(new.shipping.abroad_fee),
        }
    }
    if let Some(text) = &form.home_country {
        match country(text) {
            Some(code) => new.shipping.home_country = code,
            None => mistakes.add("shipping.home_country", Message::new("people.country_form")),
        }
    }
    match &form.region_fees {
        None => {}
        Some(fees) => match region_fees(fees, currency) {
            Some(fees) => new.shipping.region_fees = fees,
            None => mistakes.add(
                "shipping.region_fees",
                Message::new("people.region_fees_form").with("example", example(currency)),
            ),
        },
    }
    if let Some(fees) = &form.country_fees {
        let codes = region_fees(fees, currency).and_then(|fees| {
            fees.into_iter().map(|(code, fee)| Some((country(&code)?, fee))).collect::<Option<Vec<_>>>()
        });
        match codes {
            Some(fees) => new.shipping.country_fees = fees,
            None => mistakes.add(
                "shipping.country_fees",
                Message::new("people.country_fees_form").with("example", example(currency)),
            ),
        }
    }
    if let Some(extras) = &form.size_extras {
        match size_extras(extras, currency) {
            Ok(extras) => new.shipping.size_extras = extras,
            Err(field) => {
                mistakes.add(field, Message::new("people.amount_form").with("example", example(currency)));
            }
        }
    }
    if let Some(countries) = &form.abroad_countries {
        let codes: Option<Vec<String>> = match countries {
            Countries::List(list) => list.iter().map(|text| country(text)).collect(),
            Countries::Text(text) => text
                .split(|c: char| c.is_whitespace() || c == ',' || c == '、')
                .filter(|text| !text.is_empty())
                .map(country)
                .collect(),
        };
        match codes {
            Some(mut codes) => {
                let mut seen = HashSet::from([new.shipping.home_country.clone()]);
                codes.retain(|code| seen.insert(code.clone()));
                new.shipping.abroad_countries = codes;
            }
            None => mistakes.add("shipping.abroad_countries", Message::new("people.country_form")),
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

fn minor_units(amount: &Amount, currency: Currency) -> Option<i64> {
    let minor = match amount {
        Amount::Minor(minor) => *minor,
        Amount::Text(text) => currency.read(text)?,
    };
    ((0..=MAX_AMOUNT).contains(&minor) && minor % currency.step() == 0).then_some(minor)
}

/// The extras that cost something, in the order of the classes; or the field that does not fit.
fn size_extras(forms: &[SizeExtraForm], currency: Currency) -> Result<Vec<SizeExtra>, String> {
    let mut extras: Vec<SizeExtra> = Vec::new();
    for (at, form) in forms.iter().enumerate() {
        let field = |name: &str| format!("shipping.size_extras.{at}.{name}");
        let is_new = !extras.iter().any(|extra| extra.class == form.class);
        if !SIZE_CLASSES.contains(&form.class.as_str()) || !is_new {
            return Err(field("class"));
        }
        let minor = |amount: &Option<Amount>, name: &str| match amount {
            None => Ok(0),
            Some(Amount::Text(text)) if text.trim().is_empty() => Ok(0),
            Some(amount) => minor_units(amount, currency).ok_or_else(|| field(name)),
        };
        extras.push(SizeExtra {
            class: form.class.clone(),
            home: minor(&form.home, "home")?,
            abroad: minor(&form.abroad, "abroad")?,
        });
    }
    extras.retain(|extra| extra.home > 0 || extra.abroad > 0);
    extras.sort_by_key(|extra| SIZE_CLASSES.iter().position(|class| *class == extra.class));
    Ok(extras)
}

fn named_rates(rates: &NamedRates) -> Option<Vec<(String, u32)>> {
    let pairs: Vec<(String, u32)> = match rates {
        NamedRates::Pairs(pairs) => pairs.clone(),
        NamedRates::Text(text) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.split_once(['=', '＝']).and_then(|(name, rate)| Some((name.to_owned(), hundredths(rate)?))))
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

fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())).then_some(code)
}

fn region_fees(fees: &RegionFees, currency: Currency) -> Option<Vec<(String, i64)>> {
    let pair = |name: &str, amount: &Amount| -> Option<(String, i64)> {
        let name = clean_line(name, 60).ok().filter(|name| !name.is_empty())?;
        Some((name, minor_units(amount, currency)?))
    };
    let pairs: Vec<(String, i64)> = match fees {
        RegionFees::Pairs(pairs) => {
            pairs.iter().map(|(name, fee)| pair(name, &Amount::Minor(*fee))).collect::<Option<_>>()?
        }
        RegionFees::Text(text) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let (name, fee) = line.split_once(['=', '＝'])?;
                pair(name, &Amount::Text(fee.to_owned()))
            })
            .collect::<Option<_>>()?,
    };
    (pairs.len() <= 100).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(value: serde_json::Value) -> Result<Settings, Refusal> {
        let form: SettingsForm = input::from_value(value)?;
        apply(&Settings::default(), &form)
    }

    fn wrong_fields(value: serde_json::Value) -> Vec<String> {
        change(value).unwrap_err().errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_is_absent_stays() {
        assert_eq!(change(json!({})).unwrap(), Settings::default());
        let new = change(json!({"shop_name": " ペットの星 ", "tax": {"rate_percent": "8"}})).unwrap();
        let expected = Settings {
            shop_name: "ペットの星".into(),
            tax: crate::shop::settings::Tax { rate_bp: 800, ..Settings::default().tax },
            version: 1,
            ..Settings::default()
        };
        assert_eq!(new, expected);
    }

    #[test]
    fn what_is_read_can_be_sent_back() {
        let document = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!(change(document).unwrap(), Settings::default());
    }

    #[test]
    fn a_form_says_the_same_as_json() {
        let by_form = change(json!({
            "version": "0", "currency": "eur", "lead_time_days": "3", "set_up": "on",
            "tax": {"rate_percent": "7,75 %", "included": "off"},
            "shipping": {"free_from": "", "home_fee": "6.50", "region_fees": "Sylt = 9\r\n\nHelgoland=12.5", "abroad_fee": "€1,024.00", "abroad_countries": "at, ch de"},
        }));
        let by_json = change(json!({
            "version": 0, "currency": "EUR", "lead_time_days": 3, "set_up": true,
            "tax": {"rate_bp": 775, "included": false},
            "shipping": {"free_from": null, "home_fee": 650, "region_fees": [["Sylt", 900], ["Helgoland", 1250]], "abroad_fee": 102400, "abroad_countries": ["AT", "CH", "DE"]},
        }));
        assert_eq!(by_form, by_json);
        let settings = by_form.unwrap();
        assert_eq!((settings.shipping.free_from, settings.shipping.home_fee), (None, 650));
    }

    #[test]
    fn sizes_countries_tax_classes_and_the_sellers_address() {
        let by_form = change(json!({
            "tax": {"classes": "food = 8\r\nbooks＝0"},
            "shipping": {
                "country_fees": "de = 1,800\nUS = 2600",
                "size_extras": [
                    {"class": "flat-small", "home": "", "abroad": ""},
                    {"class": "parcel-large", "home": "¥900", "abroad": "1500"},
                    {"class": "flat-large", "home": "300", "abroad": "0"},
                ],
            },
            "documents": {"seller_name": "株式会社ペットの星", "address": "〒150-0001\r\n東京都渋谷区神宮前1-2-3", "phone": "03-1234-5678"},
        }))
        .unwrap();
        assert_eq!(by_form.tax.classes, [("food".to_owned(), 800), ("books".to_owned(), 0)]);
        assert_eq!((by_form.rate_of("food"), by_form.rate_of("books"), by_form.rate_of("")), (800, 0, 1000));
        assert_eq!(by_form.shipping.country_fees, [("DE".to_owned(), 1800), ("US".to_owned(), 2600)]);
        let classes: Vec<&str> = by_form.shipping.size_extras.iter().map(|extra| extra.class.as_str()).collect();
        assert_eq!(classes, ["flat-large", "parcel-large"]);
        assert_eq!(by_form.missing_on_documents(), ["registration_number"]);
        // What is read can be sent back.
        let again: SettingsForm = input::from_value(serde_json::to_value(&by_form).unwrap()).unwrap();
        assert_eq!(apply(&by_form, &again).unwrap(), by_form);
        let fields = wrong_fields(json!({
            "tax": {"classes": "food 8"},
            "shipping": {
                "country_fees": "Germany = 5",
                "size_extras": [{"class": "flat-small", "home": "x"}],
            },
            "documents": {"address": "1\n2\n3\n4\n5\n6\n7"},
        }));
        assert_eq!(fields, ["tax.classes", "shipping.country_fees", "shipping.size_extras.0.home", "documents.address"]);
    }

    #[test]
    fn every_mistake_is_named_and_nothing_changes() {
        let fields = wrong_fields(json!({
            "shop_name": " ", "currency": "XXX", "time_zone": "Mars/Olympus", "language": "fr", "contact_email": "me",
            "lead_time_days": 999, "tax": {"rate_percent": "a lot"},
            "shipping": {"home_fee": "6.50", "free_from": -1, "region_fees": "北海道 900", "abroad_countries": "Germany"},
        }));
        let expected = [
            "shop_name",
            "currency",
            "time_zone",
            "language",
            "contact_email",
            "lead_time_days",
            "tax.rate_percent",
            "shipping.free_from",
            "shipping.home_fee",
            "shipping.region_fees",
            "shipping.abroad_countries",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn an_old_version_is_told() {
        let refusal = change(json!({"version": 7, "shop_name": "x"})).unwrap_err();
        assert_eq!(refusal.code, Code::StaleVersion);
    }

    #[test]
    fn examples_fit_their_currency() {
        for (code, shown) in [("JPY", "600"), ("EUR", "6.00"), ("KWD", "6.000")] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!(example(currency), shown);
            assert!(minor_units(&Amount::Text(example(currency)), currency).is_some());
        }
    }
}
