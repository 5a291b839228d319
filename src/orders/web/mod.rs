//! Routes of orders: the customer's pages and the panel's.

pub mod admin;
mod admin_bulk;
pub mod admin_change;
mod admin_order;
mod changes;
mod confirm;
mod customer;
mod form;
pub mod parts;
mod print_files;
mod print_room;
mod print_tickets;
mod show;
pub mod view;

use crate::shop::Shop;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every route of this room, the basket's included.
pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new()
        .routes(routes!(customer::list_orders, customer::create_order))
        .routes(routes!(form::show_order_form))
        .routes(routes!(show::show_order, customer::change_order))
        .routes(routes!(form::edit_order_form))
        .routes(routes!(confirm::confirm_order))
        .routes(routes!(customer::reorder))
        .routes(routes!(admin::list_orders_for_staff))
        .routes(routes!(admin_order::show_order_to_staff, admin_change::change_order_by_staff))
        .routes(routes!(admin_change::change_production))
        .routes(routes!(changes::open_line))
        .routes(routes!(changes::show_changes))
        .routes(routes!(changes::begin_change))
        .routes(routes!(changes::approve_change))
        .routes(routes!(admin_bulk::change_orders))
        .routes(routes!(print_room::show_queue, admin_bulk::change_lines))
        .routes(routes!(print_tickets::show_tickets))
        .routes(routes!(print_files::download_files))
        .merge(super::basket::routes())
        .merge(super::coupons::web::routes())
        .merge(super::documents::web::routes())
        .merge(super::mail_texts::web::routes())
}
