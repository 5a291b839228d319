//! `/admin/exports`: asking for a file, watching it grow, fetching it.

use super::model::{DESIGN_STATES, Encoding, Export, ExportId, Filters, Heads, Kind, Reached, Rows, Unfit, Wish};
use super::{jobs, table, with_product};
use crate::catalog::{self, ProductId};
use crate::designs;
use crate::kernel::{Code, Error, Fault, Message, Moment, Refusal};
use crate::orders;
use crate::people::form::Mistakes;
use crate::people::rights::ReadsPanel;
use crate::people::{self, May, audit, rights};
use crate::queue::{self, JobId, JobStatus};
use crate::shop::Shop;
use crate::web::{Input, List, Made, Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(list_exports, create_export))
        .routes(routes!(show_export))
        .routes(routes!(download_export))
        .routes(routes!(follow_export))
        .routes(routes!(cancel_export))
        .routes(routes!(retry_export))
}

/// A file that is made, or was made.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Export)]
pub struct ExportView {
    #[schema(value_type = String, format = Uuid)]
    pub id: ExportId,
    #[schema(value_type = String, format = Uuid)]
    pub job_id: JobId,
    pub kind: Kind,
    pub encoding: Encoding,
    pub rows: Rows,
    pub heads: Heads,
    pub filters: Filters,
    #[serde(skip)]
    product_name: String,
    /// `queued`, `processing`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Orders, customers, designs or entries; `null` until the work has begun, and until it is done where they are picked out of others.
    pub total_records: Option<u64>,
    pub processed_records: u64,
    /// Per cent of what is looked through; `null` until it is known how much that is.
    pub progress: Option<u8>,
    /// Lines of the file without its head.
    pub row_count: u64,
    pub bytes: u64,
    /// Cells with characters that the encoding does not have; each such character is `〓` in the file.
    pub unfit_count: u64,
    /// The first 100 of those cells.
    pub unfit: Vec<Unfit>,
    /// `null` until the file is whole, and when it is gone.
    pub file_url: Option<String>,
    pub created_at: Moment,
    pub started_at: Option<Moment>,
    pub completed_at: Option<Moment>,
    /// The file is removed then.
    pub expires_at: Moment,
    pub failure_reason: Option<String>,
}

impl ExportView {
    pub(super) fn new(shop: &Shop, export: Export, now: Moment) -> ExportView {
        let export = jobs::present(shop, export);
        let is_there = export.status == JobStatus::Completed && !jobs::is_gone(shop, &export, now);
        let expires_at = export.expires_at();
        let Export { id, job_id, wish, status, total_records, to_look_at, reached, .. } = export;
        let Reached { records, rows, bytes, unfit_count, unfit, looked, .. } = reached;
        let product_name = wish.product.map(|id| product_name(shop, id)).unwrap_or_default();
        ExportView {
            id,
            job_id,
            kind: wish.kind,
            encoding: wish.encoding,
            rows: wish.rows,
            heads: wish.heads,
            filters: wish.filters,
            product_name,
            status: status.name(),
            total_records,
            processed_records: records,
            // What came in meanwhile was looked at too, or what was counted is there no more: a whole file is whole.
            progress: match status {
                JobStatus::Completed => Some(100),
                _ => to_look_at.map(|to_look_at| jobs::percent(looked, to_look_at)),
            },
            row_count: rows,
            bytes,
            unfit_count,
            unfit,
            file_url: is_there.then(|| format!("/admin/exports/{id}/download")),
            created_at: export.created_at,
            started_at: export.started_at,
            completed_at: export.completed_at,
            expires_at,
            failure_reason: export.failure_reason,
        }
    }

    fn is_settled(&self) -> bool {
        matches!(self.status, "completed" | "failed" | "cancelled")
    }
}

/// A product's name in the shop's language, or its id when it is there no more.
fn product_name(shop: &Shop, id: ProductId) -> String {
    let shelf = catalog::shelf(shop).ok();
    let name = shelf.and_then(|shelf| Some(shelf.product(id)?.name.get(shop.settings().language).to_owned()));
    name.unwrap_or_else(|| id.to_string())
}

/// What a page says about an export besides its numbers.
trait Told {
    fn page(&self) -> &Page;

    fn kind_words(&self, export: &ExportView) -> String {
        let page = self.page();
        let kind = page.t(&format!("exports.kind.{}", export.kind.name())).to_owned();
        let lines = page.t("exports.rows.per_line");
        if export.rows == Rows::PerLine { format!("{kind} ({lines})") } else { kind }
    }

