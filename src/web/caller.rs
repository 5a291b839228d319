//! Who is asking. Filled in by the rooms that know sessions and staff, read by everything behind them.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use uuid::Uuid;

crate::id!(
    /// A customer's session: the owner of designs, baskets and orders made with one browser.
    SessionId
);

/// What a member of the staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Owner,
    /// All but staff, tokens, Stripe and destructive settings.
    Manager,
    /// The print room: designs, finals, production states; no prices and no e-mail addresses.
    Printer,
    /// Reads what a manager reads.
    Viewer,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Owner, Role::Manager, Role::Printer, Role::Viewer];

    pub fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Manager => "manager",
            Role::Printer => "printer",
            Role::Viewer => "viewer",
        }
    }

    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Prices, e-mail addresses and whatever else names a customer.
    pub fn sees_customers(self) -> bool {
        self != Role::Printer
    }

    pub fn changes_orders(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    pub fn changes_production(self) -> bool {
        self != Role::Viewer
    }

    pub fn is_owner(self) -> bool {
        self == Role::Owner
    }
}

/// A member of the staff, or a script with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    /// The staff member's or the token's id.
    pub id: Uuid,
    pub name: String,
    pub role: Role,
    /// True for a bearer token, false for a browser.
    pub by_token: bool,
}

/// Who is asking, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    pub session: Option<SessionId>,
    pub staff: Option<StaffCaller>,
    pub address: IpAddr,
}
