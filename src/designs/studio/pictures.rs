//! Pictures of the real thing: taken in like customers' photos, and shown in sizes that fit.

use crate::catalog::admin::{AdminProductView, OwnPictureView, page, refresh_index_soon};
use crate::catalog::changes::{self, Change};
use crate::catalog::{self, PictureId, ProductId, ProductPicture};
use crate::designs::photos::{blocking, decoded, receive};
use crate::kernel::lang::Words;
use crate::kernel::{Error, Fault, Message, Refusal};
use crate::people::May;
use crate::people::rights::ChangesOrders;
use crate::render::{Picture, encode_jpeg};
use crate::shop::Shop;
use crate::store::BlobRef;
use crate::web::input::body_problem;
use crate::web::{Face, Made, Problem, Reply, Visit};
use axum::extract::{DefaultBodyLimit, Multipart, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Of what is kept; it is packed once more for each width it is shown in.
const QUALITY: u8 = 92;

pub fn routes() -> OpenApiRouter<Shop> {
    let upload = OpenApiRouter::new().routes(routes!(add_product_picture));
    // The limit of the configuration is kept while the file streams in, with a better answer than the general one.
    upload.layer(DefaultBodyLimit::disable())
}

/// Adds a picture of the product (JPEG, PNG or WebP) behind those there are. The shop shows these instead of its rendered ones.
#[utoipa::path(post, path = "/admin/products/{id}/pictures", tag = "admin", params(("id" = String, Path)),
    request_body(content_type = "multipart/form-data", description = "`file`: the picture", content = String),
    responses((status = 201, body = OwnPictureView), (status = 404), (status = 413, description = "payload_too_large, image_too_large"),
              (status = 415, description = "unsupported_media"), (status = 422, description = "image_unreadable")))]
async fn add_product_picture(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    body: Multipart,
) -> Result<Reply, Problem> {
    match take_in(&visit, id, body).await {
        Ok(made) => {
            refresh_index_soon(&visit.shop);
            Ok(made.reply(visit.face))
        }
        // A form comes back with what went wrong beside the button.
        Err(Problem(mut refusal)) if visit.face == Face::Page && (400..500).contains(&refusal.code.status()) => {
            if refusal.errors.is_empty() && refusal.code.status() != 404 {
                let message = refusal.detail.clone();
                refusal.errors = vec![crate::kernel::FieldError { field: "file".into(), message }];
            }
            page::show(&visit, id, &page::Told::refused(&refusal, None))
        }
        Err(problem) => Err(problem),
    }
}

async fn take_in(visit: &Visit, id: ProductId, mut body: Multipart) -> Result<Made, Problem> {
    let shop = &visit.shop;
    let shelf = catalog::shelf(shop)?;
    let product = shelf.product(id).ok_or_else(Problem::not_found)?;
    changes::check_room_for_picture(product)?;
    let mut original = None;
    while let Some(part) = body.next_field().await.map_err(|error| body_problem(error.status().as_u16()))? {
        if part.name() == Some("file") && original.is_none() {
            original = Some(receive(shop, part).await?);
        }
    }
    let original = original.ok_or_else(|| Refusal::field("file", Message::new("designs.photo_absent")))?;
    let developing = shop.clone();
    let picture = blocking(move || develop(&developing, &original)).await?;
    let (change, asker) = (Change::of(visit), visit.clone());
    let made = shop.store().write(move |tx| {
        let new = picture.id;
        let product = changes::add_picture(tx, &change, id, picture)?;
        let view = AdminProductView::picture(&product, new).ok_or_else(|| Fault::bug("a picture got lost"))?;
        let made = Made::new(&view, &view.url)?.leading_to(&format!("/admin/products/{id}#pictures"));
        let told = made.clone();
        asker.keep(tx, || Ok::<_, Error>(told))?;
        Ok::<_, Error>(made)
    });
    Ok(made.await?)
}

/// Decodes the file in a child process and keeps an upright JPEG without anything else that was in it.
fn develop(shop: &Shop, original: &BlobRef) -> Result<ProductPicture, Error> {
    let decoded = decoded(shop, original)?;
    let picture = on_white(decoded.picture);
    let (width, height) = (picture.width, picture.height);
    let file = shop.blobs().put(&encode_jpeg(&picture, QUALITY)?)?;
    Ok(ProductPicture { id: PictureId(shop.new_id()), file, width, height, alt: Words::default() })
}

/// What a see-through picture looks like on a white page.
fn on_white(picture: Picture) -> Picture {
    if !picture.has_alpha() {
        return picture;
    }
    let mix = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let pixels = picture.pixels.chunks_exact(4).flat_map(|p| [mix(p[0], p[3]), mix(p[1], p[3]), mix(p[2], p[3])]);
    Picture { channels: 3, pixels: pixels.collect(), ..picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_see_through_becomes_white() {
        let picture = Picture::new(2, 1, 4, vec![10, 20, 30, 255, 0, 0, 0, 0]).unwrap();
        assert_eq!(on_white(picture).pixels, [10, 20, 30, 255, 255, 255]);
    }
}
