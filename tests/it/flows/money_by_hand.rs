//! Means of payment besides Stripe: switched on by the owner, chosen by the customer, recorded by the staff under their name.

use crate::kit::{TestShop, Visitor, order_body};
use petstar::app::check;
use petstar::web::Role;
use serde_json::{Value, json};

async fn with_means(shop: &TestShop) -> Visitor {
    let owner = shop.staff(Role::Owner).await;
    let wish = json!({"means": {
        "bank_transfer": true, "bank_account": {"ja": "みどり銀行 普通 1234567", "en": "Green Bank 1234567"},
        "cash_on_delivery": true, "cash_on_delivery_fee": 330, "stall": true, "stall_notice": {"en": "Saturday, Yoyogi"},
    }});
    owner.put("/admin/settings", &wish).await.ok();
    owner
}

/// A draft that is paid by `method`.
async fn draft(shop: &TestShop, customer: &Visitor, method: &str) -> Value {
    let mut body = order_body(&shop.design(customer).await);
    body["payment_method"] = json!(method);
    customer.post("/orders", &body).await.ok()
}

async fn placed(shop: &TestShop, customer: &Visitor, method: &str) -> String {
    let order = draft(shop, customer, method).await;
    let id = order["id"].as_str().unwrap().to_owned();
    customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    id
}

fn nothing_is_wrong(shop: &TestShop) {
    let tx = shop.shop().store().read().unwrap();
    let blobs = shop.shop().blobs();
    assert_eq!(check::rows(&tx, &|blob| blobs.verify(blob).is_ok()).unwrap(), Vec::<String>::new());
}

