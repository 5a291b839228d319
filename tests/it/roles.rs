//! Who may do what in the panel: one table for every route of it. A route that is not in the table fails the test.

use crate::kit::{Answer, TestShop, Visitor};
use petstar::web::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ID: &str = "0197a000-0000-7000-8000-000000000000";

/// Method, path, who passes (o owner, m manager, p printer, v viewer, s strangers too), and a body that can be read (`file`: an upload).
/// Whoever does not pass is refused with 403, a stranger with 401; whoever passes is told something else.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("get", "/admin", "omv", ""),
    ("get", "/admin/account", "ompv", ""),
    ("put", "/admin/account", "ompv", "{}"),
    ("get", "/admin/account/second-factor", "ompv", ""),
    ("put", "/admin/account/second-factor", "ompv", "{}"),
    ("delete", "/admin/account/second-factor", "ompv", ""),
    ("delete", "/admin/account/sessions/{id}", "ompv", ""),
    ("get", "/admin/audit", "omv", ""),
    ("get", "/admin/backups", "omv", ""),
    ("post", "/admin/backups", "om", "{}"),
    ("get", "/admin/coupons", "omv", ""),
    ("post", "/admin/coupons", "om", "{}"),
    ("get", "/admin/coupons/{id}", "omv", ""),
    ("put", "/admin/coupons/{id}", "om", "{}"),
    ("get", "/admin/customers", "omv", ""),
    ("get", "/admin/customers/{id}", "omv", ""),
    ("post", "/admin/customers/{id}/data", "om", "{}"),
    ("post", "/admin/customers/{id}/erase", "o", "{}"),
    ("get", "/admin/designs/{id}/final", "ompv", ""),
    ("get", "/admin/designs/{id}/print-preview", "ompv", ""),
    ("post", "/admin/designs/{id}/render", "omp", "{}"),
    ("get", "/admin/exports", "omv", ""),
    ("post", "/admin/exports", "omv", r#"{"kind": "orders"}"#),
    ("get", "/admin/exports/{id}", "omv", ""),
    ("post", "/admin/exports/{id}/cancel", "omv", "{}"),
    ("get", "/admin/exports/{id}/download", "omv", ""),
    ("get", "/admin/exports/{id}/events", "omv", ""),
    ("post", "/admin/exports/{id}/retry", "omv", "{}"),
    ("get", "/admin/jobs", "omv", ""),
    ("post", "/admin/jobs/{id}/cancel", "om", "{}"),
    ("post", "/admin/jobs/{id}/retry", "om", "{}"),
    ("get", "/admin/login", "ompvs", ""),
    ("post", "/admin/login", "ompvs", "{}"),
    ("post", "/admin/logout", "ompvs", "{}"),
    ("get", "/admin/mail-texts", "omv", ""),
    ("get", "/admin/mail-texts/{kind}/{lang}", "omv", ""),
    ("put", "/admin/mail-texts/{kind}/{lang}", "om", "{}"),
    ("get", "/admin/mail-texts/{kind}/{lang}/letter", "omv", ""),
    ("post", "/admin/mail-texts/{kind}/{lang}/preview", "om", "{}"),
    ("post", "/admin/mail-texts/{kind}/{lang}/test", "om", "{}"),
    ("get", "/admin/mails", "omv", ""),
    ("post", "/admin/mails/test", "om", "{}"),
    ("get", "/admin/mails/{id}", "omv", ""),
    ("post", "/admin/mails/{id}/resend", "om", "{}"),
    ("get", "/admin/orders", "ompv", ""),
    ("post", "/admin/orders/bulk", "om", "{}"),
    ("get", "/admin/orders/{id}", "ompv", ""),
    ("put", "/admin/orders/{id}", "om", "{}"),
    ("post", "/admin/orders/{id}/decide", "om", r#"{"code": "paid_twice", "decision": "refund"}"#),
    ("put", "/admin/orders/{id}/lines/{line}", "omp", r#"{"production": "printed"}"#),
    ("post", "/admin/orders/{id}/lines/{line}/open", "om", "{}"),
    ("post", "/admin/orders/{id}/payments", "om", "{}"),
    ("get", "/admin/orders/{id}/refunds", "omv", ""),
    ("post", "/admin/orders/{id}/refunds", "om", r#"{"reason": "a scratch"}"#),
    ("get", "/admin/parcels", "omv", ""),
    ("get", "/admin/parcels/file", "omv", ""),
    ("post", "/admin/parcels/labels", "om", "{}"),
    ("put", "/admin/parcels/sender", "om", "{}"),
    ("post", "/admin/parcels/tracking", "om", "{}"),
    ("get", "/admin/print", "ompv", ""),
    ("post", "/admin/print", "omp", "{}"),
    ("get", "/admin/print/files", "ompv", ""),
    ("get", "/admin/print/tickets", "ompv", ""),
    ("get", "/admin/products", "omv", ""),
    ("post", "/admin/products", "om", "{}"),
    ("get", "/admin/products/new", "om", ""),
    ("get", "/admin/products/{id}", "omv", ""),
    ("put", "/admin/products/{id}", "om", "{}"),
    ("delete", "/admin/products/{id}", "om", ""),
    ("get", "/admin/products/{id}/layout", "omv", ""),
    ("put", "/admin/products/{id}/layout", "om", "{}"),
    ("post", "/admin/products/{id}/layout/artwork", "om", "file"),
    ("put", "/admin/products/{id}/layout/draft", "om", "{}"),
    ("delete", "/admin/products/{id}/layout/draft", "om", ""),
    ("get", "/admin/products/{id}/layout/picture", "omv", ""),
    ("get", "/admin/products/{id}/layout/versions/{version}", "omv", ""),
    ("post", "/admin/products/{id}/layout/versions/{version}/restore", "om", "{}"),
    ("post", "/admin/products/{id}/pictures", "om", "file"),
    ("get", "/admin/settings", "omv", ""),
    ("put", "/admin/settings", "om", "{}"),
    ("put", "/admin/settings/logo", "om", "{}"),
    ("delete", "/admin/settings/logo", "om", ""),
    ("get", "/admin/setup", "ompvs", ""),
    ("post", "/admin/setup", "ompvs", "{}"),
    ("get", "/admin/staff", "o", ""),
    ("post", "/admin/staff", "o", r#"{"email": "", "name": "", "role": "viewer", "password": ""}"#),
    ("put", "/admin/staff/{id}", "o", "{}"),
    ("get", "/admin/staff/{id}/sessions", "o", ""),
    ("delete", "/admin/staff/{id}/sessions/{session}", "o", ""),
    ("get", "/admin/stripe", "o", ""),
    ("get", "/admin/stripe-events", "om", ""),
    ("get", "/admin/stripe-events/{id}", "om", ""),
    ("post", "/admin/stripe-events/{id}/process", "om", "{}"),
    ("get", "/admin/system", "o", ""),
    ("get", "/admin/tokens", "o", ""),
    ("post", "/admin/tokens", "o", r#"{"name": "", "role": "viewer"}"#),
    ("delete", "/admin/tokens/{id}", "o", ""),
];

fn routes() -> BTreeSet<(String, String)> {
    let (_, document) = petstar::app::routes();
    let mut routes = BTreeSet::new();
    for (path, item) in document.paths.paths.iter().filter(|(path, _)| path.starts_with("/admin")) {
        let item = serde_json::to_value(item).unwrap();
        let methods = ["get", "put", "post", "delete"].into_iter().filter(|method| item.get(method).is_some());
        routes.extend(methods.map(|method| (method.to_owned(), path.clone())));
    }
    routes
}

/// One name in braces is as good as another: nothing has that id.
fn with_ids(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { ID } else { part }).collect::<Vec<_>>().join("/")
}

async fn ask(visitor: &Visitor, method: &str, path: &str, body: &str) -> Answer {
    if body == "file" {
        return visitor.upload(&with_ids(path), "a.jpg", "image/jpeg", b"no picture").await;
    }
    let body: Value = if body.is_empty() { json!({}) } else { serde_json::from_str(body).expect("a body") };
    let path = with_ids(path);
    match method {
        "get" => visitor.get(&path).await,
        "put" => visitor.put(&path, &body).await,
        "post" => visitor.post(&path, &body).await,
        _ => visitor.delete(&path).await,
    }
}

#[test]
fn the_table_has_every_route_once() {
    let table: Vec<_> = TABLE.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    let known: BTreeSet<_> = table.iter().cloned().collect();
    assert_eq!(known.len(), table.len(), "a route stands in the table twice");
    let routes = routes();
    let missing: Vec<_> = routes.difference(&known).collect();
    let gone: Vec<_> = known.difference(&routes).collect();
    assert!(missing.is_empty() && gone.is_empty(), "missing from the table: {missing:?}; no longer routes: {gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_passes_where_it_may_and_nowhere_else() {
    let shop = TestShop::start().await;
    let roles = [('o', Role::Owner), ('m', Role::Manager), ('p', Role::Printer), ('v', Role::Viewer)];
    let mut callers = vec![('s', shop.visitor().with_header("accept", "application/json"))];
    for (letter, role) in roles {
        callers.push((letter, shop.staff(role).await));
    }
    let mut wrong = Vec::new();
    for (method, path, who, body) in TABLE {
        for (letter, caller) in &callers {
            let status = ask(caller, method, path, body).await.status;
            let refusal = if *letter == 's' { 401 } else { 403 };
            let is_right = match who.contains(*letter) {
                // A log-in that is refused is not a door that is closed.
                true => !matches!(status, 401 | 403 | 500..) || who.contains('s'),
                false => status == refusal,
            };
            if !is_right {
                wrong.push(format!("{method} {path} as {letter}: {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shop.app.stop().await;
}

/// Pages are as closed as their JSON: a stranger is led to the log-in, or told 401 where no page would be, and a wrong role is told 403.
#[tokio::test(flavor = "multi_thread")]
async fn people_in_front_of_pages_pass_where_scripts_do() {
    let shop = TestShop::start().await;
    let roles = [('o', Role::Owner), ('m', Role::Manager), ('p', Role::Printer), ('v', Role::Viewer)];
    // Somebody with a session of the shop's own is a stranger here as well.
    let customer = shop.visitor().browsing();
    customer.form("/language", &[("lang", "en")]).await;
    let mut callers = vec![('s', shop.visitor().browsing()), ('s', customer)];
    for (letter, role) in roles {
        callers.push((letter, shop.staff(role).await.browsing()));
    }
    let mut wrong = Vec::new();
    for (method, path, who, body) in TABLE {
        for (letter, caller) in &callers {
            let answer = ask(caller, method, path, body).await;
            let to_log_in = answer.status == 303 && answer.header("location").starts_with("/admin/login");
            let is_right = match who.contains(*letter) {
                true => !(to_log_in || matches!(answer.status, 401 | 403 | 500..)) || who.contains('s'),
                false if *letter == 's' => to_log_in || answer.status == 401,
                // The panel's front page leads the print room to its own.
                false if *path == "/admin" => answer.header("location") == "/admin/print",
                false => answer.status == 403,
            };
            if !is_right {
                wrong.push(format!("{method} {path} as {letter}: {} {}", answer.status, answer.header("location")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shop.app.stop().await;
}

/// The table is compared with the API document, so a route must not be made past it.
#[test]
fn every_route_stands_in_the_document() {
    fn look(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("src is readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                look(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let made = text
                    .lines()
                    .map(str::trim)
                    .filter(|line| line.starts_with(".route(") || line.contains("::new().route("));
                found.extend(made.map(str::to_owned));
            }
        }
    }
    let mut found = Vec::new();
    look(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.retain(|line| !line.contains("\"/openapi.json\"") && !line.contains("\"/assets/{*name}\""));
    assert!(found.is_empty(), "made without `routes!`: {found:?}");
    let (_, document) = petstar::app::routes();
    for (path, item) in document.paths.paths.iter().filter(|(path, _)| path.starts_with("/admin")) {
        let other = [&item.patch, &item.head, &item.options, &item.trace];
        assert!(other.iter().all(|operation| operation.is_none()), "{path} has a method that the table does not know");
    }
}

/// A wrong role learns nothing from what is wrong with the body: rights are judged before it is read.
#[tokio::test(flavor = "multi_thread")]
async fn rights_are_judged_before_a_body_is_read() {
    let shop = TestShop::start().await;
    let roles = [('o', Role::Owner), ('m', Role::Manager), ('p', Role::Printer), ('v', Role::Viewer)];
    let mut callers = vec![('s', shop.visitor().with_header("accept", "application/json"))];
    for (letter, role) in roles {
        callers.push((letter, shop.staff(role).await));
    }
    let bodies = [("application/json", "{\"status\": "), ("application/json", "[[]]"), ("text/plain", "a body")];
    let mut wrong = Vec::new();
    for (method, path, who, _) in TABLE.iter().filter(|(method, ..)| *method != "get") {
        let path = with_ids(path);
        for (letter, caller) in callers.iter().filter(|(letter, _)| !who.contains(*letter)) {
            for (kind, body) in bodies {
                let answer = caller.send(&method.to_uppercase(), &path, Some(kind), body.into()).await;
                if answer.status != if *letter == 's' { 401 } else { 403 } {
                    wrong.push(format!("{method} {path} as {letter} with {body}: {}", answer.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a handler that reads a body begins with `_: May<…>`:\n{}", wrong.join("\n"));
    shop.app.stop().await;
}
