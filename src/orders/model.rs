//! What an order is: plain data, stored as it stands.

use super::coupons::CouponId;
use crate::catalog::{ProductId, VariantId};
use crate::designs::{DesignId, Frozen};
use crate::kernel::lang::Words;
use crate::kernel::{Currency, Lang, Moment, Money};
use crate::render::compare::Likeness;
use crate::web::SessionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

crate::id!(OrderId);
crate::id!(LineId);

macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[$note:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$note])* $variant,)* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word of the contract, as stored and sent.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|state| state.name() == name)
            }
        }
    };
}

states! {
    /// How far the order as a whole has come.
    Status {
        Draft "draft",
        PendingPayment "pending_payment",
        Paid "paid",
        Processing "processing",
        Shipped "shipped",
        Delivered "delivered",
        Cancelled "cancelled",
        Refunded "refunded",
    }
}

states! {
    /// What is known about the money.
    PaymentStatus {
        Pending "pending",
        /// The customer has chosen a means that takes days, such as a convenience store.
        Processing "processing",
        Succeeded "succeeded",
        Failed "failed",
        Expired "expired",
        PartiallyRefunded "partially_refunded",
        Refunded "refunded",
    }
}

states! {
    /// How the customer has chosen to pay.
    #[derive(Default)]
    PaymentMethod {
        /// On Stripe's page: cards, wallets, convenience stores and what else is offered there.
        #[default]
        Online "online",
        BankTransfer "bank_transfer",
        /// The carrier collects it at the door.
        CashOnDelivery "cash_on_delivery",
        /// At a stall or over the counter.
        Stall "stall",
    }
}

states! {
    /// How far the print room is with one line.
    Production {
        /// For the money, or for the print file.
        Waiting "waiting",
        ReadyToPrint "ready_to_print",
        Printed "printed",
        Packed "packed",
        OnHold "on_hold",
    }
}

/// One purchase. The row is the model: it is stored as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    /// `PS-000123`.
    pub order_number: String,
    /// Whose browser made it.
    pub session: SessionId,
    /// The language the customer ordered in; mails are written in it.
    pub lang: Lang,
    pub status: Status,
    pub payment_status: PaymentStatus,
    #[serde(default)]
    pub payment_method: PaymentMethod,
    /// Its money was taken by hand, and somebody stands for it.
    #[serde(default)]
    pub taken: Option<Taken>,
    pub lines: Vec<Line>,
    pub totals: Totals,
    /// `INV-000123`, given in the transaction in which it was paid, without gaps.
    #[serde(default)]
    pub invoice_number: Option<String>,
    /// The code of its coupon, as shown.
    pub coupon: Option<String>,
    /// It holds a use of this coupon: from the checkout on, until the payment has failed for good.
    #[serde(default)]
    pub coupon_claim: Option<CouponId>,
    pub email: String,
    pub shipping_address: Address,
    /// When the customer would like to have it.
    #[serde(default)]
    pub delivery: Wish,
    pub note: String,
    /// Warnings the customer ticked: codes, or `code:design_id:field` for one of several.
    pub accepted_warnings: Vec<String>,
    /// Goes up by one with each attempt to pay; with the id it is the seed of the payment's idempotency keys.
    pub revision: u32,
    /// When lines and totals were last worked out.
    pub priced_at: Moment,
    pub stripe_checkout_session_id: Option<String>,
    pub stripe_payment_intent_id: Option<String>,
    /// How to pay by a means that takes days, while that is waited for.
    #[serde(default)]
    pub voucher: Option<Voucher>,
    /// Minor units.
    pub amount_refunded: i64,
    /// Blanks are taken off the stock for this order.
    #[serde(default)]
    pub holds_stock: bool,
    pub attention: Vec<Attention>,
    /// What somebody has decided already: the same news does not ask again.
    #[serde(default)]
    pub decided: Vec<Attention>,
    pub tracking: Vec<Tracking>,
    /// The newest file for a carrier's label program that has a label of it.
    #[serde(default)]
    pub label: Option<LabelMade>,
    pub staff_notes: Vec<StaffNote>,
    /// Goes up by one with every change.
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub paid_at: Option<Moment>,
    pub shipped_at: Option<Moment>,
    pub delivered_at: Option<Moment>,
    pub cancelled_at: Option<Moment>,
    /// Photos and print files of its designs were deleted.
    #[serde(default)]
    pub photos_gone_at: Option<Moment>,
    /// What named the customer was taken out; what tax law wants stays.
    #[serde(default)]
    pub erased_at: Option<Moment>,
}

