//! Who may do what. Asked by every route of the panel, whatever its face.

use crate::kernel::Code;
use crate::shop::Shop;
use crate::web::{Caller, Problem, Role, StaffCaller, Visit};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::marker::PhantomData;

/// The staff member asking, if the role includes `right`.
///
/// # Errors
/// 401 for strangers, 403 for staff without the right.
pub fn require(visit: &Visit, right: impl Fn(Role) -> bool) -> Result<&StaffCaller, Problem> {
    let staff = visit.staff()?;
    if right(staff.role) { Ok(staff) } else { Err(Problem::new(Code::Forbidden, "problem.forbidden")) }
}

/// Whatever a manager sees: customers, prices, settings, mails, the audit log.
pub fn reads_panel(role: Role) -> bool {
    role.sees_customers()
}

/// Shop name, shipping, tax, texts. What cannot be taken back easily (the currency) is the owner's alone.
pub fn changes_settings(role: Role) -> bool {
    matches!(role, Role::Owner | Role::Manager)
}

/// Everybody with a log-in.
pub fn any(_: Role) -> bool {
    true
}

/// The first argument of every handler of the panel that reads a body: whoever may not call it is told so before anything of the body is
/// read, and so learns nothing from what is wrong with it.
pub struct May<R>(PhantomData<R>);

/// A right as a type, for [`May`].
pub trait Right {
    fn allows(role: Role) -> bool;
}

macro_rules! rights {
    ($($name:ident => $allows:expr,)*) => {$(
        pub enum $name {}

        impl Right for $name {
            fn allows(role: Role) -> bool {
                $allows(role)
            }
        }
    )*};
}

rights! {
    ReadsPanel => reads_panel,
    ChangesSettings => changes_settings,
    ChangesOrders => Role::changes_orders,
    ChangesProduction => Role::changes_production,
    Owner => Role::is_owner,
}

impl<R: Right> FromRequestParts<Shop> for May<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shop) -> Result<Self, Problem> {
        let staff = parts.extensions.get::<Caller>().and_then(|caller| caller.staff.as_ref());
        match staff {
            None => Err(Problem::new(Code::Unauthorized, "problem.unauthorized")),
            Some(staff) if !R::allows(staff.role) => Err(Problem::new(Code::Forbidden, "problem.forbidden")),
            Some(_) => Ok(May(PhantomData)),
        }
    }
}
