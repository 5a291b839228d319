//! The panel's front page: what needs somebody now, first; then a few figures.

use super::backup;
use super::takings::{Chart, Day, Taken, Takings};
use crate::kernel::Fault;
use crate::orders::{self, Production, Todo, lists};
use crate::payments;
use crate::people::{self, mails, rights, setup};
use crate::queue::{self, JobStatus};
use crate::shop::Shop;
use crate::store::ReadTx;
use crate::web::{Page, Problem, Reply, Role, View, Visit};
use askama::Template;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_dashboard))
}

/// One thing that needs somebody, and where to deal with it.
#[derive(Serialize, ToSchema)]
struct Need {
    /// bad, warn or note
    kind: &'static str,
    title: String,
    detail: String,
    url: String,
    /// The words on its button.
    #[serde(skip)]
    #[schema(ignore)]
    action: &'static str,
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "app/dashboard.html", blocks = ["content"])]
struct Dashboard {
    needs: Vec<Need>,
    /// Orders paid and not begun.
    paid_orders: usize,
    /// Orders whose customer is about to pay.
    unpaid_orders: usize,
    lines_ready_to_print: usize,
    jobs_waiting: usize,
    mails_waiting: usize,
    /// Paid today, in the shop's time zone; one for each currency.
    today: Vec<Taken>,
    this_month: Vec<Taken>,
    /// Each day of this month up to today, in the shop's own currency.
    days: Vec<Day>,
    #[serde(skip)]
    #[schema(ignore)]
    charts: Vec<Chart>,
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
}

impl View for Dashboard {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Failed jobs counted on the front page; more are told as "so many or more".
const COUNTED: usize = 100;
/// Decisions named one by one; the rest are a list of their own.
const NAMED: usize = 4;

/// Each entry leads to where it is cured, and only to pages that whoever reads it may open.
fn needs(shop: &Shop, tx: &ReadTx, page: &Page, role: Role, todo: &Todo) -> Result<Vec<Need>, Fault> {
    let mut needs = Vec::new();
    for order in todo.attention.iter().take(NAMED) {
        for entry in orders::view(order, page.lang).attention {
            let title = page.f1("app.need.attention", "number", &order.order_number);
            let url = format!("/admin/orders/{}", order.id);
            needs.push(Need { kind: "bad", title, detail: entry.message, url, action: "panel.decide" });
        }
    }
    let decisions = orders::table::count_attention(tx, 1000)?;
    let failed = queue::list(tx, Some(JobStatus::Failed), None, None, COUNTED)?.len();
    let mail = mails::figures(tx)?;
    let on_hold = lists::count_lines(tx, Production::OnHold, None, 1000)?;
    // Kind, how many, the key of its words, where it is cured, and the words of the button.
    let counted = [
        (
            "bad",
            decisions.saturating_sub(NAMED),
            "panel.need.more_attention",
            "/admin/orders?only=attention",
            "panel.decide",
        ),
        ("bad", failed, "app.need.jobs", "/admin/jobs?status=failed", "panel.see_jobs"),
        ("bad", mail.failed, "panel.need.mails_failed", "/admin/mails?status=failed", "panel.see_mails"),
        ("bad", mail.uncertain, "panel.need.mails_uncertain", "/admin/mails?status=uncertain", "panel.see_mails"),
        ("warn", on_hold, "app.need.on_hold", "/admin/print?state=on_hold", "panel.decide"),
        ("warn", todo.paid, "app.need.paid", "/admin/orders?status=paid", "panel.begin"),
        ("warn", todo.at_door, "panel.need.at_door", "/admin/print", "panel.begin"),
        ("warn", todo.packed, "panel.need.packed", "/admin/parcels", "panel.see_parcels"),
    ];
    for (kind, count, words, url, action) in counted.into_iter().filter(|(_, count, ..)| *count > 0) {
        let (title, detail) = (page.n(words, count), page.t(&format!("{words}_detail")).to_owned());
        needs.push(Need { kind, title, detail, url: url.into(), action });
    }
    let backup = backup::standing(shop, tx)?;
    if backup.is_late || backup.trouble.is_some() {
        let last = backup.last.map(|at| page.f1("app.backup_last", "time", page.time(&at)));
        needs.push(Need {
            kind: "warn",
            title: page.t("app.need.backup").into(),
            detail: backup.trouble.or(last).unwrap_or_else(|| page.t("app.backup_never").into()),
            url: "/admin/backups".into(),
            action: "panel.see_backups",
        });
    }
    for money in payments::unclaimed(tx)?.into_iter().filter(|_| role.changes_orders()) {
        needs.push(Need {
            kind: "bad",
            title: page.f("payments.unclaimed", &[("amount", money.amount.show()), ("number", money.order_number)]),
            detail: page.t("payments.unclaimed_detail").into(),
            url: "/admin/stripe-events?outcome=foreign".into(),
            action: "panel.decide",
        });
    }
    if let Some(warning) = payments::warning(shop).filter(|_| role.is_owner()) {
        needs.push(Need {
            kind: "bad",
            title: page.t("app.need.stripe_warning").into(),
            detail: crate::web::words::message(page.lang, &warning),
            url: "/admin/stripe".into(),
            action: "panel.decide",
        });
    }
    if shop.settings().holiday.closed {
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.closed").into(),
            detail: page.t("app.need.closed_detail").into(),
            url: "/admin/settings?section=holiday".into(),
            action: "panel.change_it",
        });
    }
    let missing = setup::missing(&shop.settings());
    if !missing.is_empty() {
        let list: Vec<_> = missing.iter().map(|key| page.t(key)).collect();
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.setup").into(),
            detail: list.join(" · "),
            url: missing.first().map(|key| cure_of(key)).unwrap_or_default().into(),
            action: "panel.finish_it",
        });
    }
    // Whoever else reads this is told by the strip on every page.
    if shop.is_sandbox() && role.is_owner() {
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.stripe").into(),
            detail: page.t("app.need.stripe_detail").into(),
            url: "/admin/stripe".into(),
            action: "app.look",
        });
    }
    Ok(needs)
}

