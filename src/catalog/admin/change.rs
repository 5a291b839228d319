//! Changing a product: what it is called, where it is found, its sizes, its pictures, whether it is in the shop.

use super::page;
use super::variants::{self, Figures, VariantChange};
use super::view::{AdminProductView, InLanguages, Texts};
use super::{is_slug, refresh_index_soon, text_message};
use crate::catalog::model::{PictureId, Product, ProductId, ProductPicture, ProductStatus, VariantId};
use crate::catalog::shelf::{memory, shelf};
use crate::catalog::table;
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{TextProblem, clean_block, clean_line};
use crate::kernel::{Code, Error, Fault, Message, Refusal};
use crate::people::May;
use crate::people::audit::{self, Actor, Entry};
use crate::people::rights::ChangesOrders;
use crate::web::input::{optional_number, switch};
use crate::web::{Input, Problem, Reply, Visit};
use axum::extract::Path;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What is to be different. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ProductChange {
    pub status: Option<ProductStatus>,
    /// Lower-case letters, digits and hyphens. The address it had before goes on leading to it.
    pub slug: Option<String>,
    /// A lower-case word; products of the same one stand together.
    pub category: Option<String>,
    /// A tax class of the settings; empty for the usual rate.
    pub tax_class: Option<String>,
    /// What the product is called and what is said about it, in every language.
    pub texts: Option<Texts>,
    #[serde(default)]
    pub variants: Vec<VariantChange>,
    /// Changes of the owner's pictures, each by its `id`.
    #[serde(default)]
    pub pictures: Vec<PictureChange>,
    /// The version this change was made from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    pub version: Option<i64>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct PictureChange {
    #[schema(value_type = String, format = Uuid)]
    pub id: PictureId,
    /// What it shows, for people who do not see it.
    #[serde(default)]
    pub alt: Option<InLanguages>,
    /// Its place among the pictures, the first being 1.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<i64>)]
    pub place: Option<i64>,
    #[serde(default, deserialize_with = "switch")]
    pub remove: bool,
}

/// As it is stored, each checked by `clean`.
pub fn checked_words(
    words: &InLanguages,
    field: &str,
    max: usize,
    clean: impl Fn(&str, usize) -> Result<String, TextProblem>,
    mistakes: &mut Mistakes,
) -> Words {
    let [en, ja] = [("en", &words.en), ("ja", &words.ja)].map(|(lang, text)| {
        let field = format!("{field}.{lang}");
        match clean(text, max) {
            Ok(text) if text.trim().is_empty() => mistakes.add(field, Message::new("panel.text_needed")),
            Ok(text) => return text,
            Err(problem) => mistakes.add(field, text_message(problem)),
        }
        String::new()
    });
    Words::new(en, ja)
}

/// The changes that can be checked without the product.
struct Checked {
    status: Option<ProductStatus>,
    slug: Option<String>,
    category: Option<String>,
    tax_class: Option<String>,
    texts: Option<(Words, Words)>,
    figures: Vec<Figures>,
    pictures: Vec<(PictureChange, Option<Words>)>,
}

fn checked(visit: &Visit, change: &ProductChange) -> Result<Checked, Refusal> {
    let settings = visit.shop.settings();
    let mut mistakes = Mistakes::new();
    let texts = change.texts.as_ref().map(|texts| {
        let name = checked_words(&texts.name, "texts.name", 80, clean_line, &mut mistakes);
        (name, checked_words(&texts.description, "texts.description", 4000, clean_block, &mut mistakes))
    });
    for (field, word) in [("slug", &change.slug), ("category", &change.category)] {
        if word.as_deref().is_some_and(|word| !is_slug(word.trim())) {
            mistakes.add(field, Message::new("catalog.slug_form"));
        }
    }
    if let Some(class) = change.tax_class.as_deref().filter(|class| !class.is_empty())
        && !settings.tax.classes.iter().any(|(name, _)| name == class)
    {
        mistakes.add("tax_class", Message::new("catalog.tax_class_unknown"));
    }
    let mut pictures = Vec::new();
    for (at, picture) in change.pictures.iter().enumerate() {
        let alt = picture.alt.as_ref().map(|alt| {
            let [en, ja] = [("en", &alt.en), ("ja", &alt.ja)].map(|(lang, text)| {
                clean_line(text, 200).unwrap_or_else(|problem| {
                    mistakes.add(format!("pictures.{at}.alt.{lang}"), text_message(problem));
                    String::new()
                })
            });
            Words::new(en, ja)
        });
        pictures.push((picture.clone(), alt));
    }
    mistakes.into_result()?;
    let word = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    Ok(Checked {
        status: change.status,
        slug: word(&change.slug),
        category: word(&change.category),
        tax_class: change.tax_class.clone(),
        texts,
        figures: variants::checked(&change.variants, settings.currency, || VariantId(visit.shop.new_id()))?,
        pictures,
    })
}

/// Changes a product. Every change is in the audit log.
#[utoipa::path(put, path = "/admin/products/{id}", tag = "admin", params(("id" = String, Path)), request_body = ProductChange,
    responses((status = 200, body = AdminProductView), (status = 404), (status = 412, description = "stale_version"), (status = 422)))]
pub async fn change_product(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(change): Input<ProductChange>,
) -> Result<Reply, Problem> {
    match store_change(&visit, id, &change).await {
        Ok(()) => {}
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput && !visit.face.is_json() => {
            return page::show(&visit, id, &page::Told::refused(&refusal, Some(&change)));
        }
        Err(error) => return Err(error.into()),
    }
    refresh_index_soon(&visit.shop);
    let shelf = shelf(&visit.shop)?;
    let item = shelf.item(id).ok_or_else(Problem::not_found)?;
    visit.done(&AdminProductView::new(item, visit.lang), &format!("/admin/products/{id}?saved=yes"))
}

