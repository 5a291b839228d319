//! Names the outside relies on. A change here is a change of a promise: think twice, then update the snapshot.

use petstar::kernel::Code;
use std::collections::BTreeSet;
use std::fmt::Write;

#[test]
fn error_codes() {
    let mut out = String::new();
    for code in Code::ALL {
        writeln!(out, "{} {}", code.status(), code.name()).unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn configuration_keys() {
    insta::assert_snapshot!(petstar::config::key_names().join("\n"));
}

#[test]
fn routes() {
    let (_, document) = petstar::app::routes();
    let mut out = String::new();
    for (path, item) in &document.paths.paths {
        let document = serde_json::to_value(item).unwrap();
        let mut methods: Vec<_> = document.as_object().unwrap().keys().filter(|key| key.len() <= 6).cloned().collect();
        methods.retain(|method| ["get", "put", "post", "delete"].contains(&method.as_str()));
        methods.sort();
        writeln!(out, "{path} {}", methods.join(" ")).unwrap();
    }
    insta::assert_snapshot!(out);
}

/// These make something, and put their answer into the transaction that makes it (`Visit::keep`).
const MAKING: [&str; 9] = [
    "/admin/exports",
    "/admin/orders/{id}/refunds",
    "/admin/products",
    "/admin/products/{id}/pictures",
    "/basket",
    "/designs",
    "/designs/{id}/photos",
    "/orders",
    "/orders/{id}/reorder",
];

/// These may be carried out again when the first answer was lost, and why.
const REPEATABLE: &[(&str, &str)] = &[
    ("/admin/backups", "one more backup, in the place of today's"),
    ("/admin/coupons", "the code is taken then"),
    ("/admin/customers/{id}/data", "the same data, and another entry in the audit log"),
    ("/admin/customers/{id}/erase", "whoever was erased is not found again"),
    ("/admin/designs/{id}/render", "the same file again"),
    ("/admin/exports/{id}/cancel", "a second time finds it cancelled"),
    ("/admin/exports/{id}/retry", "a second time finds it in line"),
    ("/admin/jobs/{id}/cancel", "a second time finds it cancelled"),
    ("/admin/jobs/{id}/retry", "a second time finds it in line"),
    ("/admin/login", "another log-in"),
    ("/admin/logout", "nobody is logged in any more"),
    ("/admin/mail-texts/{kind}/{lang}/preview", "nothing is stored"),
    ("/admin/mail-texts/{kind}/{lang}/test", "another test mail"),
    ("/admin/mails/test", "another test mail"),
    ("/admin/mails/{id}/resend", "asked for by hand, once more at worst"),
    ("/admin/orders/{id}/decide", "a question is there once"),
    ("/admin/orders/bulk", "an order that is there already is refused by name"),
    ("/admin/orders/{id}/payments", "an order is paid once"),
    ("/admin/orders/{id}/lines/{line}/open", "a form with its version is refused, without one it is another mail"),
    ("/admin/parcels/labels", "a label that was made is refused by the order's number"),
    ("/admin/parcels/tracking", "a second time finds the orders shipped with these numbers"),
    ("/admin/print", "a line that is there already is refused by name"),
    (
        "/admin/products/{id}/layout/artwork",
        "a form with its version is refused, without one the drawing is there twice and can be removed",
    ),
    ("/admin/products/{id}/layout/versions/{version}/restore", "a second time finds it taken back"),
    ("/admin/setup", "the link works once"),
    ("/admin/staff", "the address is taken then"),
    ("/admin/stripe-events/{id}/process", "the order is brought to Stripe's state once more"),
    ("/admin/tokens", "never kept: a new token is shown once"),
    ("/designs/{id}/finalize", "the same params are never rendered twice"),
    ("/designs/{id}/layers", "the same pictures"),
    ("/designs/{id}/preview", "the same picture"),
    ("/designs/{id}/share", "the link that was made before"),
    ("/language", "the same choice"),
    ("/orders/{id}/checkout", "at most one page that can be paid, by an attempt stored before Stripe is asked"),
    ("/orders/{id}/lines/{line}/approve", "a line that was approved is no longer open"),
    ("/orders/{id}/lines/{line}/change", "a design is open to a session once"),
    ("/orders/{id}/receipts", "the same name gives the same receipt"),
    ("/orders/{id}/reopen", "a draft stays a draft"),
    ("/r/{token}", "a design is open to a session once"),
    ("/sign-in", "another link for the same address"),
    ("/sign-out", "nobody is signed in any more"),
    ("/webhooks/stripe", "each event is stored once"),
];

#[test]
fn every_post_makes_its_thing_once_or_may_be_repeated() {
    let (_, document) = petstar::app::routes();
    let posts = document.paths.paths.iter().filter(|(_, item)| item.post.is_some()).map(|(path, _)| path.as_str());
    let known = MAKING.into_iter().chain(REPEATABLE.iter().map(|(path, _)| *path));
    let (posts, known): (BTreeSet<&str>, BTreeSet<&str>) = (posts.collect(), known.collect());
    assert_eq!(posts, known, "a POST that makes or charges keeps its answer in its own transaction (decision 0075)");
}
