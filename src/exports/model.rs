//! What somebody wants as a file, and how far it is.

use crate::catalog::ProductId;
use crate::kernel::{Lang, Message, Moment, Refusal};
use crate::queue::{JobId, JobStatus};
use crate::shop::settings::Settings;
use crate::web::words;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

crate::id!(
    /// A file that is made, or was made.
    ExportId
);

/// For so long a file is kept.
pub const KEPT_DAYS: i64 = 30;
/// So many places with characters that do not fit are listed one by one; the rest is counted.
pub const LISTED_UNFIT: usize = 100;

/// What stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportKind)]
pub enum Kind {
    Orders,
    Customers,
    Designs,
    Audit,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Orders, Kind::Customers, Kind::Designs, Kind::Audit];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Orders => "orders",
            Kind::Customers => "customers",
            Kind::Designs => "designs",
            Kind::Audit => "audit",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How the text is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ExportEncoding)]
pub enum Encoding {
    /// UTF-8 behind a byte-order mark, by which Excel knows it.
    #[default]
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// Windows-31J, which older Japanese programs want.
    #[serde(rename = "cp932")]
    Cp932,
}

impl Encoding {
    pub const ALL: [Encoding; 2] = [Encoding::Utf8Bom, Encoding::Cp932];

    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8Bom => "utf-8-bom",
            Encoding::Cp932 => "cp932",
        }
    }

    pub fn from_name(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|encoding| encoding.name() == name)
    }
}

/// What one row of an export of orders is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExportRows)]
pub enum Rows {
    #[default]
    PerOrder,
    PerLine,
}

impl Rows {
    pub const ALL: [Rows; 2] = [Rows::PerOrder, Rows::PerLine];

    pub fn name(self) -> &'static str {
        match self {
            Rows::PerOrder => "per_order",
            Rows::PerLine => "per_line",
        }
    }

    pub fn from_name(name: &str) -> Option<Rows> {
        Rows::ALL.into_iter().find(|rows| rows.name() == name)
    }
}

/// What stands above the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportHeads)]
pub enum Heads {
    /// Names that never change, for programs: `order_number`.
    #[default]
    Names,
    /// Words for people.
    En,
    Ja,
}

impl Heads {
    pub const ALL: [Heads; 3] = [Heads::Names, Heads::En, Heads::Ja];

    pub fn name(self) -> &'static str {
        match self {
            Heads::Names => "names",
            Heads::En => "en",
            Heads::Ja => "ja",
        }
    }

    pub fn from_name(name: &str) -> Option<Heads> {
        Heads::ALL.into_iter().find(|heads| heads.name() == name)
    }

    /// The words of a language.
    pub fn of(lang: Lang) -> Heads {
        match lang {
            Lang::En => Heads::En,
            Lang::Ja => Heads::Ja,
        }
    }

    /// What stands above a column.
    pub fn word(self, column: &str) -> &str {
        let lang = match self {
            Heads::Names => return column,
            Heads::En => Lang::En,
            Heads::Ja => Lang::Ja,
        };
        words::find(lang, &format!("exports.column.{column}")).unwrap_or(column)
    }
}

/// What the file is narrowed to, as it was asked for. Empty is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ExportFilters)]
pub struct Filters {
    /// A state of orders, or of designs.
    pub status: String,
    /// The id of a product, or the name in its address: orders with it and their customers, or designs of it.
    pub product: String,
    /// The name of a member of the staff, a token, or `command line`, or its beginning: what the audit log says about them.
    pub actor: String,
    /// This day or later: `2024-05-01` in the shop's time zone, or RFC 3339.
    pub from: String,
    /// This day or earlier.
    pub to: String,
}

/// A file somebody wants. The same wish gives the same bytes while nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub kind: Kind,
    pub encoding: Encoding,
    pub rows: Rows,
    pub filters: Filters,
    /// From [`Filters::from`].
    pub from: Option<Moment>,
    /// The moment behind the last day of [`Filters::to`].
    pub until: Option<Moment>,
    /// From [`Filters::product`].
    #[serde(default)]
    pub product: Option<ProductId>,
    #[serde(default)]
    pub heads: Heads,
}

