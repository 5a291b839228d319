//! Designs in a database: what orders do with them.

use super::*;
use crate::catalog::{install_starter, shelf};
use crate::config::{Config, Overrides};
use crate::designs::content::assess;
use crate::kernel::Error;
use crate::queue::JobStatus;
use crate::shop::clock::Clock;
use std::collections::HashMap;

const NOW: Moment = Moment(1_800_000_000_000);

struct Room {
    shop: Shop,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides { listen: None, data_dir: Some(folder.path().to_owned()) };
        let config = Config::load(&folder.path().join("none.toml"), false, std::iter::empty(), &overrides).unwrap();
        let shop = Shop::open(config, Clock::fixed(NOW), "petstar".into()).unwrap();
        install_starter(&shop).unwrap();
        Room { shop, _folder: folder }
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&WriteTx, &Shop) -> Result<T> + Send + 'static) -> Result<T> {
        let shop = self.shop.clone();
        self.shop.store().write_blocking(move |tx| work(tx, &shop))
    }

    /// A design of the round tag, which needs no photo.
    fn design(&self, params: Value) -> Design {
        let shelf = shelf(&self.shop).unwrap();
        let product = &shelf.by_slug("round-tag").expect("a starter product").product;
        let surface = catalog::surface(&self.shop, product.id, 1).unwrap();
        let variant_id = product.variants[0].id;
        let filling = fill(surface, product, variant_id, &params, HashMap::new()).unwrap();
        let assessed = assess(&filling, product.id, variant_id).unwrap();
        let design = Design {
            id: DesignId(self.shop.new_id()),
            session: SessionId(Uuid::from_u128(1)),
            also: Vec::new(),
            product_id: product.id,
            variant_id,
            layout_version: 1,
            original_design_id: None,
            name: String::new(),
            version: 1,
            params: assessed.params,
            params_crc32: assessed.params_crc32,
            key: assessed.key,
            status: Status::Draft,
            failure_reason: None,
            missing: assessed.missing,
            undrawable: assessed.undrawable,
            warnings: assessed.warnings,
            sharpness: assessed.sharpness,
            preview: None,
            final_picture: None,
            job: None,
            locked_by: Vec::new(),
            staff_unlocked: false,
            share_token: None,
            created_at: NOW,
            updated_at: NOW,
        };
        let stored = design.clone();
        self.write(move |tx, _| Ok(table::put_design(tx, &stored)?)).unwrap();
        design
    }

    /// Params with every required text filled in.
    fn filled(&self) -> Value {
        let shelf = shelf(&self.shop).unwrap();
        let layout = &shelf.by_slug("round-tag").unwrap().layout;
        let required = layout.fields.iter().filter(|field| field.required);
        Value::Object(required.map(|field| (field.id.clone(), json!("Mika"))).collect())
    }
}

#[test]
fn the_same_params_are_one_job() {
    let room = Room::new();
    let design = room.design(room.filled());
    let id = design.id;
    let (queued, job) = room.write(move |tx, shop| finalize_in(tx, shop, id, NOW)).unwrap();
    assert_eq!((queued.status, queued.job, job.status), (Status::Queued, Some(job.id), JobStatus::Queued));
    let (_, again) = room.write(move |tx, shop| finalize_in(tx, shop, id, NOW)).unwrap();
    assert_eq!(again.id, job.id);
    assert_eq!(queue::by_owner(&room.shop.store().read().unwrap(), id).unwrap().len(), 1);
}

#[test]
fn a_design_with_gaps_is_neither_final_nor_ordered() {
    let room = Room::new();
    let design = room.design(json!({}));
    assert!(!design.missing.is_empty());
    let id = design.id;
    let refused = room.write(move |tx, shop| finalize_in(tx, shop, id, NOW)).unwrap_err();
    let Error::Refused(refusal) = refused else { panic!("{refused}") };
    assert!(refusal.errors.iter().all(|error| error.field.starts_with("params.")));
    assert_eq!(check_orderable(&design, "design_id").unwrap_err().code, Code::InvalidInput);
    assert_eq!(table::design(&room.shop.store().read().unwrap(), id).unwrap(), Some(design), "nothing was changed");
}

#[test]
fn a_character_that_cannot_be_printed_is_named() {
    let room = Room::new();
    let mut params = room.filled();
    if let Some(first) = params.as_object_mut().and_then(|params| params.values_mut().next()) {
        *first = json!("Mi\u{13000}ka");
    }
    let design = room.design(params);
    assert!(!design.is_whole());
    let refusal = rules::check_whole(&design).unwrap_err();
    assert_eq!(refusal.errors[0].message.values[0].1, "\u{13000}");
}

#[test]
fn a_copy_is_a_draft_of_its_own() {
    let room = Room::new();
    let design = room.design(room.filled());
    let (id, session) = (design.id, SessionId(Uuid::from_u128(2)));
    let frozen = freeze(&room.shop.store().read().unwrap(), &room.shop, id).unwrap();
    room.write(move |tx, _| Ok(lock(tx, id, Uuid::from_u128(9))?)).unwrap();
    let (variant, params) = (frozen.variant_id, frozen.params.clone());
    let copy = room.write(move |tx, shop| copy_for_reorder(tx, shop, id, variant, &params, session, NOW)).unwrap();
    assert_eq!((copy.original_design_id, copy.status, copy.session), (Some(id), Status::Draft, session));
    assert_eq!((&copy.params, &copy.key, copy.is_locked()), (&frozen.params, &design.key, false));

    let other = room.filled();
    let mut other = other.as_object().unwrap().clone();
    other.values_mut().for_each(|value| *value = json!("Sora"));
    let copy = room.write(move |tx, shop| copy_for_reorder(tx, shop, id, variant, &other, session, NOW)).unwrap();
    assert_ne!(copy.key, design.key, "what the order kept counts, not what the design became");
    assert_eq!(copy.params.values().next(), Some(&json!("Sora")));

    let refused = room.write(move |tx, shop| {
        copy_for_reorder(tx, shop, id, VariantId(Uuid::from_u128(5)), &Params::new(), session, NOW)
    });
    assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.detail.key == "designs.variant_gone"));
}

#[test]
fn another_session_of_the_same_customer_is_let_in() {
    let room = Room::new();
    let design = room.design(room.filled());
    let (id, other) = (design.id, SessionId(Uuid::from_u128(3)));
    assert!(!design.belongs_to(other));
    room.write(move |tx, _| Ok(open_to(tx, id, other)?)).unwrap();
    let tx = room.shop.store().read().unwrap();
    assert!(table::design(&tx, id).unwrap().unwrap().belongs_to(other));
    assert_eq!(table::of_session(&tx, other, 10).unwrap().len(), 1);
}

#[test]
fn addresses_of_pictures_change_with_what_they_show() {
    let room = Room::new();
    let design = room.design(room.filled());
    let other = Design { key: "another".into(), ..design.clone() };
    assert_ne!(picture_url(&room.shop, &design), picture_url(&room.shop, &other));
    assert_eq!(picture_url(&room.shop, &design), picture_url(&room.shop, &design.clone()));
}
