//! The panel's front page: what needs somebody now, first; then a few figures.

use super::backup;
use crate::kernel::Fault;
use crate::orders::{self, Todo};
use crate::people::{self, mails, rights, setup};
use crate::queue::{self, JobStatus};
use crate::shop::Shop;
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
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "app/dashboard.html", blocks = ["content"])]
struct Dashboard {
    needs: Vec<Need>,
    /// Orders paid and not begun.
    paid_orders: usize,
    /// Orders whose customer is about to pay.
    unpaid_orders: usize,
    jobs_waiting: usize,
    mails_waiting: usize,
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

fn needs(shop: &Shop, page: &Page, todo: &Todo) -> Result<Vec<Need>, Fault> {
    let tx = shop.store().read()?;
    let mut needs = Vec::new();
    for order in &todo.attention {
        for entry in orders::view(order, page.lang).attention {
            let title = page.f1("app.need.attention", "number", &order.order_number);
            let url = format!("/admin/orders/{}", order.id);
            needs.push(Need { kind: "bad", title, detail: entry.message, url });
        }
    }
    let failed = queue::list(&tx, Some(JobStatus::Failed), None, None, COUNTED)?.len();
    if failed > 0 {
        needs.push(Need {
            kind: "bad",
            title: page.n("app.need.jobs", failed),
            detail: page.t("app.need.jobs_detail").into(),
            url: "/admin/jobs?status=failed".into(),
        });
    }
    let mail = mails::figures(&tx)?;
    if mail.failed + mail.uncertain > 0 {
        needs.push(Need {
            kind: "bad",
            title: page.n("app.need.mails", mail.failed + mail.uncertain),
            detail: page.t("app.need.mails_detail").into(),
            url: "/admin/mails".into(),
        });
    }
    if !todo.on_hold.is_empty() {
        needs.push(Need {
            kind: "warn",
            title: page.n("app.need.on_hold", todo.on_hold.len()),
            detail: page.t("app.need.on_hold_detail").into(),
            url: "/admin/orders?status=paid".into(),
        });
    }
    if todo.paid > 0 {
        needs.push(Need {
            kind: "warn",
            title: page.n("app.need.paid", todo.paid),
            detail: page.t("app.need.paid_detail").into(),
            url: "/admin/orders?status=paid".into(),
        });
    }
    let backup = backup::standing(shop, &tx)?;
    if backup.is_late || backup.trouble.is_some() {
        let last = backup.last.map(|at| page.f1("app.backup_last", "time", page.time(&at)));
        needs.push(Need {
            kind: "warn",
            title: page.t("app.need.backup").into(),
            detail: backup.trouble.or(last).unwrap_or_else(|| page.t("app.backup_never").into()),
            url: "/admin/backups".into(),
        });
    }
    if shop.settings().holiday.closed {
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.closed").into(),
            detail: page.t("app.need.closed_detail").into(),
            url: "/admin/settings?section=holiday".into(),
        });
    }
    let missing = setup::missing(&shop.settings());
    if !missing.is_empty() {
        let list: Vec<_> = missing.iter().map(|key| page.t(key)).collect();
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.setup").into(),
            detail: list.join(" · "),
            url: "/admin/settings".into(),
        });
    }
    if shop.is_sandbox() {
        needs.push(Need {
            kind: "note",
            title: page.t("app.need.stripe").into(),
            detail: page.t("app.need.stripe_detail").into(),
            url: "/admin/settings".into(),
        });
    }
    Ok(needs)
}

/// What needs somebody now
#[utoipa::path(get, path = "/admin", tag = "admin", responses((status = 200, body = Dashboard)))]
async fn show_dashboard(visit: Visit) -> Result<Reply, Problem> {
    // The print room begins with its orders.
    if visit.staff()?.role == Role::Printer && !visit.face.is_json() {
        return Ok(Reply::see_other(visit.face, "/admin/orders"));
    }
    people::require(&visit, rights::reads_panel)?;
    let page = visit.page();
    let tx = visit.shop.store().read()?;
    let todo = orders::todo(&tx)?;
    let needs = needs(&visit.shop, &page, &todo)?;
    let figures = visit.shop.queue().figures()?;
    let mails_waiting = mails::figures(&tx)?.waiting;
    let jobs_waiting = figures.quick.waiting + figures.heavy.waiting;
    visit.reply(&Dashboard {
        needs,
        paid_orders: todo.paid,
        unpaid_orders: todo.unpaid,
        jobs_waiting,
        mails_waiting,
        page,
    })
}
