//! The part of the settings about means of payment besides Stripe's page.

use super::{Amount, SettingsForm, WordsForm, example, minor_units, optional_switch};
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::clean_block;
use crate::kernel::{Message, Money};
use crate::shop::settings::Settings;
use serde::Deserialize;

/// Means of payment besides Stripe's page.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct MeansForm {
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub bank_transfer: Option<bool>,
    /// What customers need to know to transfer the money.
    #[serde(default)]
    pub bank_account: WordsForm,
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub cash_on_delivery: Option<bool>,
    pub cash_on_delivery_fee: Option<Amount>,
    #[serde(default, deserialize_with = "optional_switch")]
    #[schema(value_type = Option<bool>)]
    pub stall: Option<bool>,
    /// Where and when the stall is.
    #[serde(default)]
    pub stall_notice: WordsForm,
}

const MAX_TEXT: usize = 1000;

pub(super) fn apply(new: &mut Settings, form: &MeansForm, mistakes: &mut Mistakes) {
    let currency = new.currency;
    let means = &mut new.means;
    means.bank_transfer = form.bank_transfer.unwrap_or(means.bank_transfer);
    means.cash_on_delivery = form.cash_on_delivery.unwrap_or(means.cash_on_delivery);
    means.stall = form.stall.unwrap_or(means.stall);
    if let Some(amount) = &form.cash_on_delivery_fee {
        let is_empty = matches!(amount, Amount::Text(text) if text.trim().is_empty());
        match if is_empty { Some(0) } else { minor_units(amount, currency) } {
            Some(fee) => means.cash_on_delivery_fee = fee,
            None => mistakes.add(
                "means.cash_on_delivery_fee",
                Message::new("people.amount_form").with("example", example(currency)),
            ),
        }
    }
    let texts = [
        ("means.bank_account.en", &form.bank_account.en, &mut means.bank_account.en),
        ("means.bank_account.ja", &form.bank_account.ja, &mut means.bank_account.ja),
        ("means.stall_notice.en", &form.stall_notice.en, &mut means.stall_notice.en),
        ("means.stall_notice.ja", &form.stall_notice.ja, &mut means.stall_notice.ja),
    ];
    for (field, given, place) in texts {
        let Some(text) = given else { continue };
        match clean_block(text, MAX_TEXT) {
            Ok(text) => *place = text,
            Err(_) => mistakes.add(field, Message::new("people.text_long").with("max", MAX_TEXT)),
        }
    }
    let is_told = !means.bank_account.en.trim().is_empty() || !means.bank_account.ja.trim().is_empty();
    if means.bank_transfer && !is_told {
        mistakes.add("means.bank_account.ja", Message::new("people.means_account_needed"));
    }
}

/// The fields of the form, as stored or as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeansFields {
    pub bank_transfer: bool,
    pub bank_account_en: String,
    pub bank_account_ja: String,
    pub cash_on_delivery: bool,
    pub cash_on_delivery_fee: String,
    pub stall: bool,
    pub stall_notice_en: String,
    pub stall_notice_ja: String,
}

impl MeansFields {
    pub fn of(settings: &Settings) -> MeansFields {
        let means = &settings.means;
        MeansFields {
            bank_transfer: means.bank_transfer,
            bank_account_en: means.bank_account.en.clone(),
            bank_account_ja: means.bank_account.ja.clone(),
            cash_on_delivery: means.cash_on_delivery,
            cash_on_delivery_fee: Money::new(means.cash_on_delivery_fee, settings.currency).digits(),
            stall: means.stall,
            stall_notice_en: means.stall_notice.en.clone(),
            stall_notice_ja: means.stall_notice.ja.clone(),
        }
    }

    /// Puts what was typed over what is stored.
    pub fn type_in(&mut self, form: &SettingsForm) {
        let form = &form.means;
        self.bank_transfer = form.bank_transfer.unwrap_or(self.bank_transfer);
        self.cash_on_delivery = form.cash_on_delivery.unwrap_or(self.cash_on_delivery);
        self.stall = form.stall.unwrap_or(self.stall);
        let fee = form.cash_on_delivery_fee.as_ref().map(|amount| match amount {
            Amount::Minor(minor) => minor.to_string(),
            Amount::Text(text) => text.clone(),
        });
        let texts = [
            (&form.bank_account.en, &mut self.bank_account_en),
            (&form.bank_account.ja, &mut self.bank_account_ja),
            (&form.stall_notice.en, &mut self.stall_notice_en),
            (&form.stall_notice.ja, &mut self.stall_notice_ja),
            (&fee, &mut self.cash_on_delivery_fee),
        ];
        for (given, place) in texts {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
    }
}
