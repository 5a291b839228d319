//! What an order holds while its money may come: blanks on their shelves, and a use of its coupon.

use crate::catalog;
use crate::kernel::{Error, Moment, Result};
use crate::orders::coupons::{self, User};
use crate::orders::model::{Order, Production};
use crate::shop::Shop;
use crate::store::WriteTx;

pub(super) fn hold_stock(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    if order.holds_stock {
        return Ok(());
    }
    for at in 0..order.lines.len() {
        let line = &mut order.lines[at];
        match catalog::take_stock(tx, shop, line.product_id, line.variant_id, i64::from(line.quantity)) {
            Ok(taken) => line.blanks = Some(u32::try_from(taken).unwrap_or(0)),
            Err(refusal) => {
                // All of it or nothing: money may have come, and then the refusal does not end the transaction.
                for line in &mut order.lines[..at] {
                    let taken = i64::from(line.blanks.replace(0).unwrap_or(0));
                    if taken > 0 {
                        catalog::take_stock(tx, shop, line.product_id, line.variant_id, -taken)?;
                    }
                }
                return Err(refusal);
            }
        }
    }
    order.holds_stock = true;
    Ok(())
}

/// Takes what an order holds while its money may come, where it has let go of that already. False where the blanks are gone.
pub(super) fn hold_again(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<bool> {
    if order.coupon_claim.is_none()
        && let Some(code) = &order.coupon
    {
        // The money is on its way or there, so the use counts, whatever the limits say.
        order.coupon_claim = coupons::table::by_code(tx, code)?.map(|coupon| coupon.id);
    }
    match hold_stock(tx, shop, order) {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Uses the order's coupon up, once: every order that goes to pay is counted in the transaction in which it does.
pub(super) fn claim_coupon(tx: &WriteTx, order: &mut Order, now: Moment) -> Result<()> {
    let Some(code) = order.coupon.as_deref().filter(|_| order.coupon_claim.is_none()) else { return Ok(()) };
    let coupon = coupons::find_usable(tx, code, User { email: &order.email, session: order.session })?;
    coupon.check(order.totals.subtotal, order.currency(), now)?;
    order.coupon_claim = Some(coupon.id);
    Ok(())
}

/// What an order holds until it is paid: blanks and a use of its coupon.
pub(super) fn let_holds_go(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    order.coupon_claim = None;
    give_stock_back(tx, shop, order)
}

fn give_stock_back(tx: &WriteTx, shop: &Shop, order: &mut Order) -> Result<()> {
    if order.holds_stock {
        for line in &mut order.lines {
            let blanks = i64::from(line.blanks.unwrap_or(line.quantity));
            line.blanks = Some(0);
            // What is printed is no blank any more.
            if blanks == 0 || matches!(line.production, Production::Printed | Production::Packed) {
                continue;
            }
            match catalog::take_stock(tx, shop, line.product_id, line.variant_id, -blanks) {
                // A product that is gone has no shelf to put it back on.
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        order.holds_stock = false;
    }
    Ok(())
}
