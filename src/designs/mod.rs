//! Customers' designs: a product's layout filled in, previewed and made ready for print.
//!
//! May touch: the rooms left of it. Begin with [`model`] (a design) and [`rules`] (what may happen to it), then [`scene`] (what it looks
//! like), [`lifecycle`] (what orders do with it) and [`web`].

mod check;
mod content;
mod desk;
mod failure;
mod forget;
pub mod jobs;
mod layers;
pub mod lifecycle;
mod memory;
pub mod model;
mod photos;
mod places;
mod proof;
mod resume;
pub mod rules;
pub mod scene;
mod sheet;
mod studio;
mod table;
pub mod web;
mod workshop;

pub use crate::web::qr::qr;
pub use check::{check, sweep};
pub use forget::{Gone, Kept, forget, forget_idle, forget_photos, idle_with_photos, photos_of, pictures_of};
pub use jobs::{OnFinal, handlers};
pub use lifecycle::{
    Frozen, changeable, check_orderable, copy_for_reorder, final_url, finalize_in, find, freeze, is_changeable, is_own,
    keep_seen, keeps_photos, lock, open_to, own, own_name, picture_size, picture_url, requeue, set_staff_unlocked,
    title, unlock,
};
pub use model::{Design, DesignId, Params, PhotoId, Status, Warning};
pub use proof::{Compared, compared};
pub use table::{blobs_in_use, count, each_file, each_stored, list_files, of_session};
pub use web::jobs::{FollowQuery, follow_by_socket};
pub use web::routes;
pub use web::sockets::Sockets;
pub use web::view::{DesignView, JobView, WarningView};
pub use workshop::draw_ahead;