async fn store_change(visit: &Visit, id: ProductId, change: &ProductChange) -> Result<(), Error> {
    let checked = std::sync::Arc::new(checked(visit, change)?);
    let seen = change.version.map(|version| version.unsigned_abs());
    let (actor, now, memory) = (Actor::of(visit), visit.now, memory(&visit.shop));
    visit
        .shop
        .store()
        .write(move |tx| {
            let before = table::product(tx, id)?.ok_or_else(Refusal::not_found)?;
            if seen.is_some_and(|seen| seen != before.version) {
                return Err(Refusal::new(Code::StaleVersion, "catalog.stale_version").into());
            }
            let mut after = before.clone();
            if !checked.figures.is_empty() {
                let surface = table::surface(tx, id, before.layout_version)?
                    .ok_or_else(|| Fault::Corrupt(format!("product {id} has no layout")))?;
                after = variants::apply(&before, &checked.figures, surface.layout(), surface.file.mockup)?;
            }
            after.status = checked.status.unwrap_or(before.status);
            if let Some((name, description)) = &checked.texts {
                after.name = name.clone();
                after.description = description.clone();
            }
            if let Some(class) = &checked.tax_class {
                after.tax_class.clone_from(class);
            }
            if let Some(category) = &checked.category {
                after.category.clone_from(category);
            }
            if let Some(slug) = checked.slug.as_ref().filter(|slug| **slug != before.slug) {
                if table::of_slug(tx, slug)?.is_some_and(|other| other != id) {
                    return Err(Refusal::field("slug", Message::new("catalog.slug_taken")).into());
                }
                after.former_slugs.retain(|former| former != slug);
                after.former_slugs.push(before.slug.clone());
                after.slug.clone_from(slug);
            }
            change_pictures(&mut after.pictures, &checked.pictures)?;
            if after == before {
                return Ok(());
            }
            let (old, new) = audit::changes(&facts(&before), &facts(&after));
            after.version += 1;
            after.updated_at = now;
            table::put_product(tx, &after, &memory)?;
            audit::record(
                tx,
                Entry {
                    actor: actor.clone(),
                    action: "product.changed",
                    target_type: "product",
                    target_id: id.to_string(),
                    before: old,
                    after: new,
                    at: now,
                },
            )?;
            Ok(())
        })
        .await
}

fn change_pictures(
    pictures: &mut Vec<ProductPicture>,
    changes: &[(PictureChange, Option<Words>)],
) -> Result<(), Refusal> {
    let mut all: Vec<(f64, bool, ProductPicture)> =
        pictures.drain(..).enumerate().map(|(at, picture)| (at as f64 + 1.0, true, picture)).collect();
    for (at, (change, alt)) in changes.iter().enumerate() {
        let (place, stays, picture) = all
            .iter_mut()
            .find(|(_, _, picture)| picture.id == change.id)
            .ok_or_else(|| Refusal::field(format!("pictures.{at}.id"), Message::new("catalog.picture_unknown")))?;
        if let Some(wished) = change.place.map(|place| place.clamp(1, 10_000) as f64) {
            *place = if wished < *place {
                wished - 0.5
            } else if wished > *place {
                wished + 0.5
            } else {
                *place
            };
        }
        *stays = !change.remove;
        if let Some(alt) = alt {
            picture.alt = alt.clone();
        }
    }
    all.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    pictures.extend(all.into_iter().filter(|(_, stays, _)| *stays).map(|(_, _, picture)| picture));
    Ok(())
}

/// What the audit log keeps of a product.
pub fn facts(product: &Product) -> Value {
    let variants = product.all_variants().map(|variant| {
        let name = InLanguages::of(&variant.name);
        (
            variant.key.clone(),
            json!({
                "name": name, "price": variant.price, "stock": variant.stock, "size_class": variant.size_class,
                "width_mm": variant.width_mm, "height_mm": variant.height_mm, "sold": product.sold(variant.id).is_some(),
            }),
        )
    });
    let variants: serde_json::Map<_, _> = variants.collect();
    let order: Vec<&str> = product.variants.iter().map(|variant| variant.key.as_str()).collect();
    let pictures: Vec<Value> = product
        .pictures
        .iter()
        .map(|picture| json!({ "id": picture.id, "alt": InLanguages::of(&picture.alt) }))
        .collect();
    json!({
        "status": product.status, "slug": product.slug, "category": product.category, "tax_class": product.tax_class,
        "texts": Texts::of(product), "variants": variants, "order": order, "pictures": pictures,
        "layout_version": product.layout_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BlobRef, Digest};
    use uuid::Uuid;

    #[test]
    fn pictures_move_to_the_place_they_are_given() {
        let picture = |number: u128| ProductPicture {
            id: PictureId(Uuid::from_u128(number)),
            file: BlobRef { sha256: Digest([number as u8; 32]), bytes: 1 },
            width: 4,
            height: 3,
            alt: Words::default(),
        };
        let moved = |number: u128, place: i64| {
            let mut pictures: Vec<_> = (1..=4).map(picture).collect();
            let id = PictureId(Uuid::from_u128(number));
            let change = PictureChange { id, alt: None, place: Some(place), remove: false };
            change_pictures(&mut pictures, &[(change, None)]).unwrap();
            pictures.iter().map(|picture| picture.id.0.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(moved(3, 1), [3, 1, 2, 4]);
        assert_eq!(moved(1, 3), [2, 3, 1, 4]);
        assert_eq!(moved(2, 2), [1, 2, 3, 4]);
        assert_eq!(moved(1, 99), [2, 3, 4, 1]);
    }
}
