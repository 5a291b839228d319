//! The day and the part of it on which a customer wishes for the parcel: what is possible, and how it is told.

use super::model::{Order, Wish};
use crate::kernel::refusal::Mistakes;
use crate::kernel::{Code, Lang, Message, Moment, Refusal};
use crate::shop::settings::Settings;
use crate::web::page::day_text;
use crate::web::{Page, input, words};
use jiff::civil::Date;
use serde::Deserialize;

/// A wish as it is sent. Empty is none.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct WishInput {
    /// `2026-05-28`.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub day: Option<String>,
    /// `morning`, `12-14`, `14-16`, `16-18`, `18-20` or `19-21`.
    #[serde(default, deserialize_with = "input::optional_text")]
    pub band: Option<String>,
}

impl From<Wish> for WishInput {
    fn from(wish: Wish) -> Self {
        WishInput { day: wish.day, band: wish.band }
    }
}

/// The wish, if the shop can fulfil it for a parcel to `country` that is paid for now.
pub fn check(settings: &Settings, given: &WishInput, country: &str, now: Moment, mistakes: &mut Mistakes) -> Wish {
    let mut wish = Wish::default();
    let offered = &settings.delivery;
    let is_home = country == settings.shipping.home_country;
    if let Some(text) = &given.day {
        let (first, last) = settings.delivery_days(now);
        let day: Option<Date> = text.trim().parse().ok();
        match day {
            _ if !offered.days => mistakes.add("delivery.day", Message::new("orders.delivery_not_offered")),
            _ if !is_home => mistakes.add("delivery.day", Message::new("orders.delivery_home_only")),
            None => mistakes.add("delivery.day", Message::new("orders.delivery_day_form")),
            Some(day) if (first..=last).contains(&day) => wish.day = Some(day.to_string()),
            Some(_) => {
                let message = Message::new("orders.delivery_day_range").with("first", first).with("last", last);
                mistakes.add("delivery.day", message);
            }
        }
    }
    if let Some(band) = given.band.as_deref().map(str::trim) {
        if offered.bands.is_empty() {
            mistakes.add("delivery.band", Message::new("orders.delivery_not_offered"));
        } else if !is_home {
            mistakes.add("delivery.band", Message::new("orders.delivery_home_only"));
        } else if offered.bands.iter().any(|other| other == band) {
            wish.band = Some(band.to_owned());
        } else {
            mistakes.add("delivery.band", Message::new("orders.delivery_band_form"));
        }
    }
    wish
}

/// Checks that the day can still be kept if the order is paid for now.
///
/// # Errors
/// 409 `order_not_payable` that names the earliest day.
pub fn check_still_possible(settings: &Settings, order: &Order, now: Moment) -> Result<(), Refusal> {
    let Some(day) = day(order) else { return Ok(()) };
    let (first, _) = settings.delivery_days(now);
    if day >= first {
        return Ok(());
    }
    let detail = Message::new("orders.delivery_day_passed").with("day", day).with("first", first);
    Err(Refusal::because(Code::OrderNotPayable, detail))
}

fn day(order: &Order) -> Option<Date> {
    order.delivery.day.as_deref()?.parse().ok()
}

pub fn band_text(band: &str, lang: Lang) -> String {
    words::find(lang, &format!("web.band.{band}")).unwrap_or(band).to_owned()
}

/// The wish in words; nothing where there is none.
pub fn told(order: &Order, lang: Lang) -> Option<String> {
    let parts: Vec<String> =
        [day(order).map(|day| day_text(day, lang)), order.delivery.band.as_deref().map(|band| band_text(band, lang))]
            .into_iter()
            .flatten()
            .collect();
    (!parts.is_empty()).then(|| parts.join(if lang == Lang::Ja { " " } else { ", " }))
}

/// The last day on which the parcel may leave to be there in time.
pub fn send_by(settings: &Settings, order: &Order) -> Option<Date> {
    let span = jiff::Span::new().days(i64::from(settings.delivery.transit_days));
    day(order)?.checked_sub(span).ok()
}

