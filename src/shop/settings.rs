//! What the owner decides about the business, edited in the panel.

pub mod brand;
pub mod delivery;

use crate::kernel::lang::Words;
use crate::kernel::{Currency, Fault, Lang, Moment};
use crate::store::{Snapshot, Table, WriteTx};
use brand::Brand;
use delivery::Delivery;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

static SETTINGS: Table<String, Settings> = Table::new("settings", 1);

/// The business settings. New fields have defaults, so that old rows stay readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub shop_name: String,
    pub currency: Currency,
    /// IANA name.
    pub time_zone: String,
    /// Spoken to visitors whose browser wishes neither of ours.
    pub language: Lang,
    /// What the shop offers; its own language is offered whatever stands here.
    pub languages: Vec<Lang>,
    /// Shown to customers for questions; also `Reply-To` of mails.
    pub contact_email: String,
    /// `From` of mails; empty stands for `mail.from` of the configuration.
    pub sender_email: String,
    pub tax: Tax,
    pub shipping: Shipping,
    pub documents: Documents,
    pub sender: Sender,
    pub means: Means,
    pub privacy: Privacy,
    /// "Ships in N days": open days.
    pub lead_time_days: u32,
    pub delivery: Delivery,
    pub brand: Brand,
    pub legal: Legal,
    pub backup: Backup,
    pub holiday: Holiday,
    /// The owner went through the first set-up.
    pub set_up: bool,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tax {
    /// Per cent in hundredths: 1000 is 10 %.
    pub rate_bp: u32,
    /// Prices contain the tax.
    pub included: bool,
    /// Rates of products that are not taxed like the rest, by the name of their tax class.
    pub classes: Vec<(String, u32)>,
    /// The number on invoices (qualified invoice issuer, VAT).
    pub registration_number: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shipping {
    /// Minor units; free from this much on (after discounts). `None` is never.
    pub free_from: Option<i64>,
    pub home_country: String,
    /// Minor units, within the home country.
    pub home_fee: i64,
    /// Fees for regions that cost more or less, by region name (prefecture).
    pub region_fees: Vec<(String, i64)>,
    /// Minor units for other countries; `None` does not ship abroad.
    pub abroad_fee: Option<i64>,
    /// ISO 3166-1 alpha-2 codes shipped to besides the home country, if `abroad_fee` is set.
    pub abroad_countries: Vec<String>,
    /// Countries whose fee is not `abroad_fee`, by code.
    pub country_fees: Vec<(String, i64)>,
    /// What larger parcels cost more. A class that is missing costs nothing more.
    pub size_extras: Vec<SizeExtra>,
}

/// What parcels of one size class cost on top of the fee for the place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SizeExtra {
    /// One of [`SIZE_CLASSES`].
    pub class: String,
    /// Minor units, within the home country.
    pub home: i64,
    /// Minor units, everywhere else.
    pub abroad: i64,
}

/// What kind of parcel a thing fits, the smallest first.
pub const SIZE_CLASSES: [&str; 4] = ["flat-small", "flat-large", "parcel-small", "parcel-large"];

/// What stands on invoices and receipts about the shop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Documents {
    /// The name that sells: a company's, or a person's. Empty for the shop's name.
    pub seller_name: String,
    /// Line by line, as it is written on a letter.
    pub address: String,
    pub phone: String,
}

impl Settings {
    /// What invoices lack, as the last part of keys under `people.missing.`.
    pub fn missing_on_documents(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.documents.address.trim().is_empty() {
            missing.push("seller_address");
        }
        if self.tax.registration_number.trim().is_empty() {
            missing.push("registration_number");
        }
        missing
    }

    /// The rate of a tax class, in hundredths of a per cent; the shop's own for a class that it does not know.
    pub fn rate_of(&self, tax_class: &str) -> u32 {
        let known = self.tax.classes.iter().find(|(name, _)| name == tax_class);
        known.map_or(self.tax.rate_bp, |(_, rate)| *rate)
    }
}

/// Who sends the parcels, as it stands on their labels, and what the carriers call the shop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Sender {
    pub name: String,
    pub postal_code: String,
    pub address: String,
    pub building: String,
    pub phone: String,
    /// 請求先顧客コード.
    pub yamato_customer: String,
    /// 運賃管理番号.
    pub yamato_fare: String,
    /// お客様コード.
    pub sagawa_customer: String,
}