impl Wish {
    /// A wish with the columns' names at their heads. The product of `filters` is an id.
    ///
    /// # Errors
    /// 422 naming the filter that cannot be read.
    pub fn new(
        kind: Kind,
        encoding: Encoding,
        rows: Rows,
        filters: Filters,
        settings: &Settings,
    ) -> Result<Wish, Refusal> {
        let known = match kind {
            Kind::Orders => crate::orders::Status::from_name(&filters.status).is_some(),
            Kind::Designs => DESIGN_STATES.contains(&filters.status.as_str()),
            Kind::Customers | Kind::Audit => false,
        };
        if !filters.status.is_empty() && !known {
            return Err(Refusal::field("filters.status", Message::new("exports.status_unknown")));
        }
        let unfit = |field| Err(Refusal::field(field, Message::new("exports.filter_unfit")));
        if !filters.product.is_empty() && kind == Kind::Audit {
            return unfit("filters.product");
        }
        if !filters.actor.is_empty() && kind != Kind::Audit {
            return unfit("filters.actor");
        }
        let product = match filters.product.as_str() {
            "" => None,
            id => {
                let unknown = |_| Refusal::field("filters.product", Message::new("panel.product_unknown"));
                Some(id.parse::<Uuid>().map(ProductId).map_err(unknown)?)
            }
        };
        let day = |text: &str, field: &str, days: i64| match text.trim() {
            "" => Ok(None),
            text => {
                let moment = Moment::parse(text).or_else(|| settings.start_of_day(text, days));
                moment.map(Some).ok_or_else(|| Refusal::field(field, Message::new("orders.day_form")))
            }
        };
        let (from, until) = (day(&filters.from, "filters.from", 0)?, day(&filters.to, "filters.to", 1)?);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(Refusal::field("filters.to", Message::new("exports.days_turned")));
        }
        // Only orders have lines.
        let rows = if kind == Kind::Orders { rows } else { Rows::PerOrder };
        Ok(Wish { kind, encoding, rows, filters, from, until, product, heads: Heads::default() })
    }

    /// Whether something that happened `at` is wanted.
    pub fn covers(&self, at: Moment) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }

    /// True when nothing is left out.
    pub fn is_everything(&self) -> bool {
        let Filters { status, product, actor, .. } = &self.filters;
        [status, product, actor].into_iter().all(String::is_empty) && self.from.is_none() && self.until.is_none()
    }

    /// `orders-2026-05-21.csv`, for a file made on that day.
    pub fn file_name(&self, day: &str) -> String {
        let lines = if self.rows == Rows::PerLine { "-lines" } else { "" };
        format!("{}{lines}-{day}.csv", self.kind.name())
    }
}

/// The states of a design, as stored.
pub const DESIGN_STATES: [&str; 5] = ["draft", "queued", "rendering", "ready", "failed"];

/// The last thing that stands in a file; the next thing behind it comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Order(Moment, Uuid),
    Customer(String),
    Design(Uuid),
    Entry(u64),
    /// Where days are asked for.
    EntryAt(Moment, u64),
}

/// How much there is to look at for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many records, all of which will stand in it.
    Known(u64),
    /// So many; which of them are wanted shows when they are looked at.
    Sifted(u64),
}

impl Size {
    pub fn to_look_at(self) -> u64 {
        match self {
            Size::Known(count) | Size::Sifted(count) => count,
        }
    }

    /// How many records will stand in the file, if that is known.
    pub fn records(self) -> Option<u64> {
        match self {
            Size::Known(count) => Some(count),
            Size::Sifted(_) => None,
        }
    }
}

/// Characters the encoding does not have, and where they stood. In the file each of them is `〓`, as Japanese printers do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unfit {
    /// The order's number, the address, the id or the number of the entry.
    pub record: String,
    pub column: String,
    pub characters: String,
}

/// How much of a file is safely on the disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The last record in it; `None` before the first.
    pub place: Option<Place>,
    /// Orders, customers, designs or entries.
    pub records: u64,
    /// How much was looked at for them.
    #[serde(default)]
    pub looked: u64,
    /// Lines of the file without its head.
    pub rows: u64,
    pub bytes: u64,
    /// Cells with characters that did not fit.
    pub unfit_count: u64,
    /// The first of them.
    pub unfit: Vec<Unfit>,
}

/// A file that is made, or was made, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    pub id: ExportId,
    pub job_id: JobId,
    pub wish: Wish,
    /// Who asked for it.
    pub by: String,
    pub status: JobStatus,
    /// Known once the work has begun, or when it is done where they are picked out.
    pub total_records: Option<u64>,
    /// Known once the work has begun: [`Reached::looked`] goes up to it.
    #[serde(default)]
    pub to_look_at: Option<u64>,
    pub reached: Reached,
    pub created_at: Moment,
    pub started_at: Option<Moment>,
    pub completed_at: Option<Moment>,
    pub failure_reason: Option<String>,
}

impl Export {
    /// From then on the file is gone.
    pub fn expires_at(&self) -> Moment {
        self.created_at.plus_days(KEPT_DAYS)
    }
}