    /// The filters in words; empty for everything.
    fn filter_words(&self, export: &ExportView) -> String {
        let (page, filters) = (self.page(), &export.filters);
        let mut told = Vec::new();
        if !filters.status.is_empty() {
            told.push(page.t(&status_key(export.kind, &filters.status)).to_owned());
        }
        told.extend([&export.product_name, &filters.actor].into_iter().filter(|text| !text.is_empty()).cloned());
        match (filters.from.as_str(), filters.to.as_str()) {
            ("", "") => {}
            (from, "") => told.push(page.f1("exports.since", "day", from)),
            ("", to) => told.push(page.f1("exports.until", "day", to)),
            (from, to) => told.push(page.f("exports.between", &[("from", from), ("to", to)])),
        }
        told.join(" · ")
    }

    fn state_words(&self, export: &ExportView) -> String {
        self.page().t(&format!("app.job_state.{}", export.status)).to_owned()
    }

    fn size(&self, bytes: &u64) -> String {
        match bytes {
            0..1_000 => format!("{bytes} B"),
            1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
            _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        }
    }

    /// Thousands apart, as both languages write them.
    fn count(&self, number: &u64) -> String {
        let digits = number.to_string();
        let mut told = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                told.push(',');
            }
            told.push(digit);
        }
        told
    }
}

/// The key of a state's word.
fn status_key(kind: Kind, status: &str) -> String {
    match kind {
        Kind::Designs => format!("exports.design.{status}"),
        _ => format!("orders.status.{status}"),
    }
}

#[derive(Template, Serialize)]
#[template(path = "exports/list.html", blocks = ["content"])]
struct ExportsPage {
    #[serde(flatten)]
    list: List<ExportView>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    form: ExportForm,
    /// Ids and names.
    #[serde(skip)]
    products: Vec<(String, String)>,
    #[serde(skip)]
    mistakes: Mistakes,
}

impl Told for ExportsPage {
    fn page(&self) -> &Page {
        &self.page
    }
}

impl ExportsPage {
    /// The states that can be asked for, with their words.
    fn states(&self) -> Vec<(String, String, String)> {
        let word = |kind, name: &'static str| self.page.t(&status_key(kind, name)).to_owned();
        let orders = orders::Status::ALL.iter().map(|status| status.name());
        let orders = orders.map(|name| (name.to_owned(), word(Kind::Orders, name), "orders".to_owned()));
        let designs = DESIGN_STATES.into_iter().filter(|name| *name != "draft");
        let designs = designs.map(|name| (name.to_owned(), word(Kind::Designs, name), "designs".to_owned()));
        orders.chain(designs).collect()
    }
}

impl View for ExportsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

#[derive(Template, Serialize)]
#[template(path = "exports/show.html", blocks = ["export"])]
struct ExportPage {
    #[serde(flatten)]
    export: ExportView,
    #[serde(skip)]
    page: Page,
}

impl ExportPage {
    fn encoding_words(&self) -> String {
        self.page.t(&format!("exports.encoding.{}", self.export.encoding.name())).to_owned()
    }

    fn heads_words(&self) -> String {
        self.page.t(&format!("exports.heads.{}", self.export.heads.name())).to_owned()
    }

    /// How far it is, in words.
    fn so_far(&self) -> String {
        let ExportView { status, progress, total_records, processed_records, .. } = &self.export;
        let done = self.count(processed_records);
        match (progress, total_records) {
            (None, _) if *status == JobStatus::Processing.name() => self.page.t("exports.counting").to_owned(),
            (None, _) => self.page.t("exports.waiting").to_owned(),
            (_, Some(total)) => self.page.f("exports.so_far", &[("done", done), ("total", self.count(total))]),
            (_, None) => self.page.f1("exports.found_so_far", "done", done),
        }
    }

    fn unfit_words(&self) -> String {
        self.page.n("exports.unfit", self.export.unfit_count)
    }
}

impl Told for ExportPage {
    fn page(&self) -> &Page {
        &self.page
    }
}

impl View for ExportPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_export().render()
    }
}

/// Exports, newest first
#[utoipa::path(get, path = "/admin/exports", tag = "admin", params(Paging),
    responses((status = 200, body = List<ExportView>), (status = 401), (status = 403)))]
async fn list_exports(visit: Visit, Query(paging): Query<Paging>) -> Result<Reply, Problem> {
    people::require(&visit, rights::reads_panel)?;
    visit.reply(&exports_page(&visit, &paging)?)
}