/// When something paid for now leaves, and which closed days are near, in sentences.
pub fn outlook(settings: &Settings, page: &Page, now: Moment) -> Vec<String> {
    let show = |day| day_text(day, page.lang);
    let mut told = vec![page.f1("orders.ships_on", "day", show(settings.ships_by(now)))];
    if let Some((first, last)) = settings.closed_soon(now) {
        let key = if first == last { "orders.closed_soon_day" } else { "orders.closed_soon" };
        told.push(page.f(key, &[("first", show(first)), ("last", show(last))]));
    }
    told
}

/// The days that may be wished for now, with their words.
pub fn days(settings: &Settings, lang: Lang, now: Moment) -> Vec<(String, String)> {
    let (first, last) = settings.delivery_days(now);
    first
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day <= last)
        .map(|day| (day.to_string(), day_text(day, lang)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::model::{PaymentStatus, Status};
    use crate::orders::rules::tests::an_order;
    use crate::shop::settings::delivery::Delivery;

    /// Thursday afternoon in Tokyo.
    const NOW: Moment = Moment(1_779_339_600_000);

    fn settings() -> Settings {
        let delivery = Delivery { days: true, bands: vec!["morning".into(), "19-21".into()], ..Delivery::default() };
        Settings { delivery, lead_time_days: 3, ..Settings::default() }
    }

    fn checked(settings: &Settings, day: &str, band: &str, country: &str) -> Result<Wish, Vec<String>> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut mistakes = Mistakes::new();
        let given = WishInput { day: text(day), band: text(band) };
        let wish = check(settings, &given, country, NOW, &mut mistakes);
        mistakes.into_result().map(|()| wish).map_err(|refusal| {
            refusal
                .errors
                .iter()
                .map(|error| error.message.key.trim_start_matches("orders.delivery_").to_owned())
                .collect()
        })
    }

    #[test]
    fn a_wish_is_taken_only_where_it_can_be_fulfilled() {
        let shop = settings();
        assert_eq!(checked(&shop, "", "", "JP"), Ok(Wish::default()));
        let wish = Wish { day: Some("2026-05-26".into()), band: Some("19-21".into()) };
        assert_eq!(checked(&shop, "2026-05-26", "19-21", "JP"), Ok(wish));
        assert_eq!(checked(&shop, "2026-05-25", "", "JP"), Err(vec!["day_range".into()]));
        assert_eq!(checked(&shop, "2026-06-09", "", "JP"), Err(vec!["day_range".into()]));
        assert_eq!(checked(&shop, "soon", "noon", "JP"), Err(vec!["day_form".into(), "band_form".into()]));
        assert_eq!(checked(&shop, "2026-05-26", "morning", "DE"), Err(vec!["home_only".into(), "home_only".into()]));
        let closed = Settings { delivery: Delivery::default(), ..shop };
        assert_eq!(
            checked(&closed, "2026-05-26", "morning", "JP"),
            Err(vec!["not_offered".into(), "not_offered".into()])
        );
    }

    #[test]
    fn a_day_that_can_no_longer_be_kept_stops_the_payment() {
        let mut order = an_order(Status::Draft, PaymentStatus::Pending, 2980);
        order.delivery.day = Some("2026-05-26".into());
        assert!(check_still_possible(&settings(), &order, NOW).is_ok());
        let refusal = check_still_possible(&settings(), &order, NOW.plus_days(1)).unwrap_err();
        assert_eq!(refusal.code, Code::OrderNotPayable);
        assert_eq!(send_by(&settings(), &order).unwrap().to_string(), "2026-05-24");
        assert_eq!(told(&order, Lang::Ja).as_deref(), Some("2026年5月26日（火）"));
        assert_eq!(told(&order, Lang::En).as_deref(), Some("Tue 26 May 2026"));
        assert_eq!(days(&settings(), Lang::En, NOW).len(), 14);
    }
}