fn states(order: &Value) -> (&str, &str) {
    (order["status"].as_str().unwrap(), order["payment_status"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn money_by_bank_and_at_a_stall_is_recorded_by_name() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let plain = shop.staff(Role::Owner).await;
    plain.put("/admin/settings", &json!({"means": {"bank_transfer": true}})).await.refused(422, "invalid_input");
    let mut body = order_body(&shop.design(&customer).await);
    body["payment_method"] = json!("bank_transfer");
    let refused = customer.post("/orders", &body).await.refused(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "payment_method");
    let person = customer.clone().browsing();
    customer.post("/basket", &json!({"design_id": body["lines"][0]["design_id"], "quantity": 1})).await.ok();
    assert!(!person.get("/orders/new").await.text().contains("payment_method"), "one means is no choice");
    let owner = with_means(&shop).await;
    assert!(person.get("/orders/new").await.text().contains("value=\"bank_transfer\""));
    let page = owner.clone().with_header("accept", "text/html").get("/admin/settings?section=means").await.text();
    assert!(page.contains("Green Bank") && page.contains("value=\"330\""), "{page}");

    // The owner's own words stand in these mails as in all others.
    for (kind, text) in [
        ("order_refunded_part_hand", "A little comes back: {amount}, says {shop}."),
        ("order_refunded_hand", "All of it comes back: {amount}."),
    ] {
        owner
            .put(&format!("/admin/mail-texts/{kind}/en"), &json!({"heading": "Money for {name}", "text": text}))
            .await
            .ok();
    }
    for method in ["bank_transfer", "stall"] {
        let order = draft(&shop, &customer, method).await;
        assert_eq!((order["payment_method"].as_str(), order["payment_fee"].as_i64()), (Some(method), Some(0)));
        let (id, amount) = (order["id"].as_str().unwrap().to_owned(), order["amount"].as_i64().unwrap());
        assert_eq!(person.get(&format!("/orders/{id}/confirm")).await.status, 200);
        // Fifty clicks place it once.
        let (path, none) = (format!("/orders/{id}/checkout"), json!({}));
        for answer in futures_util::future::join_all((0..50).map(|_| customer.post(&path, &none))).await {
            let placed = answer.ok();
            assert_eq!(states(&placed["order"]), ("pending_payment", "pending"));
            assert!(placed["checkout_url"].as_str().unwrap().ends_with(&format!("/orders/{id}")), "{placed}");
        }
        let shown = person.get(&format!("/orders/{id}")).await.text();
        let besides = if method == "stall" { "Yoyogi" } else { "Green Bank" };
        assert!(shown.contains("id=\"pay-by\"") && shown.contains(besides), "{shown}");
        assert_eq!(person.get(&format!("/orders/{id}/confirm")).await.status, 303);

        let path = format!("/admin/orders/{id}/payments");
        customer.post(&path, &json!({})).await.refused(401, "unauthorized");
        shop.staff(Role::Viewer).await.post(&path, &json!({})).await.refused(403, "forbidden");
        owner.post(&path, &json!({"amount": amount + 1})).await.refused(422, "invalid_input");
        owner.post(&path, &json!({"version": 1})).await.refused(412, "stale_version");
        let wish = json!({"amount": amount, "note": "came on Friday"});
        let answers = futures_util::future::join_all((0..20).map(|_| owner.post(&path, &wish))).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(done.len(), 1, "an order is paid once");
        assert_eq!(states(&done[0].json()), ("paid", "succeeded"));
        owner.post(&path, &json!({})).await.refused(409, "order_not_payable");
        let seen = owner.get(&format!("/admin/orders/{id}")).await.ok();
        let paid: Vec<_> = seen["history"].as_array().unwrap().iter().filter(|e| e["what"] == "paid").collect();
        assert_eq!((paid.len(), paid[0]["actor"].as_str()), (1, Some("test")), "whoever recorded it stands for it");
        let kinds: Vec<_> =
            seen["mails"].as_array().unwrap().iter().map(|mail| mail["kind"].as_str().unwrap()).collect();
        for kind in ["order_placed", "order_waits", "order_paid", "order_notice"] {
            assert_eq!(kinds.iter().filter(|known| **known == kind).count(), 1, "{kind} in {kinds:?}");
        }
        let page = owner.clone().with_header("accept", "text/html").get(&format!("/admin/orders/{id}")).await.text();
        assert!(page.contains("came on Friday") && !page.contains(&format!("action=\"{path}\"")), "{page}");
        // It goes back by hand as well, never more than was paid.
        let refunds = format!("/admin/orders/{id}/refunds");
        let part = owner.post(&refunds, &json!({"amount": 100, "reason": "a scratch"})).await.ok();
        assert_eq!(part["status"], "succeeded");
        owner.post(&refunds, &json!({"amount": amount, "reason": "x"})).await.refused(422, "invalid_input");
        owner.post(&refunds, &json!({"reason": "called off"})).await.ok();
        assert_eq!(states(&customer.get(&format!("/orders/{id}")).await.ok()), ("refunded", "refunded"));
        // Each part has a credit note with a number of its own, which only this order opens.
        let shown = person.get(&format!("/orders/{id}")).await.text();
        let at = |rest: &str| rest.split(['"', '?']).next().unwrap().to_owned();
        let notes: Vec<String> = shown.split("/documents/credit-note-").skip(1).map(at).collect();
        let first = if method == "stall" { 3 } else { 1 };
        assert_eq!(notes, [format!("CN-{first:06}"), format!("CN-{:06}", first + 1)]);
        let paper = customer.get(&format!("/orders/{id}/documents/credit-note-{}", notes[0])).await;
        assert_eq!((paper.status, paper.header("content-type")), (200, "application/pdf"));
        customer.get(&format!("/orders/{id}/documents/credit-note-CN-000009")).await.refused(404, "not_found");
        let mails = owner.get(&format!("/admin/orders/{id}")).await.ok()["mails"].clone();
        let mails = mails.as_array().unwrap().iter().filter(|mail| mail["kind"] == "order_refunded");
        let mut told = String::new();
        for (mail, note) in mails.zip(&notes) {
            let mail = owner.get(&format!("/admin/mails/{}", mail["id"].as_str().unwrap())).await.text();
            assert!(mail.contains(&format!("credit-note-{note}?key=…")), "{mail}");
            assert!(mail.contains("Money for") && mail.contains("the account the money came from"), "{mail}");
            told += &mail;
        }
        assert!(told.contains("A little comes back: ¥100, says petstar.") && told.contains("All of it comes back: ¥"));
        assert!(!told.contains("Dear ") && !told.contains("the way it came"), "{told}");
    }
    let audit = owner.get("/admin/audit?limit=100").await.ok();
    let recorded =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "order.payment_recorded");
    assert_eq!(recorded.count(), 2);
    nothing_is_wrong(&shop);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_record_one_payment_one_is_told() {
    let shop = TestShop::start().await;
    let owner = with_means(&shop).await;
    let mut people = Vec::new();
    for name in ["Mika", "Ken"] {
        let made = owner.post("/admin/tokens", &json!({"name": name, "role": "manager"})).await.ok();
        people.push((name, shop.visitor().with_token(made["token"].as_str().unwrap())));
    }
    let customer = shop.visitor();
    for with_version in [false, true] {
        let id = placed(&shop, &customer, "bank_transfer").await;
        let (order, path) = (format!("/admin/orders/{id}"), format!("/admin/orders/{id}/payments"));
        let version = owner.get(&order).await.ok()["version"].to_string();
        let record = |(name, person): &(&'static str, Visitor)| {
            let (person, note, path, version) =
                (person.clone().browsing(), format!("seen by {name}"), path.clone(), version.clone());
            async move {
                let mut fields = vec![("note", note.as_str())];
                fields.extend(with_version.then_some(("version", version.as_str())));
                person.form(&path, &fields).await
            }
        };
        let (one, two) = tokio::join!(record(&people[0]), record(&people[1]));
        let (winner, loser) = if one.status == 303 { (0, two) } else { (1, one) };
        assert!(matches!(loser.status, 409 | 412), "{}: {}", loser.status, loser.text());
        // The other sees the order as it is now, who recorded the money, and what was typed.
        let page = loser.text();
        assert!(page.contains("role=\"alert\"") && page.contains(&format!("seen by {}", people[winner].0)), "{page}");
        let seen = owner.get(&order).await.ok();
        assert_eq!(states(&seen), ("paid", "succeeded"));
        let paid: Vec<_> = seen["history"].as_array().unwrap().iter().filter(|e| e["what"] == "paid").collect();
        assert_eq!((paid.len(), paid[0]["actor"].as_str()), (1, Some(people[winner].0)));
        let receipts = seen["mails"].as_array().unwrap().iter().filter(|mail| mail["kind"] == "order_paid").count();
        assert_eq!(receipts, 1);
        let audit = owner.get(&format!("/admin/audit?action=order.payment_recorded&target_id={id}")).await.ok();
        assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    }
    nothing_is_wrong(&shop);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_at_the_door_is_made_and_sent_before() {
    let shop = TestShop::start().await;
    let owner = with_means(&shop).await;
    let customer = shop.visitor();
    for (kind, words) in [
        ("order_placed", json!({"text": "Yours is {number} for {amount}."})),
        (
            "order_paid_door",
            json!({"subject": "{number} is all yours", "text": "Your {amount} arrived.\n\nPurr, {shop}"}),
        ),
    ] {
        owner.put(&format!("/admin/mail-texts/{kind}/en"), &words).await.ok();
    }
    let order = draft(&shop, &customer, "cash_on_delivery").await;
    assert_eq!(order["payment_fee"], 330);
    let parts = ["subtotal_after_discount", "shipping_fee", "payment_fee", "tax_added"];
    assert_eq!(order["amount"].as_i64().unwrap(), parts.iter().map(|key| order[key].as_i64().unwrap()).sum::<i64>());
    let id = order["id"].as_str().unwrap().to_owned();
    let person = customer.clone().browsing();
    assert!(person.get(&format!("/orders/{id}/confirm")).await.text().contains("¥330"));
    customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let path = format!("/admin/orders/{id}");
    let line = order["lines"][0]["id"].as_str().unwrap();
    shop.until("the print file", async || {
        let order = owner.get(&path).await.ok();
        (order["lines"][0]["production"] == "ready_to_print").then_some(())
    })
    .await;
    let printer = shop.staff(Role::Printer).await;
    assert_eq!(printer.get("/admin/print").await.ok()["items"][0]["order_id"], json!(id));
    for production in ["printed", "packed"] {
        printer.put(&format!("{path}/lines/{line}"), &json!({"production": production})).await.ok();
    }
    assert_eq!(printer.get(&format!("/orders/{id}/documents/packing-slip")).await.status, 200);
    customer.get(&format!("/orders/{id}/documents/invoice")).await.refused(409, "conflict");
    customer.post(&format!("/orders/{id}/reopen"), &json!({})).await.refused(409, "conflict");
    // The carrier's file says how much is collected, and the parcel leaves while the money is not there.
    let parcels = owner.get("/admin/parcels").await.ok();
    assert_eq!(parcels["items"][0]["id"], json!(id));
    let file = owner.get("/admin/parcels/file?carrier=yamato").await.body;
    let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&file);
    assert!(text.contains(&format!("\"{}\"", order["amount"])) && text.contains("\"2\""), "{text}");
    owner.put(&path, &json!({"status": "shipped"})).await.refused(409, "invalid_status_transition");
    let csv = format!("{},9\n", order["order_number"].as_str().unwrap());
    owner.post("/admin/parcels/tracking", &json!({"csv": csv, "carrier": "yamato", "apply": true})).await.ok();
    let sent = owner.get(&path).await.ok();
    assert_eq!(states(&sent), ("pending_payment", "pending"));
    assert!(sent["shipped_at"].is_string() && sent["paid_at"].is_null(), "{sent}");
    owner.put(&path, &json!({"handed_over": true})).await.refused(409, "invalid_status_transition");
    assert!(printer.get("/admin/print?state=packed").await.ok()["items"].as_array().unwrap().is_empty());
    assert!(person.get(&format!("/orders/{id}")).await.text().contains("ready for the carrier"));
    nothing_is_wrong(&shop);
    // No timer ends it, and the money brings it to where its parcel is.
    shop.clock.advance_seconds(40 * 24 * 3600);
    petstar::payments::reconcile(shop.shop()).await.unwrap();
    assert_eq!(states(&customer.get(&format!("/orders/{id}")).await.ok()), ("pending_payment", "pending"));
    let paid = owner.post(&format!("{path}/payments"), &json!({})).await.ok();
    assert_eq!(states(&paid), ("shipped", "succeeded"));
    let mails = owner.get(&path).await.ok()["mails"].clone();
    let mail = async |kind: &str| {
        let row = mails.as_array().unwrap().iter().find(|mail| mail["kind"] == kind).unwrap();
        let mail = owner.get(&format!("/admin/mails/{}", row["id"].as_str().unwrap())).await.ok();
        (mail["subject"].as_str().unwrap().to_owned(), mail["text"].as_str().unwrap().to_owned())
    };
    let number = order["order_number"].as_str().unwrap();
    let (subject, text) = mail("order_placed").await;
    assert!(subject.contains(number) && text.contains(&format!("Yours is {number} for ¥")), "{subject}: {text}");
    let (subject, text) = mail("order_paid").await;
    assert_eq!(subject, format!("{number} is all yours"));
    assert!(text.contains("arrived.\n\nPurr, petstar") && !text.contains("Invoice and receipt"), "{text}");
    owner.put(&path, &json!({"status": "delivered"})).await.ok();
    assert_eq!(customer.get(&format!("/orders/{id}/documents/invoice")).await.status, 200);

    // One that is refused at the door is cancelled: nothing was ever paid.
    let refused = placed(&shop, &customer, "cash_on_delivery").await;
    let path = format!("/admin/orders/{refused}");
    owner.put(&path, &json!({"handed_over": true, "tracking": {"carrier": "Yamato", "number": "5"}})).await.ok();
    let cancelled = owner.put(&path, &json!({"status": "cancelled"})).await.ok();
    assert_eq!(states(&cancelled), ("cancelled", "pending"));
    owner.post(&format!("{path}/payments"), &json!({})).await.refused(409, "order_not_payable");
    nothing_is_wrong(&shop);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn minds_are_changed_and_means_switched_off() {
    let shop = TestShop::start().await;
    let owner = with_means(&shop).await;
    let customer = shop.visitor();
    // Abroad nobody collects cash.
    let mut body = order_body(&shop.design(&customer).await);
    body["payment_method"] = json!("cash_on_delivery");
    body["shipping_address"] =
        json!({"name": "Ann", "postal_code": "10115", "country": "DE", "city": "Berlin", "line1": "Allee 1"});
    let refused = customer.post("/orders", &body).await.refused(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "payment_method");
    // A customer comes back and pays another way.
    let id = placed(&shop, &customer, "cash_on_delivery").await;
    customer.post(&format!("/orders/{id}/reopen"), &json!({})).await.ok();
    let changed = customer.put(&format!("/orders/{id}"), &json!({"payment_method": "online"})).await.ok();
    assert_eq!((changed["payment_fee"].as_i64(), changed["payment_method"].as_str()), (Some(0), Some("online")));
    let checkout = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let session = checkout["order"]["stripe_checkout_session_id"].as_str().unwrap().to_owned();
    // Now they stand at the stall: the page at Stripe is closed first, and a refund does not go there.
    let path = format!("/admin/orders/{id}");
    owner.post(&format!("{path}/payments"), &json!({})).await.refused(422, "invalid_input");
    let paid = owner.post(&format!("{path}/payments"), &json!({"method": "stall"})).await.ok();
    assert_eq!(states(&paid), ("paid", "succeeded"));
    assert!(shop.sandbox().act(&session, petstar::stripe::sandbox::Action::Pay).is_err());
    owner.post(&format!("{path}/refunds"), &json!({"reason": "called off"})).await.ok();
    assert_eq!(shop.sandbox().events().iter().filter(|event| event["type"] == "refund.created").count(), 0);

    // What is placed stays as it is when its means is switched off; a draft is shown to its customer once more.
    let open = placed(&shop, &customer, "cash_on_delivery").await;
    let late = draft(&shop, &customer, "cash_on_delivery").await;
    let off = json!({"means": {"cash_on_delivery": false, "bank_transfer": false, "stall": false}});
    owner.put("/admin/settings", &off).await.ok();
    let late_path = format!("/orders/{}/checkout", late["id"].as_str().unwrap());
    let problem = customer.post(&late_path, &json!({})).await.refused(409, "order_changed");
    assert_eq!(problem["order"]["payment_fee"], 0);
    let again = customer.post(&late_path, &json!({})).await.ok();
    assert_eq!(again["order"]["payment_method"], "online");
    owner.put(&format!("/admin/orders/{open}"), &json!({"handed_over": true})).await.ok();
    let paid = owner.post(&format!("/admin/orders/{open}/payments"), &json!({})).await.ok();
    assert_eq!((states(&paid), paid["payment_fee"].as_i64()), (("shipped", "succeeded"), Some(330)));
    nothing_is_wrong(&shop);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_parallel_checkouts_use_a_coupon_up_once() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    owner.post("/admin/coupons", &json!({"code": "ONCE", "percent": 10, "limit": 1})).await.ok();
    let customer = shop.visitor();
    let mut body = order_body(&shop.design(&customer).await);
    body["coupon"] = json!("ONCE");
    let made = futures_util::future::join_all((0..200).map(|_| customer.post("/orders", &body))).await;
    let paths: Vec<_> =
        made.iter().map(|answer| format!("/orders/{}/checkout", answer.ok()["id"].as_str().unwrap())).collect();
    let none = json!({});
    let answers = futures_util::future::join_all(paths.iter().map(|path| customer.post(path, &none))).await;
    let (got, late): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(got.len(), 1, "one gets it");
    assert!(late.iter().all(|answer| answer.status == 422 && answer.json()["code"] == "coupon_invalid"));
    let waiting = owner.get("/admin/orders?status=pending_payment").await.ok();
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    nothing_is_wrong(&shop);
    shop.app.stop().await;
}
