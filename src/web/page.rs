//! What every page knows: language, words, shop name, hashed asset addresses.

use super::{assets, words};
use crate::kernel::{Lang, Moment, Money};
use crate::shop::Shop;
use crate::shop::settings::Holiday;
use crate::shop::settings::brand::Logo;

/// The context of a whole page. Fragments carry it too, for its words.
#[derive(Clone, Debug)]
pub struct Page {
    pub lang: Lang,
    pub shop_name: String,
    /// The visitor may choose another language.
    pub has_other_lang: bool,
    /// The path as asked for, without the query.
    pub path: String,
    /// Absolute address of this page, for search engines.
    pub canonical: String,
    /// Lines in the visitor's basket.
    pub basket_count: usize,
    /// Payments are play money.
    pub sandbox: bool,
    /// What visitors are told while the shop takes no orders; nothing while it does.
    pub closed: Option<String>,
    /// The name of the staff member who is logged in; empty for everybody else.
    pub staff_name: String,
    pub staff_role: Option<super::Role>,
    /// IANA name; times are shown in it.
    pub time_zone: String,
    /// The address of the style sheet with the shop's own colours, where it has some.
    pub style: Option<String>,
    pub logo: Option<Logo>,
    /// A member of the staff is looking.
    pub is_staff: bool,
    /// This page with its query, to come back to; without `lang`, which would win over a language that is chosen.
    pub here: String,
}

/// The owner's sentence, or ours, and the day the shop opens again.
fn closed(holiday: &Holiday, lang: Lang) -> Option<String> {
    if !holiday.closed {
        return None;
    }
    let notice = match holiday.notice.get(lang).trim() {
        "" => words::text(lang, "web.closed"),
        notice => notice,
    };
    let Some(day) = holiday.back_on.as_deref().and_then(|day| day.parse::<jiff::civil::Date>().ok()) else {
        return Some(notice.to_owned());
    };
    let shown = day.strftime(if lang == Lang::Ja { "%Y年%-m月%-d日" } else { "%-d %B %Y" }).to_string();
    let back = words::fill(words::text(lang, "web.closed_until"), &[("date", shown)]);
    Some(if lang == Lang::Ja { format!("{notice}{back}") } else { format!("{notice} {back}") })
}

impl Page {
    pub fn new(shop: &Shop, lang: Lang, path: &str) -> Page {
        let settings = shop.settings();
        Page {
            lang,
            shop_name: settings.shop_name.clone(),
            has_other_lang: settings.spoken().any(|other| other != lang),
            path: path.to_owned(),
            canonical: format!("{}{path}", shop.public_url()),
            basket_count: 0,
            sandbox: shop.is_sandbox(),
            closed: closed(&settings.holiday, lang),
            staff_name: String::new(),
            staff_role: None,
            time_zone: settings.time_zone.clone(),
            style: settings.brand.style_path(),
            logo: settings.brand.logo.clone(),
            is_staff: false,
            here: path.to_owned(),
        }
    }

    /// The words under `key`.
    pub fn t<'a>(&self, key: &'a str) -> &'a str {
        words::text(self.lang, key)
    }

    /// The words under `key` with their places filled.
    pub fn f<V: AsRef<str>>(&self, key: &str, values: &[(&str, V)]) -> String {
        words::fill(words::text(self.lang, key), values)
    }

    /// The words for one place called `name`.
    pub fn f1(&self, key: &str, name: &str, value: impl ToString) -> String {
        words::fill(words::text(self.lang, key), &[(name, value.to_string())])
    }

    /// The words for a number of things (`key.one`, `key.other`).
    pub fn n(&self, key: &str, n: impl TryInto<i64>) -> String {
        words::count(self.lang, key, n.try_into().unwrap_or(0))
    }

    /// The address of an embedded asset, with its content hash.
    pub fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// The staff member may read the whole panel, not only the print room.
    pub fn reads_panel(&self) -> bool {
        self.staff_role.is_some_and(|role| role != super::Role::Printer)
    }

    pub fn is_owner(&self) -> bool {
        self.staff_role == Some(super::Role::Owner)
    }

    /// The staff member may move orders and money.
    pub fn changes_orders(&self) -> bool {
        self.staff_role.is_some_and(super::Role::changes_orders)
    }

    pub fn is_ja(&self) -> bool {
        self.lang == Lang::Ja
    }

    pub fn money(&self, money: &Money) -> String {
        money.show()
    }

    /// A moment in the shop's time zone, as people of this language write it, to the minute.
    pub fn time(&self, moment: &Moment) -> String {
        self.zoned(moment, if self.is_ja() { "%Y年%-m月%-d日 %H:%M" } else { "%-d %B %Y, %H:%M" })
    }

    /// A day in the shop's time zone.
    pub fn date(&self, moment: &Moment) -> String {
        self.zoned(moment, if self.is_ja() { "%Y年%-m月%-d日" } else { "%-d %B %Y" })
    }

    fn zoned(&self, moment: &Moment, format: &str) -> String {
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(moment.unix_millis()) else { return moment.to_string() };
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        timestamp.to_zoned(zone).strftime(format).to_string()
    }
}

/// A day with its weekday: `Thu 28 May 2026`, `2026年5月28日（木）`.
pub fn day_text(day: jiff::civil::Date, lang: Lang) -> String {
    if lang == Lang::En {
        return day.strftime("%a %-d %B %Y").to_string();
    }
    let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
    format!("{}（{}）", day.strftime("%Y年%-m月%-d日"), ["月", "火", "水", "木", "金", "土", "日"][weekday])
}

/// The moment `days` after the day `text` (`2024-05-01`) at which the day begins in `zone`, an IANA name.
pub fn start_of_day(text: &str, zone: &str, days: i64) -> Option<Moment> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let date = date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    Some(Moment(date.to_zoned(zone).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_in_the_shops_time_zone() {
        let day = |text, days| start_of_day(text, "Asia/Tokyo", days).map(|moment| moment.to_string());
        assert_eq!(day("2024-05-01", 0).as_deref(), Some("2024-04-30T15:00:00Z"));
        assert_eq!(day("2024-05-01", 1).as_deref(), Some("2024-05-01T15:00:00Z"));
        assert_eq!(day("May 1st", 0), None);
    }
}