/// Means of payment besides Stripe's page, each of which the owner may switch on. Staff record their money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Means {
    pub bank_transfer: bool,
    /// Bank, branch and account, as customers are told.
    pub bank_account: Words,
    /// Within the home country only.
    pub cash_on_delivery: bool,
    /// Minor units, added to the order.
    pub cash_on_delivery_fee: i64,
    /// At a stall or over the counter.
    pub stall: bool,
    /// Where and when the stall is.
    pub stall_notice: Words,
}

/// How long what customers gave is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Privacy {
    /// Photos and print files go so many days after the delivery; `None` keeps them.
    pub photos_days: Option<u32>,
    /// Photos of designs that were never ordered go so many days after the design was last touched; `None` keeps them.
    pub unordered_days: Option<u32>,
}

/// Pages the law asks for. Empty ones are shown as missing in the panel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Legal {
    pub terms: Words,
    pub privacy: Words,
    /// 特定商取引法に基づく表記, or the imprint elsewhere.
    pub seller: Words,
}

/// The copies the shop makes of itself, into `backups` in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backup {
    pub daily: bool,
    /// The hour in which it is made, in the shop's time zone.
    pub hour: u32,
    /// Older ones are removed.
    pub keep_days: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Backup { daily: true, hour: 3, keep_days: 7 }
    }
}

/// The shop takes no orders for a while. Designing goes on, and payments that are under way are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holiday {
    pub closed: bool,
    /// What visitors are told; empty for our own words.
    pub notice: Words,
    /// The day it opens again, `2026-08-17`; told to visitors. Nothing opens by itself.
    pub back_on: Option<String>,
}

impl Settings {
    /// The shop speaks this language to its visitors.
    pub fn speaks(&self, lang: Lang) -> bool {
        lang == self.language || self.languages.contains(&lang)
    }

    /// The languages the shop speaks to its visitors.
    pub fn spoken(&self) -> impl Iterator<Item = Lang> + '_ {
        Lang::ALL.into_iter().filter(|lang| self.speaks(*lang))
    }

    /// The shop's time zone; UTC for a name that is none.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The moment at which, `days` after the day `2024-05-01`, the day begins in the shop's time zone.
    pub fn start_of_day(&self, day: &str, days: i64) -> Option<Moment> {
        let date: jiff::civil::Date = day.parse().ok()?;
        let date = date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        Some(Moment(date.to_zoned(self.zone()).ok()?.timestamp().as_millisecond()))
    }
}

impl Legal {
    /// The names of pages that are still empty in the shop's own language.
    pub fn missing(&self, lang: Lang) -> Vec<&'static str> {
        let pages = [("terms", &self.terms), ("privacy", &self.privacy), ("seller", &self.seller)];
        pages.into_iter().filter(|(_, words)| words.get(lang).trim().is_empty()).map(|(name, _)| name).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            shop_name: "petstar".into(),
            currency: Currency::JPY,
            time_zone: "Asia/Tokyo".into(),
            language: Lang::En,
            languages: Lang::ALL.to_vec(),
            contact_email: String::new(),
            sender_email: String::new(),
            tax: Tax::default(),
            shipping: Shipping::default(),
            documents: Documents::default(),
            sender: Sender::default(),
            means: Means::default(),
            privacy: Privacy::default(),
            lead_time_days: 5,
            delivery: Delivery::default(),
            brand: Brand::default(),
            legal: Legal::default(),
            backup: Backup::default(),
            holiday: Holiday::default(),
            set_up: false,
            version: 0,
        }
    }
}

impl Default for Tax {
    fn default() -> Self {
        Tax { rate_bp: 1000, included: true, classes: Vec::new(), registration_number: String::new() }
    }
}

impl Default for Shipping {
    fn default() -> Self {
        Shipping {
            free_from: Some(8000),
            home_country: "JP".into(),
            home_fee: 600,
            region_fees: vec![("北海道".into(), 900), ("沖縄県".into(), 1200)],
            abroad_fee: Some(2400),
            abroad_countries: [
                "US", "CA", "GB", "DE", "FR", "IT", "ES", "NL", "AT", "CH", "AU", "NZ", "SG", "HK", "TW", "KR",
            ]
            .map(String::from)
            .to_vec(),
            country_fees: Vec::new(),
            size_extras: Vec::new(),
        }
    }
}

/// # Errors
/// A database that cannot be read.
pub fn load(tx: &impl Snapshot) -> Result<Settings, Fault> {
    Ok(SETTINGS.get(tx, &"shop".to_owned())?.unwrap_or_default())
}

pub(super) fn store(tx: &WriteTx, settings: &Settings) -> Result<(), Fault> {
    SETTINGS.put(tx, &"shop".to_owned(), settings)
}
