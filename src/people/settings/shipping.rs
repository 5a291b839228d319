//! Where the shop sends to, and what that costs: how a change is checked.

use super::{Amount, Countries, RegionFees, ShippingForm, SizeExtraForm, example, minor_units};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::clean_line;
use crate::kernel::{Currency, Message};
use crate::shop::settings::{SIZE_CLASSES, Settings, SizeExtra};
use std::collections::HashSet;

pub(super) fn apply(new: &mut Settings, form: &ShippingForm, mistakes: &mut Mistakes) {
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