impl Order {
    pub fn currency(&self) -> Currency {
        self.totals.currency
    }

    /// What the customer pays in all.
    pub fn amount(&self) -> Money {
        self.money(self.totals.amount)
    }

    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency())
    }

    /// True from the moment the money is there until it has been given back.
    pub fn is_paid(&self) -> bool {
        matches!(self.payment_status, PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded)
            && matches!(self.status, Status::Paid | Status::Processing | Status::Shipped | Status::Delivered)
    }

    /// It is placed, and the money comes when the parcel does: the pieces are made and sent before (decision 0111).
    pub fn pays_at_door(&self) -> bool {
        self.payment_method == PaymentMethod::CashOnDelivery && self.status == Status::PendingPayment
    }

    /// It is placed, and its money does not come through Stripe: staff will record it.
    pub fn waits_for_hands(&self) -> bool {
        self.payment_method != PaymentMethod::Online && self.status == Status::PendingPayment
    }

    /// Its pieces may be printed: the money is there, or comes at the door.
    pub fn may_be_made(&self) -> bool {
        self.is_paid() || self.pays_at_door()
    }

    /// The print room works on it, and its parcel has not left.
    pub fn is_in_work(&self) -> bool {
        match self.status {
            Status::Paid | Status::Processing => self.is_paid(),
            _ => self.pays_at_door() && self.shipped_at.is_none(),
        }
    }

    /// It is paid at the door, and something of it is packed.
    pub fn is_packed_for_door(&self) -> bool {
        let is_packed = |line: &Line| line.production == Production::Packed && self.is_to_make(line);
        self.pays_at_door() && self.lines.iter().any(is_packed)
    }

    /// A parcel of it leaves next: it is being worked on, or packed to be paid at the door.
    pub fn waits_for_parcel(&self) -> bool {
        self.status == Status::Processing || self.is_packed_for_door()
    }

    /// Since when its pieces wait to be made.
    pub fn waiting_since(&self) -> Moment {
        self.paid_at.unwrap_or(self.created_at)
    }

    /// The print room has something to do with this line: the order is in work, or the line is printed once more after its parcel has left.
    pub fn is_to_make(&self, line: &Line) -> bool {
        self.is_in_work() || line.again && self.may_be_made()
    }

    /// It was bought, or called off: the same can be ordered again.
    pub fn can_be_repeated(&self) -> bool {
        self.paid_at.is_some() || self.status == Status::Cancelled
    }

    /// Pieces in all lines together.
    pub fn pieces(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}

/// Where a customer reads how to pay, and until when: a number for a convenience store, for example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Voucher {
    /// Stripe's page.
    pub url: Option<String>,
    pub expires_at: Option<Moment>,
}

/// All of an order's money, taken by somebody of the staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The staff member's name.
    pub by: String,
    pub method: PaymentMethod,
    pub note: String,
    pub at: Moment,
}

/// So many pieces of one design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub id: LineId,
    pub design_id: DesignId,
    pub product_id: ProductId,
    pub variant_id: VariantId,
    /// The design and its product: "Chelsea · Written in the stars".
    pub title: Words,
    /// "A4 · 21 × 29.7 cm".
    pub variant_name: Words,
    pub size_class: String,
    pub quantity: u32,
    /// Minor units of the order's currency, as all amounts of a line.
    pub unit_price: i64,
    pub subtotal: i64,
    /// This line's share of the order's discount.
    pub discount: i64,
    /// Per cent in hundredths: 1000 is 10 %.
    pub tax_rate_bp: u32,
    pub production: Production,
    /// The print room has it again although its parcel has left: it is printed once more.
    #[serde(default)]
    pub again: bool,
    /// Why it is on hold.
    pub hold: Option<Hold>,
    /// What the params were when the line was priced.
    pub priced_crc32: String,
    /// How many blanks are taken off the stock for it; orders from before this was noted hold as many as their pieces.
    #[serde(default)]
    pub blanks: Option<u32>,
    /// Pixels of the picture shown for the line.
    pub picture_size: (u32, u32),
    /// What is printed, whatever becomes of the design later. Set when the customer goes to pay.
    pub frozen: Option<Frozen>,
}

