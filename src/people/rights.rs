//! Who may do what. Asked by every route of the panel, whatever its face.

use crate::kernel::Code;
use crate::web::{Problem, Role, StaffCaller, Visit};

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
