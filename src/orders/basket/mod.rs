//! The designs a visitor collects before ordering, kept per session until they are paid for.

mod web;

use super::model::{LineId, Order};
use super::pricing::check_quantity;
use super::rules::{MAX_LINES, MAX_QUANTITY};
use crate::designs::DesignId;
use crate::kernel::{Fault, Message, Moment, Refusal, Result};
use crate::shop::Shop;
use crate::store::{Order as Direction, Snapshot, Table, WriteTx};
use crate::web::visit::RequestFacts;
use crate::web::{Caller, SessionId};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;

pub use web::routes;

/// Lines by session, in the order in which they were put in (line ids sort by birth).
const BASKET: Table<(SessionId, LineId), BasketLine> = Table::new("orders.basket", 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasketLine {
    pub design_id: DesignId,
    pub quantity: u32,
    pub added_at: Moment,
}

/// The lines of a session's basket.
pub fn lines(tx: &impl Snapshot, session: SessionId) -> Result<Vec<(LineId, BasketLine)>, Fault> {
    let rows = BASKET.prefix(tx, &session, None, Direction::Rising, MAX_LINES)?;
    Ok(rows.into_iter().map(|((_, line), row)| (line, row)).collect())
}

/// Puts pieces of a design in. Of a design that lies there already there are more then.
///
/// # Errors
/// 422 for a quantity out of range or a full basket.
pub fn add(
    tx: &WriteTx,
    session: SessionId,
    fresh: LineId,
    design: DesignId,
    quantity: i64,
    now: Moment,
) -> Result<()> {
    let quantity = check_quantity(quantity, "quantity")?;
    let lines = lines(tx, session)?;
    if let Some((line, row)) = lines.iter().find(|(_, row)| row.design_id == design) {
        let most = MAX_QUANTITY as u32;
        let row = BasketLine { quantity: (row.quantity + quantity).min(most), ..*row };
        return Ok(BASKET.put(tx, &(session, *line), &row)?);
    }
    if lines.len() >= MAX_LINES {
        return Err(Refusal::field("design_id", Message::new("orders.lines_too_many").with("max", MAX_LINES)).into());
    }
    Ok(BASKET.put(tx, &(session, fresh), &BasketLine { design_id: design, quantity, added_at: now })?)
}

/// Changes how many pieces of a line are wanted.
///
/// # Errors
/// 404 for a line that is not in this basket, 422 for a quantity out of range.
pub fn change(tx: &WriteTx, session: SessionId, line: LineId, quantity: i64) -> Result<()> {
    let quantity = check_quantity(quantity, "quantity")?;
    let row = BASKET.get(tx, &(session, line))?.ok_or_else(Refusal::not_found)?;
    Ok(BASKET.put(tx, &(session, line), &BasketLine { quantity, ..row })?)
}

/// Takes a line out.
///
/// # Errors
/// 404 for a line that is not in this basket.
pub fn remove(tx: &WriteTx, session: SessionId, line: LineId) -> Result<()> {
    if BASKET.remove(tx, &(session, line))? { Ok(()) } else { Err(Refusal::not_found().into()) }
}

/// Takes out what was ordered. Called when the money is there or on its way, so that a customer who comes back before finds
/// everything as it was.
pub(super) fn let_go(tx: &WriteTx, order: &Order) -> Result<(), Fault> {
    for (line, row) in lines(tx, order.session)? {
        if order.lines.iter().any(|ordered| ordered.design_id == row.design_id) {
            BASKET.remove(tx, &(order.session, line))?;
        }
    }
    Ok(())
}

/// A layer that tells every page how many lines the visitor's basket has. Costs nothing without a session.
pub async fn count_lines(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Caller>().and_then(|caller| caller.session);
    if let Some(session) = session.filter(|_| !request.uri().path().starts_with("/assets/")) {
        let counted = shop.store().read().and_then(|tx| lines(&tx, session));
        match counted {
            Ok(lines) => {
                if let Some(facts) = request.extensions().get::<RequestFacts>() {
                    facts.basket_count.store(lines.len(), Ordering::Relaxed);
                }
            }
            // The number in the header is not worth a failed page.
            Err(fault) => tracing::error!(%fault, "the basket could not be counted"),
        }
    }
    next.run(request).await
}
