//! Job tickets: a sheet of paper for each line, with a code that leads back to its order.

use super::print_room::{PrintLine, lines_in_address};
use crate::designs;
use crate::people::{self, rights};
use crate::web::{List, Page, Problem, Reply, View, Visit};
use askama::Template;
use serde::Serialize;

#[derive(Template, Serialize)]
#[template(path = "orders/print_tickets.html", blocks = ["content"])]
struct TicketsPage {
    #[serde(flatten)]
    list: List<PrintLine>,
    #[serde(skip)]
    page: Page,
    #[serde(skip)]
    tickets: Vec<Ticket>,
}

struct Ticket {
    line: PrintLine,
    /// Where the code leads.
    url: String,
    /// Side of the code in modules, and the path of its dark ones.
    side: usize,
    path: String,
}

impl View for TicketsPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Job tickets to print: `lines[]=order/line` for each
#[utoipa::path(get, path = "/admin/print/tickets", tag = "panel", params(("lines[]" = Vec<String>, Query)),
    responses((status = 200, body = List<PrintLine>), (status = 401), (status = 403), (status = 404), (status = 422)))]
pub async fn show_tickets(visit: Visit) -> Result<Reply, Problem> {
    people::require(&visit, rights::any)?;
    let page = visit.page();
    let lines = lines_in_address(&visit.shop.store().read()?, &visit, &page)?;
    let mut tickets = Vec::new();
    for line in &lines {
        let url = format!("{}/admin/orders/{}#line-{}", visit.shop.public_url(), line.order_id, line.line_id);
        let (side, path) = designs::qr(&url)?;
        tickets.push(Ticket { line: line.clone(), url, side, path });
    }
    visit.reply(&TicketsPage { list: List { items: lines, next: None }, page, tickets })
}
