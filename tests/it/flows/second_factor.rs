//! A second factor: set up, asked for, recovered from; sessions seen and ended; tokens that end by themselves.

use crate::kit::{TestShop, Visitor};
use petstar::people::commands;
use petstar::people::staff::totp;
use petstar::web::Role;
use serde_json::json;

const EMAIL: &str = "ken@example.com";
const PASSWORD: &str = "a long enough passphrase";

async fn log_in(shop: &TestShop) -> Visitor {
    let person = shop.visitor();
    person.post("/admin/login", &json!({"email": EMAIL, "password": PASSWORD})).await.ok();
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_password_the_code_is_asked_for() {
    let shop = TestShop::start().await;
    commands::add_staff(shop.shop(), EMAIL, "Ken", Role::Owner, PASSWORD).await.unwrap();
    let (ken, other) = (log_in(&shop).await, log_in(&shop).await);
    let begun = ken.get("/admin/account/second-factor").await.ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["address"].as_str().unwrap().contains(&secret));
    assert!(ken.clone().browsing().get("/admin/account/second-factor").await.text().contains("<path d=\"M"));
    let code = |shop: &TestShop| totp::code_at(&secret, shop.clock.now());
    ken.put("/admin/account/second-factor", &json!({"secret": secret, "code": "000000"}))
        .await
        .refused(422, "invalid_input");
    let on = ken.put("/admin/account/second-factor", &json!({"secret": secret, "code": code(&shop)})).await.ok();
    let recovery = on["recovery_codes"].as_array().unwrap().clone();
    assert_eq!((recovery.len(), &on["second_factor"]), (10, &json!(true)));

    // For scripts in one go, and the password alone opens nothing.
    let person = shop.visitor();
    let refused =
        person.post("/admin/login", &json!({"email": EMAIL, "password": PASSWORD})).await.refused(401, "unauthorized");
    assert_eq!(refused["second_factor"], true);
    let used = json!({"email": EMAIL, "password": PASSWORD, "code": code(&shop)});
    person.post("/admin/login", &used).await.refused(401, "unauthorized");
    shop.clock.advance_seconds(60);
    let fresh = json!({"email": EMAIL, "password": PASSWORD, "code": code(&shop)});
    person.post("/admin/login", &fresh).await.ok();
    person.get("/admin/account").await.ok();

    // For people in two steps.
    let browser = shop.visitor().browsing();
    let asked = browser.form("/admin/login", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(asked.status, 401);
    let page = asked.text();
    let ticket = page
        .split("name=\"ticket\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a ticket")
        .to_owned();
    assert!(!page.contains("aria-invalid"), "nothing is wrong yet");
    let wrong = browser.form("/admin/login", &[("email", EMAIL), ("ticket", &ticket), ("code", "123456")]).await;
    assert!(wrong.status == 401 && wrong.text().contains("aria-invalid"));
    let forged = [("email", EMAIL), ("ticket", "99999999999999.00"), ("code", "123456")];
    assert!(!browser.form("/admin/login", &forged).await.text().contains("name=\"ticket\""));
    let code = recovery[0].as_str().unwrap();
    let right = browser.form("/admin/login", &[("email", EMAIL), ("ticket", &ticket), ("code", code)]).await;
    assert_eq!(right.status, 303, "{}", right.text());
    assert_eq!(browser.get("/admin").await.status, 200);

    // Sessions are seen, and ended one by one or all others at once.
    let account = ken.get("/admin/account").await.ok();
    let sessions = account["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &sessions[0]["is_this"]), (4, &json!(true)));
    ken.delete("/admin/account/sessions/0000000000000000").await.refused(404, "not_found");
    other.delete(&format!("/admin/account/sessions/{}", sessions[1]["id"].as_str().unwrap())).await;
    ken.delete("/admin/account/sessions/others").await.ok();
    let last = petstar::people::audit::list(&shop.shop().store().read().unwrap(), None, 1).unwrap();
    assert_eq!((last[0].action.as_str(), &last[0].after["sessions"]), ("staff.session_ended", &json!("others")));
    other.get("/admin/account").await.refused(401, "unauthorized");
    assert_eq!(ken.get("/admin/account").await.ok()["sessions"].as_array().unwrap().len(), 1);

    // The way in when phone and codes are gone.
    commands::reset_password(shop.shop(), EMAIL, PASSWORD).await.unwrap();
    log_in(&shop).await.get("/admin/account").await.ok();
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_where_somebody_else_is_logged_in_and_ends_it() {
    let shop = TestShop::start().await;
    commands::add_staff(shop.shop(), EMAIL, "Ken", Role::Printer, PASSWORD).await.unwrap();
    let (phone, laptop) = (log_in(&shop).await, log_in(&shop).await);
    let owner = shop.staff(Role::Owner).await;
    let staff = owner.get("/admin/staff").await.ok();
    let member = staff["items"].as_array().unwrap().iter().find(|member| member["email"] == EMAIL).expect("Ken");
    let path = format!("/admin/staff/{}/sessions", member["id"].as_str().unwrap());
    let listed = owner.get(&path).await.ok();
    assert_eq!((listed["email"].as_str(), listed["sessions"].as_array().unwrap().len()), (Some(EMAIL), 2));
    let own = phone.get("/admin/account").await.ok()["sessions"][0]["id"].as_str().unwrap().to_owned();
    let page = owner.clone().browsing().get(&path).await.text();
    assert!(page.contains("Where logged in") && page.contains(&format!("{path}/{own}?_method=DELETE")), "{page}");
    owner.delete(&format!("{path}/{own}")).await.ok();
    phone.get("/admin/account").await.refused(401, "unauthorized");
    laptop.get("/admin/account").await.ok();
    owner.delete(&format!("{path}/{own}")).await.refused(404, "not_found");
    let last = petstar::people::audit::list(&shop.shop().store().read().unwrap(), None, 1).unwrap();
    assert_eq!(
        (last[0].action.as_str(), last[0].target_id.as_str()),
        ("staff.session_ended", member["id"].as_str().unwrap())
    );
    owner.delete(&format!("{path}/all")).await.ok();
    laptop.get("/admin/account").await.refused(401, "unauthorized");
    assert!(owner.get(&path).await.ok()["sessions"].as_array().unwrap().is_empty());
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_on_its_day() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let made =
        owner.post("/admin/tokens", &json!({"name": "till", "role": "viewer", "expires_in_days": 30})).await.ok();
    assert!(made["expires_at"].is_string());
    let script = shop.visitor().with_token(made["token"].as_str().unwrap());
    script.get("/admin/orders").await.ok();
    shop.clock.advance_seconds(30 * 86_400);
    script.get("/admin/orders").await.refused(401, "unauthorized");
    owner.post("/admin/tokens", &json!({"name": "till", "expires_in_days": 0})).await.refused(422, "invalid_input");
    shop.app.stop().await;
}
