//! Coupons in the database. Who used one is told by the orders that hold it (`orders::table`).

use super::{Coupon, CouponId, folded};
use crate::kernel::{Fault, Message, Refusal, Result};
use crate::store::{Order as Direction, Snapshot, Table, WriteTx, derived};
use std::ops::ControlFlow;

const COUPONS: Table<CouponId, Coupon> = Table::new("orders.coupons", 1);
/// By the code as it is compared.
const BY_CODE: Table<String, CouponId> = Table::new("orders.coupons.by_code", 1);

pub fn get(tx: &impl Snapshot, id: CouponId) -> Result<Option<Coupon>, Fault> {
    COUPONS.get(tx, &id)
}

pub fn by_code(tx: &impl Snapshot, code: &str) -> Result<Option<Coupon>, Fault> {
    match BY_CODE.get(tx, &folded(code))? {
        Some(id) => COUPONS.get(tx, &id),
        None => Ok(None),
    }
}

/// Stores a coupon as it is now.
///
/// # Errors
/// 422 when another coupon has its code.
pub fn put(tx: &WriteTx, coupon: &Coupon) -> Result<()> {
    let code = folded(&coupon.code);
    if BY_CODE.get(tx, &code)?.is_some_and(|other| other != coupon.id) {
        return Err(Refusal::field("code", Message::new("orders.coupon_code_taken")).into());
    }
    if let Some(before) = COUPONS.get(tx, &coupon.id)? {
        BY_CODE.remove(tx, &folded(&before.code))?;
    }
    BY_CODE.put(tx, &code, &coupon.id)?;
    COUPONS.put(tx, &coupon.id, coupon)?;
    Ok(())
}

/// Newest first, behind `after`.
pub fn list(tx: &impl Snapshot, after: Option<CouponId>, limit: usize) -> Result<Vec<Coupon>, Fault> {
    let rows = match after {
        None => COUPONS.range(tx, .., Direction::Falling, limit)?,
        Some(after) => COUPONS.range(tx, ..after, Direction::Falling, limit)?,
    };
    Ok(rows.into_iter().map(|(_, coupon)| coupon).collect())
}

/// Tables that only repeat what the coupons say.
pub const FOLLOWING: &[&str] = &[BY_CODE.name()];

/// Names every row of [`FOLLOWING`].
///
/// # Errors
/// A database that cannot be read.
pub fn follow(tx: &impl Snapshot, visit: &mut derived::Visit<'_>) -> Result<(), Fault> {
    COUPONS.each(tx, .., Direction::Rising, |id, coupon| {
        visit(BY_CODE.derived(&folded(&coupon.code), &id)?)?;
        Ok(ControlFlow::Continue(()))
    })
}
