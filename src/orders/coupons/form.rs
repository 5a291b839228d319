//! What the staff fills in about a coupon, and how it is checked.

use super::{Coupon, CouponId, Worth, folded, normal};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::clean_line;
use crate::kernel::{Code, Currency, Message, Moment, Money, Refusal};
use crate::orders::web::admin::start_of_day;
use crate::orders::web::view::percent_text;
use crate::web::input;
use serde::{Deserialize, Deserializer};

/// The largest number a limit can be: up to there uses are counted one by one.
const MAX_LIMIT: i64 = 100_000;
const MAX_AMOUNT: i64 = 99_999_999;

/// A coupon as it arrives. With a change, what is absent stays; empty text takes a rule away.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct CouponInput {
    pub code: Option<String>,
    /// Per cent off the goods, with up to two decimals. Either this or `amount`.
    #[serde(default, deserialize_with = "given_text")]
    #[schema(value_type = Option<f64>)]
    pub percent: Option<String>,
    /// Off the goods: minor units as a number, or text as people write amounts.
    #[serde(default, deserialize_with = "given_amount")]
    #[schema(value_type = Option<i64>)]
    pub amount: Option<Typed>,
    /// What the goods must come to, likewise.
    #[serde(default, deserialize_with = "given_amount")]
    #[schema(value_type = Option<i64>)]
    pub minimum: Option<Typed>,
    /// RFC 3339, or a day in the shop's time zone.
    #[serde(default, deserialize_with = "given_text")]
    #[schema(value_type = Option<String>)]
    pub starts_at: Option<String>,
    /// RFC 3339 (the first moment at which it no longer counts), or the last day on which it does.
    #[serde(default, deserialize_with = "given_text")]
    #[schema(value_type = Option<String>)]
    pub ends_at: Option<String>,
    /// Orders in all.
    #[serde(default, deserialize_with = "given_text")]
    #[schema(value_type = Option<u32>)]
    pub limit: Option<String>,
    /// Orders of one customer, known by e-mail address and by browser.
    #[serde(default, deserialize_with = "given_text")]
    #[schema(value_type = Option<u32>)]
    pub limit_per_customer: Option<String>,
    #[serde(default, deserialize_with = "given_switch")]
    #[schema(value_type = Option<bool>)]
    pub active: Option<bool>,
    pub note: Option<String>,
    /// The version the change was made from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "input::optional_number")]
    #[schema(value_type = Option<u64>)]
    pub version: Option<i64>,
}

/// An amount in minor units, or as people write it. Empty text is nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Typed {
    Minor(i64),
    Text(String),
}

impl Typed {
    fn is_empty(&self) -> bool {
        matches!(self, Typed::Text(text) if text.trim().is_empty())
    }

    fn minor(&self, currency: Currency) -> Option<i64> {
        let minor = match self {
            Typed::Minor(minor) => *minor,
            Typed::Text(text) => currency.read(text)?,
        };
        ((0..=MAX_AMOUNT).contains(&minor) && minor % currency.step() == 0).then_some(minor)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(serde_json::Number),
}

/// Text or a number, as text; `null` is empty text, which takes a rule away.
fn given_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(match Option::<TextOrNumber>::deserialize(deserializer)? {
        None => String::new(),
        Some(TextOrNumber::Text(text)) => text,
        Some(TextOrNumber::Number(number)) => number.to_string(),
    }))
}

fn given_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Typed>, D::Error> {
    Ok(Some(Option::<Typed>::deserialize(deserializer)?.unwrap_or(Typed::Text(String::new()))))
}

fn given_switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    input::switch(deserializer).map(Some)
}

/// Where the coupons are checked.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub currency: Currency,
    /// IANA name.
    pub zone: &'a str,
    pub now: Moment,
}

/// A coupon with nothing said about it yet.
pub fn blank(id: CouponId, now: Moment) -> Coupon {
    Coupon {
        id,
        code: String::new(),
        worth: Worth::Percent(0),
        minimum: 0,
        starts_at: None,
        ends_at: None,
        limit: None,
        limit_per_customer: None,
        active: true,
        note: String::new(),
        version: 0,
        created_at: now,
        updated_at: now,
    }
}

