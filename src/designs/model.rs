//! One customer's filled-in layout, as it is stored.

use crate::catalog::{ProductId, VariantId};
use crate::kernel::Moment;
use crate::queue::JobId;
use crate::render::compare::Likeness;
use crate::store::BlobRef;
use crate::web::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

crate::id!(
    /// A design.
    DesignId
);
crate::id!(
    /// An uploaded picture. A design that was copied shares its photos' ids with the one it was copied from.
    PhotoId
);

pub type Params = Map<String, Value>;

/// How far the print file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DesignStatus)]
pub enum Status {
    #[default]
    Draft,
    Queued,
    Rendering,
    Ready,
    Failed,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Queued => "queued",
            Status::Rendering => "rendering",
            Status::Ready => "ready",
            Status::Failed => "failed",
        }
    }
}

/// A design. What is derived from params and layout (`params_crc32`, `key`, `missing`, `warnings`) is stored with them, so that
/// whoever reads the row needs no renderer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Design {
    pub id: DesignId,
    /// Whose it is.
    pub session: SessionId,
    /// Other sessions of the same customer: those who came by a signed link or proved their address.
    #[serde(default)]
    pub also: Vec<SessionId>,
    pub product_id: ProductId,
    pub variant_id: VariantId,
    /// The design keeps the layout it was begun with.
    pub layout_version: u32,
    pub original_design_id: Option<DesignId>,
    /// Given by the customer, or empty.
    pub name: String,
    pub version: u64,
    pub params: Params,
    pub params_crc32: String,
    /// Names what is drawn: the hash of product, layout version, variant and all params. Two designs with the same key look the same.
    pub key: String,
    pub status: Status,
    /// Why the last attempt to render the print file failed, in words for staff.
    pub failure_reason: Option<String>,
    /// Required fields that are still empty.
    pub missing: Vec<String>,
    /// Fields whose words are drawn and hold characters that no bundled face has, and the characters.
    #[serde(default)]
    pub undrawable: BTreeMap<String, String>,
    pub warnings: Vec<Warning>,
    /// Of each photo, in the crop in use.
    #[serde(default)]
    pub sharpness: Vec<Sharpness>,
    /// The picture the customer approved.
    pub preview: Option<Approved>,
    pub final_picture: Option<Final>,
    /// The job that renders, or rendered, the print file of these params.
    pub job: Option<JobId>,
    /// The orders that hold the design as it is.
    pub locked_by: Vec<Uuid>,
    /// Staff let the customer change it although an order holds it.
    pub staff_unlocked: bool,
    /// In the address of the page that shows it to others.
    pub share_token: Option<String>,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Design {
    pub fn is_locked(&self) -> bool {
        !self.locked_by.is_empty() && !self.staff_unlocked
    }

    /// True when it could be printed as it is.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.undrawable.is_empty()
    }

    /// How alike preview and print are, where that is too little to print it unseen.
    pub fn differs(&self) -> Option<Likeness> {
        self.final_picture.as_ref()?.likeness.filter(|likeness| !likeness.is_same())
    }

    pub fn has_safe_area_warning(&self) -> bool {
        self.warnings.iter().any(|warning| warning.code == "outside_safe_area")
    }

    pub fn belongs_to(&self, session: SessionId) -> bool {
        self.session == session || self.also.contains(&session)
    }
}

/// Something the customer should know before ordering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A promise to scripts: `photo_too_small`, `outside_safe_area`, …
    pub code: String,
    /// The field it is about; empty for the whole design.
    pub field: String,
    /// The key of its words, and what stands in their places.
    pub words: String,
    pub values: Vec<(String, String)>,
}

/// How large the whole print could be with this photo still sharp, from the part of it that is used; whole centimetres, downwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharpness {
    /// The photo's field.
    pub field: String,
    pub width_cm: u32,
    pub height_cm: u32,
}

/// A preview that is kept as long as its design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// In the address, unguessable.
    pub name: String,
    pub blob: BlobRef,
    pub params_crc32: String,
}

/// The print-ready file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Final {
    pub blob: BlobRef,
    /// Pixels, bleed included.
    pub width: u32,
    pub height: u32,
    pub rendered_at: Moment,
    /// How much the file, read back from the disk, is like the preview the customer approved. `None` for files from before this was
    /// looked at.
    #[serde(default)]
    pub likeness: Option<Likeness>,
}

/// An uploaded picture of a design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    pub id: PhotoId,
    /// As it came, untouched.
    pub original: BlobRef,
    /// Small, upright and without metadata: what browsers are shown and previews are drawn from.
    pub proxy: BlobRef,
    pub proxy_type: String,
    /// Upright pixels of the original.
    pub width: u32,
    pub height: u32,
    pub created_at: Moment,
}

/// What a customer filled in, looked at with its layout: params in their one form, and all that follows from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    pub variant_id: VariantId,
    pub params: Params,
    pub params_crc32: String,
    pub key: String,
    pub missing: Vec<String>,
    pub undrawable: BTreeMap<String, String>,
    pub warnings: Vec<Warning>,
    pub sharpness: Vec<Sharpness>,
}
