use super::form::{CouponInput, Fields, Place, apply, blank};
use super::*;
use crate::web::input;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

const NOON: Moment = Moment(1_779_339_600_000);

fn place() -> Place<'static> {
    Place { currency: Currency::JPY, zone: "Asia/Tokyo", now: NOON }
}

fn new_coupon(value: Value) -> Result<Coupon, Refusal> {
    let input: CouponInput = input::from_value(value)?;
    apply(&blank(CouponId(Uuid::from_u128(1)), NOON), &input, place())
}

fn wrong(value: Value) -> Vec<String> {
    new_coupon(value).unwrap_err().errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn codes_are_the_same_however_they_are_typed() {
    for text in ["STAR-10", " star 10 ", "ｓｔａｒ－１０", "Star10", "star_10"] {
        assert_eq!(folded(text), "STAR10", "{text}");
    }
    assert_eq!(normal(" ｓｔａｒ－１０"), "STAR-10");
    assert_eq!(folded("ポチ10"), "ポチ10");
}

#[test]
fn a_form_says_the_same_as_json() {
    let by_form = new_coupon(json!({
        "code": " star-10 ", "percent": "7,5 %", "amount": "", "minimum": "¥3,000", "starts_at": "2026-05-01",
        "ends_at": "2026-05-31", "limit": "100", "limit_per_customer": "1", "active": "on", "note": "spring card",
    }));
    let by_json = new_coupon(json!({
        "code": "STAR-10", "percent": 7.5, "minimum": 3000, "starts_at": "2026-04-30T15:00:00Z",
        "ends_at": "2026-05-31T15:00:00Z", "limit": 100, "limit_per_customer": 1, "note": "spring card",
    }));
    assert_eq!(by_form, by_json);
    let coupon = by_form.unwrap();
    assert_eq!((coupon.worth, coupon.minimum, coupon.version), (Worth::Percent(750), 3000, 1));
    // What the form shows can be sent back unchanged.
    let shown = Fields::of(&coupon, place());
    let again = json!({
        "version": shown.version, "code": shown.code, "percent": shown.percent, "amount": shown.amount, "minimum": shown.minimum,
        "starts_at": shown.starts_at, "ends_at": shown.ends_at, "limit": shown.limit,
        "limit_per_customer": shown.limit_per_customer, "active": "on", "note": shown.note,
    });
    assert_eq!((shown.starts_at.as_str(), shown.ends_at.as_str()), ("2026-05-01", "2026-05-31"));
    assert_eq!(apply(&coupon, &input::from_value(again).unwrap(), place()).unwrap(), coupon);
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let coupon =
        new_coupon(json!({"code": "STAR", "amount": 500, "limit": 3, "ends_at": "2026-05-31T10:00:00Z"})).unwrap();
    let changed = |value: Value| apply(&coupon, &input::from_value(value).unwrap(), place());
    assert_eq!(changed(json!({})).unwrap(), coupon);
    // An hour that a form cannot show survives the form.
    assert_eq!(changed(json!({"ends_at": "2026-05-31"})).unwrap(), coupon);
    let free = changed(json!({"limit": null, "ends_at": "", "active": false})).unwrap();
    assert_eq!((free.limit, free.ends_at, free.active, free.version), (None, None, false, 2));
    let percent = changed(json!({"percent": "10", "amount": ""})).unwrap();
    assert_eq!(percent.worth, Worth::Percent(1000));
    assert_eq!(changed(json!({"version": 7})).unwrap_err().code, Code::StaleVersion);
}

#[test]
fn every_mistake_is_named() {
    assert_eq!(wrong(json!({})), ["code", "percent"]);
    assert_eq!(wrong(json!({"code": "a!", "percent": 10, "amount": 5})), ["code", "amount"]);
    assert_eq!(wrong(json!({"code": "STAR", "percent": 101})), ["percent"]);
    assert_eq!(wrong(json!({"code": "STAR", "percent": 0})), ["percent"]);
    assert_eq!(wrong(json!({"code": "STAR", "amount": "0"})), ["amount"]);
    let late = json!({"code": "STAR", "amount": "5.5", "minimum": "x", "starts_at": "soon", "limit": 0, "limit_per_customer": "1.5"});
    assert_eq!(wrong(late), ["amount", "minimum", "starts_at", "limit", "limit_per_customer"]);
    let backwards = json!({"code": "STAR", "percent": 5, "starts_at": "2026-05-02", "ends_at": "2026-05-01"});
    assert_eq!(wrong(backwards), ["ends_at"]);
}

#[test]
fn it_says_why_it_does_not_count() {
    let coupon = new_coupon(json!({
        "code": "STAR", "amount": 500, "minimum": 3000, "starts_at": "2026-05-20", "ends_at": "2026-05-22",
    }))
    .unwrap();
    let why = |coupon: &Coupon, subtotal: i64, currency: Currency, days: i64| {
        coupon.check(subtotal, currency, NOON.plus_days(days)).err().map(|refusal| {
            assert_eq!((refusal.code, refusal.errors[0].field.as_str()), (Code::CouponInvalid, "coupon"));
            refusal.detail.key
        })
    };
    assert_eq!(why(&coupon, 3000, Currency::JPY, 0), None);
    assert_eq!(why(&coupon, 2999, Currency::JPY, 0), Some("orders.coupon_minimum"));
    assert_eq!(why(&coupon, 3000, Currency::JPY, -2), Some("orders.coupon_early"));
    assert_eq!(why(&coupon, 3000, Currency::JPY, 2), Some("orders.coupon_over"));
    assert_eq!(why(&coupon, 3000, Currency::EUR, 0), Some("orders.coupon_off"));
    assert_eq!(why(&Coupon { active: false, ..coupon }, 3000, Currency::JPY, 0), Some("orders.coupon_off"));
}

#[test]
fn what_it_takes_off() {
    let of = |worth: Worth, subtotal: i64, currency: Currency| {
        Coupon { worth, ..new_coupon(json!({"code": "STAR", "percent": 10})).unwrap() }.discount(subtotal, currency)
    };
    let isk: Currency = "ISK".parse().unwrap();
    assert_eq!(of(Worth::Percent(1000), 2985, Currency::JPY), 299);
    assert_eq!(of(Worth::Percent(10_000), 2985, Currency::JPY), 2985);
    assert_eq!(of(Worth::Percent(1000), 123_400, isk), 12_300);
    assert_eq!(of(Worth::Amount(Money::new(500, Currency::JPY)), 300, Currency::JPY), 300);
}

proptest! {
    #[test]
    fn a_discount_is_payable_and_never_more_than_the_goods(
        steps in 0i64..1_000_000, rate_bp in 1u32..=10_000, at in 0usize..200,
    ) {
        let all = Currency::all();
        let currency = all[at % all.len()];
        let subtotal = steps * currency.step();
        let coupon = Coupon { worth: Worth::Percent(rate_bp), ..new_coupon(json!({"code": "STAR", "percent": 10})).unwrap() };
        let discount = coupon.discount(subtotal, currency);
        prop_assert!((0..=subtotal).contains(&discount) && discount % currency.step() == 0);
        let off = (i128::from(discount) * 10_000 - i128::from(subtotal) * i128::from(rate_bp)).abs();
        prop_assert!(off * 2 <= i128::from(currency.step()) * 10_000);
    }
}
