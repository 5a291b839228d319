//! `/admin/coupons`.

use super::form::{CouponInput, Fields, Place, apply, blank};
use super::{Coupon, CouponId, Worth, table};
use crate::kernel::{Code, Error, Fault, Moment, Money, Refusal, Result as Ruled};
use crate::orders::access::read_id;
use crate::orders::table::coupon_uses;
use crate::orders::web::view::percent_text;
use crate::people::audit::{self, Actor, Entry};
use crate::people::form::Mistakes;
use crate::people::rights::ChangesSettings;
use crate::people::{May, require, rights};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::web::{Input, List, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::{Path, Query};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_coupons, add_coupon)).routes(routes!(show_coupon, change_coupon))
}

/// Uses are counted up to here; more is shown as this many.
const COUNTED: usize = 100_000;

/// A coupon, as the panel and scripts see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Coupon)]
pub struct CouponView {
    #[schema(value_type = String, format = Uuid)]
    pub id: CouponId,
    pub code: String,
    /// Per cent off the goods, as text with up to two decimals; `null` for one of an amount.
    pub percent: Option<String>,
    /// Minor units off the goods; `null` for one of per cent.
    pub amount: Option<i64>,
    pub currency: crate::kernel::Currency,
    /// Minor units the goods must come to.
    pub minimum: i64,
    pub starts_at: Option<Moment>,
    /// The first moment at which it no longer counts.
    pub ends_at: Option<Moment>,
    pub limit: Option<u32>,
    pub limit_per_customer: Option<u32>,
    pub active: bool,
    pub note: String,
    /// Orders that hold a use of it: paid, or under payment.
    pub used: usize,
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl CouponView {
    fn of(tx: &impl Snapshot, visit: &Visit, coupon: &Coupon) -> Result<CouponView, Fault> {
        let shop_currency = visit.shop.settings().currency;
        let (percent, amount, currency) = match coupon.worth {
            Worth::Percent(rate_bp) => (Some(percent_text(rate_bp)), None, shop_currency),
            Worth::Amount(money) => (None, Some(money.minor), money.currency),
        };
        Ok(CouponView {
            id: coupon.id,
            code: coupon.code.clone(),
            percent,
            amount,
            currency,
            minimum: coupon.minimum,
            starts_at: coupon.starts_at,
            ends_at: coupon.ends_at,
            limit: coupon.limit,
            limit_per_customer: coupon.limit_per_customer,
            active: coupon.active,
            note: coupon.note.clone(),
            used: coupon_uses(tx, coupon.id, COUNTED)?,
            version: coupon.version,
            created_at: coupon.created_at,
            updated_at: coupon.updated_at,
        })
    }

    /// `10 %` or `¥500`.
    fn worth(&self) -> String {
        match (&self.percent, self.amount) {
            (Some(percent), _) => format!("{percent} %"),
            (None, amount) => Money::new(amount.unwrap_or_default(), self.currency).show(),
        }
    }
}

/// A row of the list.
struct Row {
    url: String,
    code: String,
    note: String,
    worth: String,
    minimum: String,
    period: String,
    used: String,
    per_customer: String,
    /// `on`, `early`, `over`, `used_up` or `off`.
    state: &'static str,
}

/// A coupon's form, on either page.
struct Editing {
    form: Fields,
    mistakes: Mistakes,
    may_change: bool,
    currency: String,
}

impl Editing {
    fn new(visit: &Visit, form: Fields, mistakes: Mistakes) -> Result<Editing, Problem> {
        let staff = require(visit, rights::reads_panel)?;
        let currency = visit.shop.settings().currency.code().to_owned();
        Ok(Editing { form, mistakes, may_change: rights::changes_settings(staff.role), currency })
    }
}

#[derive(Template, Serialize)]
#[template(path = "orders/coupons.html", blocks = ["content"])]
struct CouponsPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    list: List<CouponView>,
    #[serde(skip)]
    rows: Vec<Row>,
    #[serde(skip)]
    edit: Editing,
    #[serde(skip)]
    saved: bool,
}

impl View for CouponsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

#[derive(Template, Serialize)]
#[template(path = "orders/coupon.html", blocks = ["content"])]
struct CouponPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    coupon: CouponView,
    #[serde(skip)]
    edit: Editing,
    #[serde(skip)]
    used: String,
}

impl View for CouponPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The coupons, newest first
#[utoipa::path(get, path = "/admin/coupons", tag = "panel", params(Paging), responses((status = 200, body = List<CouponView>)))]
async fn list_coupons(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let form = Fields { active: true, ..Fields::default() };
    visit.reply(&coupons_page(&visit, &paging, form, Mistakes::default())?)
}

fn coupons_page(visit: &Visit, paging: &Paging, form: Fields, mistakes: Mistakes) -> Result<CouponsPage, Problem> {
    let edit = Editing::new(visit, form, mistakes)?;
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id| Ok(table::get(&tx, id)?.map(|coupon| coupon.id)))?;
    let coupons = table::list(&tx, after, limit + 1)?;
    let page = visit.page();
    let views = coupons.iter().map(|coupon| CouponView::of(&tx, visit, coupon)).collect::<Result<Vec<_>, _>>()?;
    let list = List::of(views, limit, |view: &CouponView| view.id.to_string());
    let rows = list.items.iter().map(|view| row(visit, &page, view)).collect();
    Ok(CouponsPage { list, rows, edit, saved: visit.query.split('&').any(|pair| pair == "saved=yes"), page })
}

