//! The settings as the fields of forms: as stored, or as typed when a form comes back.

use super::means::MeansFields;
use super::{Amount, ClosedDays, Countries, NamedRates, RegionFees, SettingsForm, legal};
use crate::kernel::{Currency, Lang, Money};
use crate::shop::settings::brand::{ACCENT, HIGHLIGHT};
use crate::shop::settings::{SIZE_CLASSES, Settings, delivery::Delivery};

/// Every field as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    pub version: u64,
    pub shop_name: String,
    pub currency: String,
    pub time_zone: String,
    pub language: String,
    /// Tags of the languages that are ticked.
    pub languages: Vec<String>,
    pub contact_email: String,
    pub sender_email: String,
    pub lead_time_days: String,
    /// Its bands and closed days of the week, as ticked.
    pub delivery: Delivery,
    pub transit_days: String,
    pub choose_days: String,
    pub closed_days: String,
    pub accent: String,
    pub highlight: String,
    pub tax_rate: String,
    pub tax_included: bool,
    pub registration_number: String,
    pub free_from: String,
    pub home_country: String,
    pub home_fee: String,
    pub region_fees: String,
    pub abroad_fee: String,
    pub abroad_countries: String,
    pub country_fees: String,
    /// One for each size class.
    pub size_extras: Vec<SizeField>,
    pub tax_classes: String,
    pub means: MeansFields,
    pub photos_days: String,
    pub unordered_days: String,
    pub seller_name: String,
    pub seller_address: String,
    pub seller_phone: String,
    /// Terms, privacy, seller; English and Japanese each.
    pub legal: [LegalField; 3],
    pub backup_daily: bool,
    pub backup_hour: String,
    pub backup_keep_days: String,
    pub closed: bool,
    pub notice_en: String,
    pub notice_ja: String,
    pub back_on: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeField {
    pub class: &'static str,
    pub home: String,
    pub abroad: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalField {
    pub name: &'static str,
    pub en: String,
    pub ja: String,
}

impl LegalField {
    /// The key of the page's title.
    pub fn title_key(&self) -> String {
        format!("people.legal.{}", self.name)
    }
}

impl Fields {
    /// This language is ticked.
    pub fn speaks(&self, tag: &str) -> bool {
        self.languages.iter().any(|other| other == tag)
    }

    /// This part of the day is ticked.
    pub fn has_band(&self, band: &str) -> bool {
        self.delivery.bands.iter().any(|other| other == band)
    }

    /// This day of the week is ticked as closed.
    pub fn is_closed_on(&self, weekday: &str) -> bool {
        self.delivery.closed_weekdays.iter().any(|other| other == weekday)
    }

    pub fn of(settings: &Settings) -> Fields {
        let digits = |minor: i64| Money::new(minor, settings.currency).digits();
        let fees = settings.shipping.region_fees.iter().map(|(name, fee)| format!("{name} = {}", digits(*fee)));
        let country_fees =
            settings.shipping.country_fees.iter().map(|(code, fee)| format!("{code} = {}", digits(*fee)));
        let classes = settings.tax.classes.iter().map(|(name, rate)| format!("{name} = {}", percent(*rate)));
        let size_extras = SIZE_CLASSES.into_iter().map(|class| {
            let extra = settings.shipping.size_extras.iter().find(|extra| extra.class == class);
            let shown = |fee: Option<i64>| fee.filter(|fee| *fee > 0).map(digits).unwrap_or_default();
            SizeField {
                class,
                home: shown(extra.map(|extra| extra.home)),
                abroad: shown(extra.map(|extra| extra.abroad)),
            }
        });
        let texts = &settings.legal;
        let page =
            |name, words: &crate::kernel::lang::Words| LegalField { name, en: words.en.clone(), ja: words.ja.clone() };
        Fields {
            version: settings.version,
            shop_name: settings.shop_name.clone(),
            currency: settings.currency.code().to_owned(),
            time_zone: settings.time_zone.clone(),
            language: settings.language.tag().to_owned(),
            languages: settings.spoken().map(|lang| lang.tag().to_owned()).collect(),
            contact_email: settings.contact_email.clone(),
            sender_email: settings.sender_email.clone(),
            lead_time_days: settings.lead_time_days.to_string(),
            delivery: settings.delivery.clone(),
            transit_days: settings.delivery.transit_days.to_string(),
            choose_days: settings.delivery.choose_days.to_string(),
            closed_days: settings.delivery.closed_days.join("\n").replace('/', " – "),
            accent: or_ours(&settings.brand.accent, ACCENT),
            highlight: or_ours(&settings.brand.highlight, HIGHLIGHT),
            tax_rate: percent(settings.tax.rate_bp),
            tax_included: settings.tax.included,
            registration_number: settings.tax.registration_number.clone(),
            free_from: settings.shipping.free_from.map(digits).unwrap_or_default(),
            home_country: settings.shipping.home_country.clone(),
            home_fee: digits(settings.shipping.home_fee),
            region_fees: fees.collect::<Vec<_>>().join("\n"),
            abroad_fee: settings.shipping.abroad_fee.map(digits).unwrap_or_default(),
            abroad_countries: settings.shipping.abroad_countries.join(", "),
            country_fees: country_fees.collect::<Vec<_>>().join("\n"),
            size_extras: size_extras.collect(),
            tax_classes: classes.collect::<Vec<_>>().join("\n"),
            means: MeansFields::of(settings),
            photos_days: settings.privacy.photos_days.map(|days| days.to_string()).unwrap_or_default(),
            unordered_days: settings.privacy.unordered_days.map(|days| days.to_string()).unwrap_or_default(),
            seller_name: settings.documents.seller_name.clone(),
            seller_address: settings.documents.address.clone(),
            seller_phone: settings.documents.phone.clone(),
            legal: [page("terms", &texts.terms), page("privacy", &texts.privacy), page("seller", &texts.seller)],
            backup_daily: settings.backup.daily,
            backup_hour: settings.backup.hour.to_string(),
            backup_keep_days: settings.backup.keep_days.to_string(),
            closed: settings.holiday.closed,
            notice_en: settings.holiday.notice.en.clone(),
            notice_ja: settings.holiday.notice.ja.clone(),
            back_on: settings.holiday.back_on.clone().unwrap_or_default(),
        }
    }

    /// Puts what was typed over what is stored, so that nothing typed is lost with a mistake.
    pub fn typed(mut self, form: &SettingsForm) -> Fields {
        let text = |given: &Option<String>, place: &mut String| {
            if let Some(given) = given {
                place.clone_from(given);
            }
        };
        let amount = |amount: &Amount| match amount {
            Amount::Minor(minor) => minor.to_string(),
            Amount::Text(text) => text.clone(),
        };
        // What was typed stands over what the form was made from, so it is sent with that version again. With the version that is stored
        // now, a second press would put the old values over what somebody else has saved.
        self.version = form.version.and_then(|version| u64::try_from(version).ok()).unwrap_or(self.version);
        text(&form.shop_name, &mut self.shop_name);
        text(&form.currency, &mut self.currency);
        text(&form.time_zone, &mut self.time_zone);
        text(&form.language, &mut self.language);
        if let Some(languages) = &form.languages {
            self.languages.clone_from(languages);
        }
        text(&form.contact_email, &mut self.contact_email);
        text(&form.sender_email, &mut self.sender_email);
        text(&form.lead_time_days.map(|days| days.to_string()), &mut self.lead_time_days);
        text(&form.brand.accent, &mut self.accent);
        text(&form.brand.highlight, &mut self.highlight);
        let delivery = &form.delivery;
        self.delivery.days = delivery.days.unwrap_or(self.delivery.days);
        for (given, place) in [
            (&delivery.bands, &mut self.delivery.bands),
            (&delivery.closed_weekdays, &mut self.delivery.closed_weekdays),
        ] {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
        text(&delivery.transit_days.map(|days| days.to_string()), &mut self.transit_days);
        text(&delivery.choose_days.map(|days| days.to_string()), &mut self.choose_days);
        if let Some(ClosedDays::Text(days)) = &delivery.closed_days {
            self.closed_days.clone_from(days);
        }
        text(&form.tax.rate_percent, &mut self.tax_rate);
        self.tax_included = form.tax.included.unwrap_or(self.tax_included);
        text(&form.tax.registration_number, &mut self.registration_number);
        let shipping = &form.shipping;
        let wish =
            |wish: &Option<Option<Amount>>| wish.as_ref().map(|wish| wish.as_ref().map(amount).unwrap_or_default());
        text(&wish(&shipping.free_from), &mut self.free_from);
        text(&shipping.home_country, &mut self.home_country);
        text(&shipping.home_fee.as_ref().map(amount), &mut self.home_fee);
        text(&wish(&shipping.abroad_fee), &mut self.abroad_fee);
        if let Some(RegionFees::Text(fees)) = &shipping.region_fees {
            self.region_fees.clone_from(fees);
        }
        if let Some(Countries::Text(countries)) = &shipping.abroad_countries {
            self.abroad_countries.clone_from(countries);
        }
        if let Some(RegionFees::Text(fees)) = &shipping.country_fees {
            self.country_fees.clone_from(fees);
        }
        for given in shipping.size_extras.iter().flatten() {
            if let Some(field) = self.size_extras.iter_mut().find(|field| field.class == given.class) {
                text(&given.home.as_ref().map(amount), &mut field.home);
                text(&given.abroad.as_ref().map(amount), &mut field.abroad);
            }
        }
        if let Some(NamedRates::Text(classes)) = &form.tax.classes {
            self.tax_classes.clone_from(classes);
        }
        self.means.type_in(form);
        text(&form.privacy.photos_days, &mut self.photos_days);
        text(&form.privacy.unordered_days, &mut self.unordered_days);
        text(&form.documents.seller_name, &mut self.seller_name);
        text(&form.documents.address, &mut self.seller_address);
        text(&form.documents.phone, &mut self.seller_phone);
        self.backup_daily = form.backup.daily.unwrap_or(self.backup_daily);
        text(&form.backup.hour.map(|hour| hour.to_string()), &mut self.backup_hour);
        text(&form.backup.keep_days.map(|days| days.to_string()), &mut self.backup_keep_days);
        self.closed = form.holiday.closed.unwrap_or(self.closed);
        text(&form.holiday.notice.en, &mut self.notice_en);
        text(&form.holiday.notice.ja, &mut self.notice_ja);
        text(&form.holiday.back_on, &mut self.back_on);
        let pages = [&form.legal.terms, &form.legal.privacy, &form.legal.seller];
        for (field, given) in self.legal.iter_mut().zip(pages) {
            text(&given.en, &mut field.en);
            text(&given.ja, &mut field.ja);
        }
        self
    }

    /// Puts our fill-in texts into the field called `name`.
    pub fn with_template(mut self, name: &str, settings: &Settings) -> Fields {
        for field in &mut self.legal {
            if field.name == name {
                field.en = legal::template(name, Lang::En, settings);
                field.ja = legal::template(name, Lang::Ja, settings);
            }
        }
        self
    }
}

/// A colour field always shows a colour.
fn or_ours(color: &str, ours: &str) -> String {
    if color.is_empty() { ours.to_owned() } else { color.to_owned() }
}

/// `1000` as `10`, `775` as `7.75`.
pub fn percent(rate_bp: u32) -> String {
    let text = format!("{}.{:02}", rate_bp / 100, rate_bp % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What the lists in the forms offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    pub currencies: Vec<String>,
    pub time_zones: Vec<String>,
}

impl Choices {
    /// `time_zone` is offered even if it is none of the usual ones.
    pub fn with(time_zone: &str) -> Choices {
        let mut time_zones: Vec<String> = TIME_ZONES.iter().map(|name| (*name).to_owned()).collect();
        if !time_zones.iter().any(|name| name == time_zone) {
            time_zones.push(time_zone.to_owned());
            time_zones.sort();
        }
        Choices { currencies: Currency::all().iter().map(|currency| currency.code().to_owned()).collect(), time_zones }
    }
}

/// A zone for every offset and rule people shop by; any other IANA name can be set by API.
const TIME_ZONES: &[&str] = &[
    "America/Anchorage",
    "America/Argentina/Buenos_Aires",
    "America/Bogota",
    "America/Chicago",
    "America/Denver",
    "America/Halifax",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Phoenix",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Toronto",
    "America/Vancouver",
    "Asia/Bangkok",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta",
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Manila",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Taipei",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Perth",
    "Australia/Sydney",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Madrid",
    "Europe/Paris",
    "Europe/Rome",
    "Europe/Vienna",
    "Europe/Warsaw",
    "Europe/Zurich",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "UTC",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::settings::apply;
    use crate::web::input;
    use serde_json::json;

    #[test]
    fn what_a_form_shows_can_be_sent_back_unchanged() {
        let settings = Settings::default();
        let fields = Fields::of(&settings);
        let form = json!({
            "version": fields.version, "shop_name": fields.shop_name, "currency": fields.currency,
            "time_zone": fields.time_zone, "language": fields.language, "languages": fields.languages,
            "contact_email": fields.contact_email,
            "lead_time_days": fields.lead_time_days,
            "tax": {"rate_percent": fields.tax_rate, "included": "on"},
            "shipping": {
                "free_from": fields.free_from, "home_country": fields.home_country, "home_fee": fields.home_fee,
                "region_fees": fields.region_fees, "abroad_fee": fields.abroad_fee,
                "abroad_countries": fields.abroad_countries,
            },
        });
        assert_eq!(apply(&settings, &input::from_value(form).unwrap()).unwrap(), settings);
        assert_eq!((percent(1000), percent(775), percent(0)), ("10".into(), "7.75".into(), "0".into()));
    }

    #[test]
    fn every_offered_time_zone_exists() {
        for name in TIME_ZONES {
            assert!(jiff::tz::TimeZone::get(name).is_ok(), "{name}");
        }
        assert!(TIME_ZONES.is_sorted());
        assert!(Choices::with("Asia/Kathmandu").time_zones.contains(&"Asia/Kathmandu".to_owned()));
    }
}
