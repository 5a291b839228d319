//! What a customer filled in, looked at with the layout: checked, brought into its one form, and warned about.

use super::model::{Assessed, Params, Photo, PhotoId, Sharpness, Warning};
use super::scene::{self, Built, Value as Filled, Values};
use crate::catalog::layout::{Layout, Size};
use crate::catalog::{Product, ProductId, Surface, VariantId};
use crate::kernel::canonical::{canonical_json, crc32_hex};
use crate::kernel::{Fault, FieldError, Message, Refusal, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Everything a design is drawn from. Cheap to pass to a thread that draws.
#[derive(Clone)]
pub struct Filling {
    pub surface: std::sync::Arc<Surface>,
    pub size: Size,
    /// The variant's key, which mock-ups know it by.
    pub variant: String,
    pub values: Values,
    /// The values as JSON, in the shape they were given.
    pub params: Params,
    pub photos: HashMap<PhotoId, Photo>,
}

impl Filling {
    /// The scene, and what there is to warn about. Takes some milliseconds.
    ///
    /// # Errors
    /// A layout that cannot be drawn.
    pub fn build(&self) -> Result<Built, Fault> {
        let photo_size = |id: uuid::Uuid| self.photos.get(&PhotoId(id)).map(|photo| (photo.width, photo.height));
        let artwork = |name: &str| self.surface.artwork(name);
        scene::build_scene(self.surface.layout(), self.size, &self.values, &photo_size, &artwork)
    }
}

/// Reads `params` for the layout of `surface`, with gaps. `photos` are those of the design.
///
/// # Errors
/// 422 naming unknown fields, values out of their limits, photos of somebody else and a variant the product does not have.
pub fn fill(
    surface: std::sync::Arc<Surface>,
    product: &Product,
    variant_id: VariantId,
    params: &Value,
    photos: HashMap<PhotoId, Photo>,
) -> Result<Filling> {
    let variant = product
        .variant(variant_id)
        .ok_or_else(|| Refusal::field("variant_id", Message::new("designs.variant_unknown")))?;
    let values = Values::from_json(surface.layout(), params).map_err(Refusal::fields)?;
    let strange: Vec<FieldError> = photos_by_field(&values)
        .filter(|(_, id)| !photos.contains_key(id))
        .map(|(field, _)| FieldError {
            field: format!("params.{field}.photo_id"),
            message: Message::new("designs.photo_unknown"),
        })
        .collect();
    if !strange.is_empty() {
        return Err(Refusal::fields(strange).into());
    }
    let params = as_given(&values, params)?;
    Ok(Filling { surface, size: variant.size(), variant: variant.key.clone(), values, params, photos })
}

/// The values in their one form, but a text that came as an object stays one and a colour keeps its capitals: who asks for the params
/// they sent finds them again.
fn as_given(values: &Values, given: &Value) -> Result<Params, Fault> {
    let Value::Object(mut params) = values.to_json() else {
        return Err(Fault::bug("params that are no object"));
    };
    for (field, value) in &mut params {
        match (&*value, given.get(field)) {
            (Value::String(text), Some(Value::Object(_))) => *value = json!({ "text": text }),
            (Value::String(text), Some(Value::String(typed))) if typed.eq_ignore_ascii_case(text) => {
                *value = json!(typed)
            }
            _ => {}
        }
    }
    Ok(params)
}

fn photos_by_field(values: &Values) -> impl Iterator<Item = (&str, PhotoId)> {
    values.0.iter().filter_map(|(field, value)| match value {
        Filled::Photo(photo) => Some((field.as_str(), PhotoId(photo.photo_id))),
        _ => None,
    })
}

/// All that follows from what was filled in. Takes some milliseconds: text is set and measured.
///
/// # Errors
/// As [`fill`], and a layout that cannot be drawn.
pub fn assess(filling: &Filling, product_id: ProductId, variant_id: VariantId) -> Result<Assessed, Fault> {
    let layout = filling.surface.layout();
    let params = filling.params.clone();
    let built = filling.build()?;
    let warnings = built.warnings.into_iter().map(|warning| Warning {
        code: warning.code.to_owned(),
        field: warning.field,
        words: warning.message.key.to_owned(),
        values: warning.message.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    });
    let centimetres = |mm: f64| (mm / 10.0).floor().max(1.0) as u32;
    let sharpness = built.photos.into_iter().map(|photo| Sharpness {
        field: photo.field,
        width_cm: centimetres(photo.sharp_up_to_mm.width_mm),
        height_cm: centimetres(photo.sharp_up_to_mm.height_mm),
    });
    let (params_crc32, key) = checksums(product_id, filling.surface.version, variant_id, &params);
    Ok(Assessed {
        variant_id,
        params,
        params_crc32,
        key,
        missing: missing(layout, &filling.values),
        undrawable: built.undrawable.into_iter().map(|(field, missing)| (field, missing.concat())).collect(),
        warnings: warnings.collect(),
        sharpness: sharpness.collect(),
    })
}

/// The CRC-32 of the canonical params, and the hash that names what is drawn.
pub fn checksums(product: ProductId, layout_version: u32, variant: VariantId, params: &Params) -> (String, String) {
    let canonical = canonical_json(&Value::Object(params.clone()));
    let mut hash = Sha256::new();
    hash.update(product.0.as_bytes());
    hash.update(layout_version.to_be_bytes());
    hash.update(variant.0.as_bytes());
    hash.update(&canonical);
    (crc32_hex(&canonical), hex::encode(hash.finalize()))
}

/// Required fields that are still empty.
fn missing(layout: &Layout, values: &Values) -> Vec<String> {
    let errors = values.missing_required(layout);
    errors.iter().map(|error| error.field.strip_prefix("params.").unwrap_or(&error.field).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn params(text: &str) -> Params {
        json!({ "name": { "text": text } }).as_object().cloned().unwrap()
    }

    #[test]
    fn the_key_tells_apart_what_the_crc_does_not() {
        let (product, variant) = (ProductId(Uuid::from_u128(1)), VariantId(Uuid::from_u128(2)));
        let text = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Among so many texts some share a CRC-32; their keys must differ all the same.
        let mut seen: HashMap<u32, u64> = HashMap::new();
        let mut collisions = 0;
        for number in 0..400_000u64 {
            let canonical = format!(r#"{{"name":{{"text":"{}"}}}}"#, text(number));
            if let Some(other) = seen.insert(crc32fast::hash(canonical.as_bytes()), number) {
                collisions += 1;
                let one = checksums(product, 1, variant, &params(&text(number)));
                let other = checksums(product, 1, variant, &params(&text(other)));
                assert_eq!(one.0, other.0);
                assert_ne!(one.1, other.1);
            }
        }
        assert!(collisions > 0, "the test found no two texts with the same CRC-32");
    }

    #[test]
    fn another_size_or_layout_is_another_picture() {
        let (product, variant) = (ProductId(Uuid::from_u128(1)), VariantId(Uuid::from_u128(2)));
        let one = checksums(product, 1, variant, &params("Mika"));
        assert_ne!(one.1, checksums(product, 2, variant, &params("Mika")).1);
        assert_ne!(one.1, checksums(product, 1, VariantId(Uuid::from_u128(3)), &params("Mika")).1);
        assert_eq!(one, checksums(product, 1, variant, &params("Mika")));
    }
}