fn row(visit: &Visit, page: &Page, view: &CouponView) -> Row {
    let currency = visit.shop.settings().currency;
    let is_used_up = view.limit.is_some_and(|limit| view.used >= limit as usize);
    let state = if !view.active {
        "off"
    } else if view.ends_at.is_some_and(|end| visit.now >= end) {
        "over"
    } else if is_used_up {
        "used_up"
    } else if view.starts_at.is_some_and(|start| visit.now < start) {
        "early"
    } else {
        "on"
    };
    let day = |at: Option<Moment>| at.map(|at| page.date(&at)).unwrap_or_default();
    let (from, until) = (day(view.starts_at), day(view.ends_at.map(|end| end.plus_millis(-1))));
    Row {
        url: format!("/admin/coupons/{}", view.id),
        code: view.code.clone(),
        note: view.note.clone(),
        worth: view.worth(),
        minimum: if view.minimum == 0 { "–".into() } else { Money::new(view.minimum, currency).show() },
        period: if from.is_empty() && until.is_empty() { "–".into() } else { format!("{from} – {until}") },
        used: used(view),
        per_customer: view.limit_per_customer.map_or("–".into(), |limit| limit.to_string()),
        state,
    }
}

/// `3 / 100`, or `3` where nothing limits it.
fn used(view: &CouponView) -> String {
    match view.limit {
        Some(limit) => format!("{} / {limit}", view.used),
        None => view.used.to_string(),
    }
}

/// Make a coupon
#[utoipa::path(post, path = "/admin/coupons", tag = "panel", request_body = CouponInput,
    responses((status = 201, body = CouponView), (status = 422)))]
async fn add_coupon(_: May<ChangesSettings>, visit: Visit, Input(input): Input<CouponInput>) -> Result<Reply, Problem> {
    let fresh = CouponId(visit.shop.new_id());
    match store(&visit, None, fresh, input.clone()).await {
        Ok(coupon) => answer(&visit, &coupon, 201),
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            let form = Fields { active: true, ..Fields::default() }.typed(&input);
            let page = coupons_page(&visit, &Paging::default(), form, Mistakes::of(&refusal, visit.lang))?;
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

/// One coupon
#[utoipa::path(get, path = "/admin/coupons/{id}", tag = "panel", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = CouponView), (status = 404)))]
async fn show_coupon(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    visit.reply(&coupon_page(&visit, read_id(&id)?, None)?)
}

fn coupon_page(visit: &Visit, id: CouponId, refused: Option<(&Refusal, &CouponInput)>) -> Result<CouponPage, Problem> {
    require(visit, rights::reads_panel)?;
    let tx = visit.shop.store().read()?;
    let coupon = table::get(&tx, id)?.ok_or_else(Problem::not_found)?;
    let view = CouponView::of(&tx, visit, &coupon)?;
    let settings = visit.shop.settings();
    let place = Place { currency: settings.currency, zone: &settings.time_zone, now: visit.now };
    let stored = Fields::of(&coupon, place);
    let (form, mistakes) = match refused {
        Some((refusal, input)) => (stored.typed(input), Mistakes::of(refusal, visit.lang)),
        None => (stored, Mistakes::default()),
    };
    let edit = Editing::new(visit, form, mistakes)?;
    Ok(CouponPage { page: visit.page(), used: used(&view), coupon: view, edit })
}

/// Change a coupon
///
/// What is left out stays. Orders keep the discount they were priced with, for as long as their prices hold.
#[utoipa::path(put, path = "/admin/coupons/{id}", tag = "panel", params(("id" = String, Path, format = Uuid)), request_body = CouponInput,
    responses((status = 200, body = CouponView), (status = 404), (status = 412, description = "stale_version"), (status = 422)))]
async fn change_coupon(
    _: May<ChangesSettings>,
    visit: Visit,
    Path(id): Path<String>,
    Input(input): Input<CouponInput>,
) -> Result<Reply, Problem> {
    let id: CouponId = read_id(&id)?;
    match store(&visit, Some(id), id, input.clone()).await {
        Ok(coupon) => answer(&visit, &coupon, 200),
        Err(Error::Refused(refusal))
            if matches!(refusal.code, Code::InvalidInput | Code::StaleVersion) && !visit.face.is_json() =>
        {
            let page = coupon_page(&visit, id, Some((&refusal, &input)))?;
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(visit: &Visit, coupon: &Coupon, status: u16) -> Result<Reply, Problem> {
    let view = CouponView::of(&visit.shop.store().read()?, visit, coupon)?;
    if visit.face.is_json() {
        return Ok(Reply::json(&view)?.status(status));
    }
    Ok(Reply::see_other(visit.face, "/admin/coupons?saved=yes"))
}

async fn store(visit: &Visit, known: Option<CouponId>, id: CouponId, input: CouponInput) -> Result<Coupon, Error> {
    let (actor, now, settings) = (Actor::of(visit), visit.now, visit.shop.settings());
    let write = move |tx: &WriteTx| -> Ruled<Coupon> {
        let old = match known {
            Some(id) => table::get(tx, id)?.ok_or_else(Refusal::not_found)?,
            None => blank(id, now),
        };
        let place = Place { currency: settings.currency, zone: &settings.time_zone, now };
        let new = apply(&old, &input, place)?;
        if new == old {
            return Ok(old);
        }
        table::put(tx, &new)?;
        let facts = serde_json::to_value(&new).map_err(Fault::from)?;
        let (action, before, after) = match known {
            None => ("coupon.added", Value::Null, facts),
            Some(_) => {
                let (before, after) = audit::changes(&serde_json::to_value(&old).map_err(Fault::from)?, &facts);
                ("coupon.changed", before, after)
            }
        };
        let target_id = new.id.to_string();
        audit::record(tx, Entry { actor, action, target_type: "coupon", target_id, before, after, at: now })?;
        Ok(new)
    };
    visit.shop.store().write(write).await
}
