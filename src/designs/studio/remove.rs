//! The end of a product of which nothing was ever made.

use crate::catalog::admin::refresh_index_soon;
use crate::catalog::changes::{self, Change};
use crate::catalog::{self, ProductId};
use crate::designs::photos::blocking;
use crate::designs::table;
use crate::kernel::{Code, Error, Refusal};
use crate::people::May;
use crate::people::rights::ChangesOrders;
use crate::shop::Shop;
use crate::web::input::optional_number;
use crate::web::{Face, Input, Problem, Reply, Visit};
use axum::extract::Path;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(delete_product))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct Deletion {
    /// The version that was looked at; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

/// Deletes an archived product of which no design was ever made. Any other stays archived.
#[utoipa::path(delete, path = "/admin/products/{id}", tag = "admin", params(("id" = String, Path)), request_body = Deletion,
    responses((status = 204), (status = 404), (status = 409, description = "It is in the shop, or designs were made of it"),
        (status = 412, description = "stale_version")))]
async fn delete_product(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(deletion): Input<Deletion>,
) -> Result<Reply, Problem> {
    let in_use = || Refusal::new(Code::InvalidStatusTransition, "catalog.delete_in_use");
    let shop = visit.shop.clone();
    let last = blocking(move || {
        let tx = shop.store().read()?;
        let product = catalog::product(&tx, id)?.ok_or_else(Refusal::not_found)?;
        if product.is_active() {
            return Err(Refusal::new(Code::InvalidStatusTransition, "catalog.delete_active").into());
        }
        // Rare, so no list is kept for it: all designs are looked through.
        match table::any_of_product(&tx, id, None)? {
            (true, _) => Err(in_use().into()),
            (false, last) => Ok::<_, Error>(last),
        }
    })
    .await?;
    let (change, seen) = (Change::of(&visit), deletion.version.map(|version| version.unsigned_abs()));
    let delete = visit.shop.store().write(move |tx| {
        // What was made since stands behind.
        if table::any_of_product(tx, id, last)?.0 {
            return Err(Error::from(in_use()));
        }
        changes::delete(tx, &change, id, seen)
    });
    delete.await?;
    refresh_index_soon(&visit.shop);
    Ok(match visit.face {
        Face::Json => Reply::no_content(),
        face => Reply::see_other(face, "/admin/products"),
    })
}