fn exports_page(visit: &Visit, paging: &Paging) -> Result<ExportsPage, Problem> {
    let limit = paging.limit()?;
    let tx = visit.shop.store().read()?;
    let after = paging.after(|id: ExportId| Ok(table::get(&tx, id)?.map(|export| export.id)))?;
    let rows = table::list(&tx, after, limit + 1)?;
    let items = rows.into_iter().map(|export| ExportView::new(&visit.shop, export, visit.now)).collect();
    let list = List::of(items, limit, |export: &ExportView| export.id.to_string());
    let shelf = catalog::shelf(&visit.shop)?;
    let products = shelf.all().iter().map(|item| &item.product);
    let products = products.map(|product| (product.id.to_string(), product.name.get(visit.lang).to_owned())).collect();
    // People read the words of their own language; programs name what they want.
    let form = ExportForm { heads: Heads::of(visit.lang).name().to_owned(), ..ExportForm::default() };
    Ok(ExportsPage { list, page: visit.page(), form, products, mistakes: Mistakes::default() })
}

/// What somebody wants as a file.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
struct ExportForm {
    /// `orders`, `customers`, `designs` or `audit`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    filters: Filters,
    /// `utf-8-bom` (unless given) or `cp932`.
    #[serde(default)]
    encoding: String,
    /// `per_order` (unless given) or `per_line`; for orders.
    #[serde(default)]
    rows: String,
    /// What stands above the columns: `names` (unless given), which never change, or the words of a language, `en` or `ja`.
    #[serde(default)]
    heads: String,
}

impl ExportForm {
    fn wish(&self, shop: &Shop) -> Result<Wish, Error> {
        let wrong = |field: &'static str, key: &'static str| Refusal::field(field, Message::new(key));
        let kind = Kind::from_name(&self.kind).ok_or_else(|| wrong("kind", "exports.kind_unknown"))?;
        let encoding = match self.encoding.as_str() {
            "" => Encoding::default(),
            name => Encoding::from_name(name).ok_or_else(|| wrong("encoding", "exports.encoding_unknown"))?,
        };
        let rows = match self.rows.as_str() {
            "" => Rows::default(),
            name => Rows::from_name(name).ok_or_else(|| wrong("rows", "exports.rows_unknown"))?,
        };
        let heads = match self.heads.as_str() {
            "" => Heads::default(),
            name => Heads::from_name(name).ok_or_else(|| wrong("heads", "exports.heads_unknown"))?,
        };
        let filters = with_product(shop, self.filters.clone())?;
        Ok(Wish { heads, ..Wish::new(kind, encoding, rows, filters, &shop.settings())? })
    }
}

/// Begin an export
#[utoipa::path(post, path = "/admin/exports", tag = "admin", request_body = ExportForm,
    responses((status = 202, body = ExportView), (status = 401), (status = 403), (status = 422)))]
