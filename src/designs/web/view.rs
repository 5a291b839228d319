//! Designs, photos and jobs as JSON.

use crate::catalog::{Product, ProductId, VariantId};
use crate::designs::model::{Design, DesignId, Photo, PhotoId, Sharpness, Status, Warning};
use crate::designs::{lifecycle, scene, workshop};
use crate::kernel::{Currency, Lang, Moment};
use crate::queue::{JobId, JobRow};
use crate::shop::Shop;
use crate::web::{Visit, words};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A design.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Design)]
pub struct DesignView {
    #[schema(value_type = String, format = Uuid)]
    pub id: DesignId,
    #[schema(value_type = String, format = Uuid)]
    pub product_id: ProductId,
    #[schema(value_type = String, format = Uuid)]
    pub variant_id: VariantId,
    /// The design this one was copied from by a re-order.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub original_design_id: Option<DesignId>,
    pub name: String,
    /// Rises with every change.
    pub version: u64,
    /// Values by field id.
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
    /// CRC-32/ISO-HDLC of the canonical JSON (RFC 8785) of `params`, 8 hex digits.
    pub params_crc32: String,
    pub status: Status,
    /// Something stands outside the safe area.
    pub safe_area_warning: bool,
    pub warnings: Vec<WarningView>,
    /// Of each photo, in the crop in use.
    pub sharpness: Vec<SharpnessView>,
    /// The approved preview, or the large one; `null` until there is one.
    pub preview_image_url: Option<String>,
    /// Where staff get the print file; `null` until the design is ready.
    pub final_image_url: Option<String>,
    /// Of the chosen variant, in minor units; `null` for those who may not see prices, and when the variant is gone.
    pub price: Option<i64>,
    pub currency: Currency,
    /// Why the last attempt to render the print file failed; for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// An order holds it: it cannot be changed.
    pub locked: bool,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// Something the customer should know. `code` is stable, `message` is in the caller's language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Warning)]
pub struct WarningView {
    pub code: String,
    pub field: String,
    pub message: String,
}

impl WarningView {
    pub fn new(warning: &Warning, lang: Lang) -> WarningView {
        let values: Vec<_> = warning.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        WarningView {
            code: warning.code.clone(),
            field: warning.field.clone(),
            message: words::fill(words::text(lang, &warning.words), &values),
        }
    }

    pub fn all(warnings: &[Warning], lang: Lang) -> Vec<WarningView> {
        warnings.iter().map(|warning| WarningView::new(warning, lang)).collect()
    }
}

/// Up to what size the whole print would be sharp with a photo as it is placed. `message` is in the caller's language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Sharpness)]
pub struct SharpnessView {
    pub field: String,
    pub width_cm: u32,
    pub height_cm: u32,
    pub message: String,
}

impl SharpnessView {
    pub fn all(sharpness: &[Sharpness], lang: Lang) -> Vec<SharpnessView> {
        let view = |sharp: &Sharpness| {
            let (width, height) = (sharp.width_cm.to_string(), sharp.height_cm.to_string());
            let values = [("width", width.as_str()), ("height", height.as_str())];
            SharpnessView {
                field: sharp.field.clone(),
                width_cm: sharp.width_cm,
                height_cm: sharp.height_cm,
                message: words::fill(words::text(lang, "design.sharp_up_to"), &values),
            }
        };
        sharpness.iter().map(view).collect()
    }
}

impl DesignView {
    /// As `visit`'s caller may see it. `product` is the design's.
    pub fn new(visit: &Visit, design: &Design, product: Option<&Product>) -> DesignView {
        let staff = visit.caller.staff.as_ref();
        let variant = product.and_then(|product| product.variant(design.variant_id));
        DesignView {
            id: design.id,
            product_id: design.product_id,
            variant_id: design.variant_id,
            original_design_id: design.original_design_id,
            name: design.name.clone(),
            version: design.version,
            params: design.params.clone(),
            params_crc32: design.params_crc32.clone(),
            status: design.status,
            safe_area_warning: design.has_safe_area_warning(),
            warnings: WarningView::all(&design.warnings, visit.lang),
            sharpness: SharpnessView::all(&design.sharpness, visit.lang),
            preview_image_url: design.preview.as_ref().map(|preview| workshop::preview_url(&preview.name)),
            final_image_url: lifecycle::final_url(design),
            price: variant.map(|variant| variant.price).filter(|_| sees_prices(visit)),
            currency: visit.shop.settings().currency,
            failure_reason: design.failure_reason.clone().filter(|_| staff.is_some()),
            locked: design.is_locked(),
            created_at: design.created_at,
            updated_at: design.updated_at,
        }
    }
}

/// Everybody but the print room.
pub fn sees_prices(visit: &Visit) -> bool {
    visit.caller.staff.as_ref().is_none_or(|staff| staff.role.sees_customers())
}

/// An uploaded picture.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Photo)]
pub struct PhotoView {
    #[schema(value_type = String, format = Uuid)]
    pub id: PhotoId,
    /// Upright pixels of the original.
    pub width: u32,
    pub height: u32,
    /// Of the original.
    pub bytes: u64,
    /// Of the proxy: small, upright, without metadata.
    pub url: String,
    /// Up to what size the whole photo prints sharp.
    pub sharp_up_to_mm: SharpView,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Sharp)]
pub struct SharpView {
    pub width: f64,
    pub height: f64,
}

impl PhotoView {
    pub fn new(design: DesignId, photo: &Photo) -> PhotoView {
        let sharp = scene::sharp_up_to_mm(photo.width, photo.height);
        PhotoView {
            id: photo.id,
            width: photo.width,
            height: photo.height,
            bytes: photo.original.bytes,
            url: photo_url(design, photo.id),
            sharp_up_to_mm: SharpView { width: sharp.width_mm.floor(), height: sharp.height_mm.floor() },
        }
    }
}

pub fn photo_url(design: DesignId, photo: PhotoId) -> String {
    format!("/designs/{design}/photos/{photo}")
}

/// Background work.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    #[schema(value_type = String, format = Uuid)]
    pub id: JobId,
    pub kind: String,
    /// `queued`, `processing`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    pub attempt: u32,
    pub max_attempts: u32,
    /// 0 to 100.
    pub progress: u8,
    pub failure_reason: Option<String>,
    pub next_attempt_at: Option<Moment>,
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    pub created_at: Moment,
    pub started_at: Option<Moment>,
    pub completed_at: Option<Moment>,
}

impl JobView {
    pub fn new(job: &JobRow) -> JobView {
        JobView {
            id: job.id,
            kind: job.kind.clone(),
            status: job.status.name(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            progress: job.progress,
            failure_reason: job.failure_reason.clone(),
            next_attempt_at: job.next_attempt_at,
            result: job.result.clone(),
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
        }
    }
}

/// The product of a design, from memory.
pub fn product_of(shop: &Shop, design: &Design) -> Result<Option<Product>, crate::kernel::Fault> {
    Ok(crate::catalog::shelf(shop)?.product(design.product_id).cloned())
}