/// `old` with the change, one version later.
///
/// # Errors
/// 412 when somebody else changed it since, 422 naming every field that does not fit.
pub fn apply(old: &Coupon, input: &CouponInput, place: Place<'_>) -> Result<Coupon, Refusal> {
    if input.version.is_some_and(|version| u64::try_from(version) != Ok(old.version)) {
        return Err(Refusal::new(Code::StaleVersion, "orders.coupon_stale"));
    }
    let mut new = old.clone();
    let mut mistakes = Mistakes::new();
    let is_new = old.version == 0;
    if let Some(code) = input.code.as_deref().or(is_new.then_some("")) {
        let code = normal(code);
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if (3..=40).contains(&code.chars().count()) && folded(&code).chars().count() >= 3 && code.chars().all(plain) {
            new.code = code;
        } else {
            mistakes.add("code", Message::new("orders.coupon_code_form"));
        }
    }
    let percent = input.percent.as_deref().filter(|text| !text.trim().is_empty());
    let amount = input.amount.as_ref().filter(|amount| !amount.is_empty());
    match (percent, amount) {
        (Some(_), Some(_)) => mistakes.add("amount", Message::new("orders.coupon_worth_both")),
        (Some(text), None) => match hundredths(text) {
            Some(rate_bp @ 1..=10_000) => new.worth = Worth::Percent(rate_bp),
            _ => mistakes.add("percent", Message::new("orders.coupon_percent_form")),
        },
        (None, Some(typed)) => match typed.minor(place.currency) {
            Some(minor) if minor > 0 => new.worth = Worth::Amount(Money::new(minor, place.currency)),
            _ => mistakes.add("amount", amount_form(place.currency)),
        },
        (None, None) if is_new || (input.percent.is_some() && input.amount.is_some()) => {
            mistakes.add("percent", Message::new("orders.coupon_worth_none"));
        }
        (None, None) => {}
    }
    match &input.minimum {
        None => {}
        Some(typed) if typed.is_empty() => new.minimum = 0,
        Some(typed) => match typed.minor(place.currency) {
            Some(minor) => new.minimum = minor,
            None => mistakes.add("minimum", amount_form(place.currency)),
        },
    }
    let shown = Fields::of(old, place);
    let mut moment = |field: &str, text: &Option<String>, shown: &str, days: i64, at: &mut Option<Moment>| {
        match text.as_deref().map(str::trim) {
            // A day that was shown and comes back says nothing about the hour that is stored.
            None => {}
            Some(text) if text == shown => {}
            Some("") => *at = None,
            Some(text) => match Moment::parse(text).or_else(|| start_of_day(text, place.zone, days)) {
                Some(moment) => *at = Some(moment),
                None => mistakes.add(field, Message::new("orders.day_form")),
            },
        }
    };
    moment("starts_at", &input.starts_at, &shown.starts_at, 0, &mut new.starts_at);
    moment("ends_at", &input.ends_at, &shown.ends_at, 1, &mut new.ends_at);
    if let (Some(start), Some(end)) = (new.starts_at, new.ends_at)
        && end <= start
    {
        mistakes.add("ends_at", Message::new("orders.coupon_period"));
    }
    let mut limit = |field: &str, text: &Option<String>, limit: &mut Option<u32>| match text.as_deref().map(str::trim) {
        None => {}
        Some("") => *limit = None,
        Some(text) => match text.parse::<i64>() {
            Ok(number) if (1..=MAX_LIMIT).contains(&number) => *limit = u32::try_from(number).ok(),
            _ => mistakes.add(field, Message::new("orders.coupon_limit_form").with("max", MAX_LIMIT)),
        },
    };
    limit("limit", &input.limit, &mut new.limit);
    limit("limit_per_customer", &input.limit_per_customer, &mut new.limit_per_customer);
    new.active = input.active.unwrap_or(new.active);
    if let Some(note) = &input.note {
        match clean_line(note, 200) {
            Ok(note) => new.note = note,
            Err(_) => mistakes.add("note", Message::new("orders.too_long").with("max", 200)),
        }
    }
    mistakes.into_result()?;
    if new != *old {
        new.version += 1;
        new.updated_at = place.now;
    }
    Ok(new)
}

fn amount_form(currency: Currency) -> Message {
    let example = Money::new(500 * 10i64.pow(currency.decimals()), currency).digits();
    Message::new("orders.coupon_amount_form").with("example", example)
}

/// Per cent with up to two decimals, in hundredths: `10`, `7.5`, `7,75 %`.
fn hundredths(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches(['%', '％']).trim_end().replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > 2 || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok()
}

/// Every field as text, for a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub code: String,
    pub percent: String,
    pub amount: String,
    pub minimum: String,
    pub starts_at: String,
    pub ends_at: String,
    pub limit: String,
    pub limit_per_customer: String,
    pub active: bool,
    pub note: String,
    pub version: u64,
}

impl Fields {
    pub fn of(coupon: &Coupon, place: Place<'_>) -> Fields {
        let (percent, amount) = match coupon.worth {
            Worth::Percent(0) => (String::new(), String::new()),
            Worth::Percent(rate_bp) => (percent_text(rate_bp), String::new()),
            Worth::Amount(money) => (String::new(), money.digits()),
        };
        let day = |at: Option<Moment>| at.map(|at| day(at, place.zone)).unwrap_or_default();
        let number = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let minimum = Money::new(coupon.minimum, place.currency).digits();
        Fields {
            code: coupon.code.clone(),
            percent,
            amount,
            minimum: if coupon.minimum == 0 { String::new() } else { minimum },
            starts_at: day(coupon.starts_at),
            // It ends with the day whose last moment still counts.
            ends_at: day(coupon.ends_at.map(|end| end.plus_millis(-1))),
            limit: number(coupon.limit),
            limit_per_customer: number(coupon.limit_per_customer),
            active: coupon.active,
            note: coupon.note.clone(),
            version: coupon.version,
        }
    }

    /// Puts what was typed over what is stored.
    pub fn typed(mut self, input: &CouponInput) -> Fields {
        let text = |given: Option<&String>, place: &mut String| {
            if let Some(given) = given {
                place.clone_from(given);
            }
        };
        let amount = |given: &Option<Typed>, place: &mut String| match given {
            None => {}
            Some(Typed::Minor(minor)) => *place = minor.to_string(),
            Some(Typed::Text(typed)) => place.clone_from(typed),
        };
        text(input.code.as_ref(), &mut self.code);
        text(input.percent.as_ref(), &mut self.percent);
        amount(&input.amount, &mut self.amount);
        amount(&input.minimum, &mut self.minimum);
        text(input.starts_at.as_ref(), &mut self.starts_at);
        text(input.ends_at.as_ref(), &mut self.ends_at);
        text(input.limit.as_ref(), &mut self.limit);
        text(input.limit_per_customer.as_ref(), &mut self.limit_per_customer);
        text(input.note.as_ref(), &mut self.note);
        self.active = input.active.unwrap_or(self.active);
        self
    }
}

/// The day of a moment in `zone`, as a form writes it.
fn day(at: Moment, zone: &str) -> String {
    let Ok(timestamp) = jiff::Timestamp::from_millisecond(at.unix_millis()) else { return String::new() };
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    timestamp.to_zoned(zone).date().to_string()
}