async fn create_export(_: May<ReadsPanel>, visit: Visit, Input(form): Input<ExportForm>) -> Result<Reply, Problem> {
    match begin(&visit, &form).await {
        Ok(made) => Ok(made.reply(visit.face)),
        Err(Error::Refused(refusal)) if !visit.face.is_json() => {
            let mistakes = Mistakes::of(&refusal, visit.lang);
            let page = ExportsPage { form, mistakes, ..exports_page(&visit, &Paging::default())? };
            Ok(visit.reply(&page)?.status(refusal.code.status()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn begin(visit: &Visit, form: &ExportForm) -> Result<Made, Error> {
    let wish = form.wish(&visit.shop)?;
    let export = Export {
        id: ExportId(visit.shop.new_id()),
        job_id: JobId(visit.shop.new_id()),
        by: visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default(),
        wish,
        status: JobStatus::Queued,
        total_records: None,
        to_look_at: None,
        reached: Reached::default(),
        created_at: visit.now,
        started_at: None,
        completed_at: None,
        failure_reason: None,
    };
    let (asker, actor) = (visit.clone(), audit::Actor::of(visit));
    visit
        .shop
        .store()
        .write(move |tx| {
            jobs::begin(tx, &export)?;
            let wish = &export.wish;
            let entry = audit::Entry {
                actor,
                action: "export.begun",
                target_type: "export",
                target_id: export.id.to_string(),
                before: Value::Null,
                after: json!({"kind": wish.kind, "filters": wish.filters, "encoding": wish.encoding, "rows": wish.rows, "heads": wish.heads}),
                at: asker.now,
            };
            audit::record(tx, entry)?;
            let location = format!("/admin/exports/{}", export.id);
            let view = ExportView::new(&asker.shop, export, asker.now);
            let made = Made::new(&view, &location)?.accepted();
            asker.keep(tx, || Ok::<_, Error>(made.clone()))?;
            Ok(made)
        })
        .await
}

fn find(visit: &Visit, id: &str) -> Result<Export, Problem> {
    people::require(visit, rights::reads_panel)?;
    let id = id.parse().map_err(|_| Problem::not_found())?;
    table::get(&visit.shop.store().read()?, id)?.ok_or_else(Problem::not_found)
}

/// How far an export is
#[utoipa::path(get, path = "/admin/exports/{id}", tag = "admin", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = ExportView), (status = 401), (status = 403), (status = 404)))]
async fn show_export(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let export = find(&visit, &id)?;
    visit.reply(&ExportPage { export: ExportView::new(&visit.shop, export, visit.now), page: visit.page() })
}

/// WebSocket: the export after every change, its present state first, closed after the last; `?as=html` sends fragments.
#[utoipa::path(get, path = "/admin/exports/{id}/events", tag = "admin",
    params(("id" = String, Path, format = Uuid), designs::FollowQuery), responses((status = 101), (status = 401), (status = 404)))]
async fn follow_export(
    _: May<ReadsPanel>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<designs::FollowQuery>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let export = find(&visit, &id)?;
    let (shop, page, id) = (visit.shop.clone(), visit.page(), export.id);
    designs::follow_by_socket(&visit, export.job_id, upgrade, move |_| {
        let export = table::get(&shop.store().read()?, id)?.ok_or(Fault::Stopping)?;
        let view = ExportPage { export: ExportView::new(&shop, export, shop.now()), page: page.clone() };
        if query.wants_html() {
            view.fragment().map_err(|error| Fault::bug(format!("template: {error}")))
        } else {
            Ok(serde_json::to_string(&view)?)
        }
    })
}

/// The file
#[utoipa::path(get, path = "/admin/exports/{id}/download", tag = "admin", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, content_type = "text/csv"), (status = 401), (status = 403), (status = 404), (status = 409)))]
async fn download_export(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    let export = find(&visit, &id)?;
    if export.status != JobStatus::Completed {
        return Err(Refusal::new(Code::Conflict, "exports.not_ready").into());
    }
    if jobs::is_gone(&visit.shop, &export, visit.now) {
        return Err(Refusal::new(Code::NotFound, "exports.gone").into());
    }
    let file = tokio::fs::File::open(jobs::path(&visit.shop, export.id)).await.map_err(Fault::from)?;
    let length = file.metadata().await.map_err(Fault::from)?.len();
    let charset = match export.wish.encoding {
        Encoding::Utf8Bom => "utf-8",
        Encoding::Cp932 => "windows-31j",
    };
    let day = jiff::Timestamp::from_millisecond(export.created_at.unix_millis()).unwrap_or_default();
    let day = day.to_zoned(visit.shop.settings().zone()).strftime("%Y-%m-%d").to_string();
    let name = export.wish.file_name(&day);
    Ok(Reply::from(Response::new(Body::from_stream(ReaderStream::with_capacity(file, 64 << 10))))
        .header(header::CONTENT_TYPE, &format!("text/csv; charset={charset}; header=present"))
        .header(header::CONTENT_LENGTH, &length.to_string())
        .header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "private, no-store"))
}

/// Cancel an export that is not done
#[utoipa::path(post, path = "/admin/exports/{id}/cancel", tag = "admin", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = ExportView), (status = 401), (status = 403), (status = 404), (status = 409)))]
async fn cancel_export(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    move_job(visit, &id, "export.cancelled", queue::cancel).await
}

/// Try a failed or cancelled export again
#[utoipa::path(post, path = "/admin/exports/{id}/retry", tag = "admin", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = ExportView), (status = 401), (status = 403), (status = 404), (status = 409)))]
async fn retry_export(visit: Visit, Path(id): Path<String>) -> Result<Reply, Problem> {
    move_job(visit, &id, "export.retried", queue::retry).await
}

type Change = fn(&crate::store::WriteTx, JobId, Moment) -> Result<Option<queue::JobRow>, Fault>;

async fn move_job(visit: Visit, id: &str, action: &'static str, apply: Change) -> Result<Reply, Problem> {
    let export = find(&visit, id)?;
    let (actor, now) = (audit::Actor::of(&visit), visit.now);
    let export = visit
        .shop
        .store()
        .write(move |tx| {
            let moved = apply(tx, export.job_id, now)?;
            moved.ok_or_else(|| Refusal::new(Code::Conflict, "app.job_cannot"))?;
            let after = table::get(tx, export.id)?.ok_or_else(Refusal::not_found)?;
            let entry = audit::Entry {
                actor,
                action,
                target_type: "export",
                target_id: export.id.to_string(),
                before: json!({"status": export.status}),
                after: json!({"status": after.status}),
                at: now,
            };
            audit::record(tx, entry)?;
            Ok::<_, Error>(after)
        })
        .await?;
    let go_to = format!("/admin/exports/{}", export.id);
    visit.done(&ExportView::new(&visit.shop, export, visit.now), &go_to)
}