/// Where a thing is filled in that the set-up misses.
fn cure_of(missing: &str) -> &'static str {
    match missing.strip_prefix("people.missing.").unwrap_or(missing) {
        "shop_name" | "contact_email" => "/admin/settings?section=shop",
        key if key.starts_with("legal") => "/admin/settings?section=legal",
        _ => "/admin/setup",
    }
}

/// What needs somebody now
#[utoipa::path(get, path = "/admin", tag = "admin", responses((status = 200, body = Dashboard)))]
async fn show_dashboard(visit: Visit) -> Result<Reply, Problem> {
    // The print room begins with its queue.
    let role = visit.staff()?.role;
    if role == Role::Printer && !visit.face.is_json() {
        return Ok(Reply::see_other(visit.face, "/admin/print"));
    }
    people::require(&visit, rights::reads_panel)?;
    let page = visit.page();
    // Everything on the page is of one moment.
    let tx = visit.shop.store().read()?;
    let todo = orders::todo(&tx)?;
    let needs = needs(&visit.shop, &tx, &page, role, &todo)?;
    let figures = visit.shop.queue().figures()?;
    let mails_waiting = mails::figures(&tx)?.waiting;
    let jobs_waiting = figures.quick.waiting + figures.heavy.waiting;
    let takings = Takings::read(&tx, &visit.shop, visit.now)?;
    visit.reply(&Dashboard {
        needs,
        paid_orders: todo.paid,
        unpaid_orders: todo.unpaid,
        lines_ready_to_print: lists::count_lines(&tx, Production::ReadyToPrint, None, 1000)?,
        jobs_waiting,
        mails_waiting,
        today: takings.today(),
        this_month: takings.this_month(),
        days: takings.days(),
        charts: takings.charts(&page),
        page,
    })
}
