//! The final confirmation: everything that was chosen, once more, before the customer pays.

use super::parts::{LineRow, TotalRow, address_lines, line_rows, total_rows};
use super::view::{OrderView, view};
use crate::catalog;
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal};
use crate::orders::access::{order_address, owned, read_id};
use crate::orders::coupons::{self, User};
use crate::orders::model::{Line, Order, OrderId, PaymentStatus, Status};
use crate::orders::rules;
use crate::orders::{delivery, means};
use crate::store::Snapshot;
use crate::web::{Page, Problem, Reply, View, Visit, words};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;

/// Why the order's coupon does not count any more. Its use is taken only when the customer goes to pay, so others may have been faster.
fn coupon_trouble(tx: &impl Snapshot, order: &Order, now: Moment) -> Result<Option<Refusal>, Fault> {
    let Some(code) = order.coupon.as_deref().filter(|_| order.coupon_claim.is_none()) else { return Ok(None) };
    let user = User { email: &order.email, session: order.session };
    let looked = coupons::find_usable(tx, code, user)
        .and_then(|coupon| Ok(coupon.check(order.totals.subtotal, order.currency(), now)?));
    match looked {
        Ok(()) => Ok(None),
        Err(Error::Refused(refusal)) => Ok(Some(refusal)),
        Err(Error::Faulted(fault)) => Err(fault),
    }
}

/// Which piece there are not enough blanks for, unless they are set aside for this order already.
fn stock_trouble(tx: &impl Snapshot, order: &Order) -> Result<Option<Refusal>, Fault> {
    if order.holds_stock {
        return Ok(None);
    }
    for line in &order.lines {
        let Some(product) = catalog::product(tx, line.product_id)? else { continue };
        let Some(left) = product.variant(line.variant_id).and_then(|variant| variant.stock) else { continue };
        let of_this = |other: &&Line| other.variant_id == line.variant_id && other.product_id == line.product_id;
        let wanted: i64 = order.lines.iter().filter(of_this).map(|line| i64::from(line.quantity)).sum();
        if wanted > left {
            let message =
                Message::new("orders.blanks_missing").with_words("name", &product.name).with("left", left.max(0));
            return Ok(Some(Refusal::because(Code::OutOfStock, message)));
        }
    }
    Ok(None)
}

#[derive(Template, Serialize)]
#[template(path = "orders/confirm.html", blocks = ["content"])]
struct ConfirmPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    order: OrderView,
    #[serde(skip)]
    checkout_url: String,
    /// Where lines and address are changed; for an order under payment this first closes the payment page.
    #[serde(skip)]
    edit_url: Option<String>,
    #[serde(skip)]
    reopen_url: Option<String>,
    /// The order was priced anew since the customer last saw it.
    #[serde(skip)]
    has_changed: bool,
    /// It was just made as a copy of another order.
    #[serde(skip)]
    is_again: bool,
    /// Why it cannot be paid as it is.
    #[serde(skip)]
    not_payable: Option<String>,
    #[serde(skip)]
    lines: Vec<LineRow>,
    #[serde(skip)]
    totals: Vec<TotalRow>,
    #[serde(skip)]
    place: Vec<String>,
    #[serde(skip)]
    amount: String,
    #[serde(skip)]
    ships: Vec<String>,
    /// When the customer would like to have it.
    #[serde(skip)]
    wish: Option<String>,
    #[serde(skip)]
    offer_ends: String,
    #[serde(skip)]
    is_free: bool,
    /// How the money comes, where it does not come through Stripe.
    #[serde(skip)]
    pay_by: Option<(String, Option<String>)>,
}

impl View for ConfirmPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// The order once more before it is paid
#[utoipa::path(get, path = "/orders/{id}/confirm", tag = "shop",
    params(("id" = String, Path, format = Uuid), ("key" = Option<String>, Query)),
    responses((status = 200, body = OrderView), (status = 404)))]
pub async fn confirm_order(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let tx = visit.shop.store().read()?;
    let (order, access) = owned(&visit, &tx, id)?;
    let open = matches!(order.status, Status::Draft | Status::PendingPayment)
        && order.payment_status != PaymentStatus::Processing
        && !order.waits_for_hands();
    if !access.is_customer() || !open {
        return Ok(Reply::see_other(visit.face, &order_address(id, &access)));
    }
    let page = visit.page();
    let query = access.query();
    let is_draft = order.status == Status::Draft;
    let not_payable =
        coupon_trouble(&tx, &order, visit.now)?.or(stock_trouble(&tx, &order)?).or(rules::check_payable(&order).err());
    let settings = visit.shop.settings();
    let not_payable = not_payable.or(delivery::check_still_possible(&settings, &order, visit.now).err());
    let not_payable = not_payable.map(|refusal| words::message(visit.lang, &refusal.detail));
    let confirm_page = ConfirmPage {
        checkout_url: format!("/orders/{id}/checkout{query}"),
        edit_url: is_draft.then(|| format!("/orders/{id}/edit{query}")),
        reopen_url: (!is_draft).then(|| format!("/orders/{id}/reopen{query}")),
        has_changed: visit.query.split('&').any(|pair| pair == "changed=1"),
        is_again: visit.query.split('&').any(|pair| pair == "again=1"),
        not_payable,
        lines: line_rows(&tx, &visit.shop, &order, &page)?,
        totals: total_rows(&order, &page),
        place: address_lines(&order.shipping_address, page.lang),
        amount: order.amount().show(),
        ships: {
            let mut told = vec![page.n("orders.ships", settings.lead_time_days)];
            told.extend(delivery::outlook(&settings, &page, visit.now));
            told
        },
        wish: delivery::told(&order, page.lang),
        offer_ends: page.date(&rules::offer_ends(order.priced_at)),
        is_free: order.totals.amount == 0,
        pay_by: means::told(&visit.shop, &order, &page),
        order: view(&order, visit.lang),
        page,
    };
    visit.reply(&confirm_page)
}