impl Line {
    /// "Chelsea · Written in the stars (A4 · 21 × 29.7 cm)". A variant that has brackets of its own is not put into others.
    pub fn name(&self, lang: Lang) -> String {
        match self.variant_name.get(lang) {
            "" => self.title.get(lang).to_owned(),
            variant if variant.contains(['(', '（']) => format!("{}／{variant}", self.title.get(lang)),
            variant if lang == Lang::Ja => format!("{}（{variant}）", self.title.get(lang)),
            variant => format!("{} ({variant})", self.title.get(lang)),
        }
    }

    /// What is paid for the line: its subtotal without its share of the discount.
    pub fn amount(&self) -> i64 {
        self.subtotal - self.discount
    }
}

/// Why a line does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Hold {
    /// Somebody of the staff stopped it, and said why.
    Staff { reason: String },
    /// The print file could not be made.
    FinalFailed { reason: String },
    /// The print file is not like the preview the customer approved.
    PrintDiffers(Likeness),
    /// The money was given back.
    Refunded,
    /// The customer was asked to change photo or words, and what was written to them.
    Customer { message: String },
    /// The customer's bank wants the money back; `was` is where the line stood before.
    Disputed { was: Production },
}

/// The sums of an order, worked out by [`super::totals::totals`] and frozen. Minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub currency: Currency,
    pub subtotal: i64,
    pub discount_total: i64,
    pub subtotal_after_discount: i64,
    pub shipping_fee: i64,
    pub payment_fee: i64,
    /// 0 where the prices contain the tax.
    pub tax_added: i64,
    pub amount: i64,
    /// One part for each rate, highest first.
    pub tax_breakdown: Vec<TaxPart>,
    /// The prices contain the tax.
    pub tax_included: bool,
}

/// The tax at one rate, rounded once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxPart {
    /// Per cent in hundredths: 1000 is 10 %.
    pub rate_bp: u32,
    /// What the tax is worked out on, without the tax itself, so that Σ (taxable + tax) is the order's amount.
    pub taxable: i64,
    pub tax: i64,
}

/// Where an order goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Address {
    pub name: String,
    /// How the name is read (フリガナ), in katakana where it is Japanese; empty where nobody told.
    #[serde(default)]
    pub name_kana: String,
    /// `123-4567` in Japan.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Prefecture in Japan (東京都), state or province elsewhere.
    pub region: String,
    pub city: String,
    pub line1: String,
    pub line2: String,
    pub phone: String,
}

/// When a customer would like to have the parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DeliveryWish)]
pub struct Wish {
    /// `2026-05-28`, in the shop's time zone.
    pub day: Option<String>,
    /// `morning`, `12-14`, `14-16`, `16-18`, `18-20` or `19-21`.
    pub band: Option<String>,
}

/// Something about the order that somebody of the staff must decide. Its words stand under `orders.attention.<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    pub code: String,
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    pub at: Moment,
}

/// A parcel under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tracking {
    pub carrier: String,
    pub number: String,
    /// Where the carrier shows the parcel, for the carriers we know.
    pub url: Option<String>,
}

/// A label was made: whoever is about to make another one is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LabelMade {
    /// As it stands with a parcel's number.
    pub carrier: String,
    pub at: Moment,
    pub by: String,
}

/// A note of the staff's, not shown to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StaffNote {
    pub at: Moment,
    pub by: String,
    pub text: String,
}

/// Who did something to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", content = "name", rename_all = "snake_case")]
pub enum Actor {
    Customer,
    Staff(String),
    Stripe,
    System,
}

/// One line of an order's history. Its words stand under `orders.history.<what>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub at: Moment,
    pub actor: Actor,
    pub what: String,
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

impl HistoryEntry {
    pub fn new(at: Moment, actor: Actor, what: &str) -> Self {
        Self { at, actor, what: what.to_owned(), values: BTreeMap::new() }
    }

    /// Sets the value of the place `{name}` in its words.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }
}
