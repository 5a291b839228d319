//! Customers in the panel: found, handed their data, erased; and photos that go some time after the delivery.

use crate::kit::{TestShop, Visitor, order_body, orders};
use petstar::app::check;
use petstar::kernel::Moment;
use petstar::stripe::sandbox::Action;
use petstar::web::Role;
use serde_json::{Value, json};

fn wrong(shop: &TestShop) -> Vec<String> {
    let tx = shop.shop().store().read().unwrap();
    let blobs = shop.shop().blobs();
    check::rows(&tx, &|blob| blobs.verify(blob).is_ok()).unwrap()
}

fn emails(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap()).collect()
}

/// An order of a piece with a photo, paid and delivered.
async fn delivered(shop: &TestShop, customer: &Visitor, staff: &Visitor) -> Value {
    let design = shop.design_with_photo(customer).await;
    let order = customer.post("/orders", &order_body(&design)).await.ok();
    let id = order["id"].as_str().unwrap();
    let checkout = customer.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    shop.sandbox().act(checkout["order"]["stripe_checkout_session_id"].as_str().unwrap(), Action::Pay).unwrap();
    shop.order_in(customer, id, "paid").await;
    shop.design_in(customer, design["id"].as_str().unwrap(), "ready").await;
    for status in ["processing", "shipped", "delivered"] {
        staff.put(&format!("/admin/orders/{id}"), &json!({"status": status})).await.ok();
    }
    customer.get(&format!("/orders/{id}")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_listed_by_address_and_found_by_name() {
    let shop = TestShop::start().await;
    orders::fill(shop.shop().store(), 60, Moment(1_767_225_600_000));
    let staff = shop.staff(Role::Viewer).await;
    let mut all = Vec::new();
    let mut path = "/admin/customers?limit=7".to_owned();
    loop {
        let page = staff.get(&path).await.ok();
        all.extend(emails(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/admin/customers?limit=7&after={next}");
    }
    assert_eq!(all.len(), 21, "three orders each, from customer0 to customer20");
    assert!(all.is_sorted(), "{all:?}");
    let found = staff.get("/admin/customers?q=Customer1").await.ok();
    assert_eq!(emails(&found).len(), 11, "customer1 and customer10 to customer19");
    assert_eq!(found["items"][0]["orders"], 3);
    let named = staff.get("/admin/customers?q=%E4%BD%90%E8%97%A4").await.ok();
    assert!(!emails(&named).is_empty() && named["items"][0]["name"].is_string(), "{named}");
    // By name they are on pages too, everybody once.
    let whole = staff.get("/admin/customers?q=%E4%BD%90%E8%97%A4&limit=100").await.ok();
    let (mut paged, mut path) = (Vec::new(), "/admin/customers?q=%E4%BD%90%E8%97%A4&limit=2".to_owned());
    loop {
        let page = staff.get(&path).await.ok();
        assert!(emails(&page).len() <= 2, "{page}");
        paged.extend(emails(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/admin/customers?q=%E4%BD%90%E8%97%A4&limit=2&after={next}");
    }
    assert!(paged.len() > 4 && whole["next"].is_null(), "{whole}");
    assert_eq!(paged, emails(&whole));
    let mut once = paged.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), paged.len(), "{paged:?}");
    staff.get("/admin/customers?q=a&after=name.nobody").await.refused(422, "invalid_input");
    // Behind somebody who was erased meanwhile no page begins again from the top.
    let next = staff.get("/admin/customers?limit=7").await.ok()["next"].as_str().unwrap().to_owned();
    let last = petstar::orders::OrderId(next.parse().unwrap());
    let set = |email: String| {
        let change = move |tx: &petstar::store::WriteTx| {
            let mut order = petstar::orders::find(tx, last)?.expect("an order");
            let before = std::mem::replace(&mut order.email, email.clone());
            petstar::orders::table::put(tx, &order)?;
            Ok::<_, petstar::kernel::Fault>(before)
        };
        shop.shop().store().write_blocking(change).unwrap()
    };
    let email = set(String::new());
    staff.get(&format!("/admin/customers?limit=7&after={next}")).await.refused(422, "invalid_input");
    set(email);
    let shown = staff.clone().browsing().get("/admin/customers?q=%E4%BD%90%E8%97%A4&limit=2").await.text();
    assert!(shown.contains("after=name."), "{shown}");
    let first = found["items"].as_array().unwrap().iter().find(|row| row["email"] == "customer1@example.com").unwrap();
    let id = first["id"].as_str().unwrap();
    let one = staff.get(&format!("/admin/customers/{id}")).await.ok();
    assert_eq!((one["email"].as_str(), one["items"].as_array().unwrap().len()), (Some("customer1@example.com"), 3));
    let page = staff.clone().browsing().get(&format!("/admin/customers/{id}")).await;
    assert!(page.status == 200 && !page.text().contains("id=\"erase\""), "a viewer cannot erase");
    let list = staff.clone().browsing().get("/admin/customers?q=customer2").await.text();
    assert!(list.contains("customer20@example.com"), "{list}");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_handed_the_data_and_erased() {
    let shop = TestShop::start().await;
    let (customer, other) = (shop.visitor(), shop.visitor());
    let owner = shop.staff(Role::Owner).await;
    let order = delivered(&shop, &customer, &owner).await;
    let id = order["id"].as_str().unwrap().to_owned();
    let design = order["lines"][0]["design_id"].as_str().unwrap().to_owned();
    let draft = customer.post("/orders", &order_body(&shop.design(&customer).await)).await.ok();
    // Somebody else, who keeps everything.
    let theirs = shop.design_with_photo(&other).await;
    let mut body = order_body(&theirs);
    body["email"] = json!("else@example.com");
    let kept = other.post("/orders", &body).await.ok();

    let path = format!("/admin/customers/{id}");
    shop.staff(Role::Viewer).await.post(&format!("{path}/data"), &json!({})).await.refused(403, "forbidden");
    let zip = owner.post(&format!("{path}/data"), &json!({})).await;
    assert_eq!((zip.status, zip.header("content-type")), (200, "application/zip"));
    let text = zip.text();
    for said in
        ["data.json", "mika@example.com", "order_paid", "神宮前", "photos/", order["order_number"].as_str().unwrap()]
    {
        assert!(text.contains(said), "{said} is not in the data");
    }
    let photo = crate::kit::photo();
    assert!(zip.body.windows(photo.len()).any(|part| part == photo), "the photo lies in the zip as it came");
    assert!(!text.contains("else@example.com"));

    let erase = format!("{path}/erase");
    let wish = json!({"email": "Mika@example.com"});
    shop.staff(Role::Manager).await.post(&erase, &wish).await.refused(403, "forbidden");
    owner.post(&erase, &json!({"email": "else@example.com"})).await.refused(422, "invalid_input");
    let (waiting, session) = shop.order_at_checkout(&customer).await;
    let problem = owner.post(&erase, &wish).await.refused(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains(waiting["order_number"].as_str().unwrap()), "{problem}");
    let page = owner.clone().browsing().get(&path).await.text();
    assert!(page.contains("id=\"erase\"") && !page.contains(&format!("action=\"{erase}\"")), "{page}");
    owner
        .put(&format!("/admin/orders/{}", waiting["id"].as_str().unwrap()), &json!({"status": "cancelled"}))
        .await
        .ok();
    let _ = session;
    let picture = order_picture(&shop, &id);
    assert_eq!(customer.get(&picture).await.status, 200);
    let file = owner.post("/admin/exports", &json!({"kind": "orders"})).await.ok();
    let file = format!("/admin/exports/{}", file["id"].as_str().unwrap());
    let is_made = async || (owner.get(&file).await.ok()["status"] == "completed").then_some(());
    shop.until("the exported file", is_made).await;
    let erased = owner.post(&erase, &wish).await.ok();
    assert_eq!(erased["exports"], 1);
    owner.get(&format!("{file}/download")).await.refused(404, "not_found");
    let folder = shop.folder.data().join("exports");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nor does it lie on the disk");
    assert_eq!((erased["orders"].as_i64(), erased["invoices_kept"].as_i64()), (Some(3), Some(1)), "{erased}");
    assert!(erased["photos"].as_i64() >= Some(1) && erased["mails"].as_i64() >= Some(3), "{erased}");
    owner.post(&erase, &wish).await.refused(404, "not_found");

    // Nobody but the staff sees the order, and the invoice stays as it was.
    customer.get(&format!("/orders/{id}")).await.refused(404, "not_found");
    assert_eq!(customer.get("/orders").await.ok()["items"], json!([]));
    let left = owner.get(&format!("/admin/orders/{id}")).await.ok();
    assert_eq!((left["email"].as_str(), left["amount"].as_i64()), (Some(""), order["amount"].as_i64()));
    assert_eq!(left["shipping_address"]["name"], "佐藤 美香", "the invoice is made out to somebody");
    assert_eq!(left["shipping_address"]["phone"], "");
    assert_eq!(owner.get(&format!("/orders/{id}/documents/invoice")).await.status, 200);
    let gone = owner.get(&format!("/admin/orders/{}", draft["id"].as_str().unwrap())).await.ok();
    assert_eq!((gone["status"].as_str(), gone["shipping_address"]["name"].as_str()), (Some("cancelled"), Some("")));
    assert_eq!(owner.get(&format!("/designs/{design}")).await.ok()["params"], json!({}));
    assert_eq!(customer.get(&picture).await.status, 404, "the preview is gone");
    let mails = owner.get("/admin/mails?limit=100").await.ok();
    for mail in mails["items"].as_array().unwrap().iter().filter(|mail| mail["to"] == "") {
        let mail = mail["id"].as_str().unwrap();
        owner.post(&format!("/admin/mails/{mail}/resend"), &json!({})).await.refused(409, "conflict");
    }
    assert!(!mails.to_string().contains("mika@example.com"), "{mails}");
    let events = owner.get("/admin/stripe-events?limit=100").await.ok().to_string();
    assert!(!events.contains("mika@example.com"));
    assert!(emails(&owner.get("/admin/customers").await.ok()).iter().all(|email| *email == "else@example.com"));
    let audit = owner.get("/admin/audit?limit=100").await.ok().to_string();
    assert!(
        audit.contains("customer.erased") && audit.contains("customer.data_handed_out") && !audit.contains("mika@")
    );
    let page = owner.clone().browsing().get(&format!("/admin/orders/{id}")).await.text();
    assert!(page.contains("data was erased"), "{page}");
    assert_eq!(wrong(&shop), Vec::<String>::new());
    assert_eq!(other.get(&format!("/orders/{}", kept["id"].as_str().unwrap())).await.ok()["email"], "else@example.com");
    // No word of it is left in the database's rows; what is left on the disk goes with the next writes.
    let tx = shop.shop().store().read().unwrap();
    let mut found = Vec::new();
    for table in tx.tables().unwrap() {
        tx.walk(&table, |key, value| {
            let text = format!("{} {}", String::from_utf8_lossy(key), String::from_utf8_lossy(value));
            if text.contains("mika@example.com") {
                found.push(table.clone());
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    }
    assert!(found.iter().all(|table| table.contains("idempotency") || table.contains("jobs")), "{found:?}");
    drop(tx);
    shop.app.stop().await;
}

fn order_picture(shop: &TestShop, id: &str) -> String {
    let id = petstar::orders::OrderId(id.parse().unwrap());
    let order = petstar::orders::find(&shop.shop().store().read().unwrap(), id).unwrap().unwrap();
    order.lines[0].frozen.as_ref().unwrap().picture_url.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_go_some_time_after_the_delivery() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let owner = shop.staff(Role::Owner).await;
    owner.put("/admin/settings", &json!({"privacy": {"photos_days": 3}})).await.refused(422, "invalid_input");
    let order = delivered(&shop, &customer, &owner).await;
    let id = order["id"].as_str().unwrap();
    let design = order["lines"][0]["design_id"].as_str().unwrap();
    // The same again needs the photo on its own account.
    let again = customer.post(&format!("/orders/{id}/reorder"), &json!({})).await.ok();
    let copy = again["designs"][0]["id"].as_str().unwrap();
    let picture = order_picture(&shop, id);
    let sweep = async || petstar::orders::customers::sweep_photos(shop.shop()).await.unwrap();
    shop.clock.advance_seconds(60 * 24 * 3600);
    sweep().await;
    assert_eq!(owner.get(&format!("/admin/designs/{design}/final")).await.status, 200, "nothing goes unasked");
    owner.put("/admin/settings", &json!({"privacy": {"photos_days": 90}})).await.ok();
    let page = owner.clone().browsing().get("/admin/settings?section=privacy").await.text();
    assert!(page.contains("value=\"90\""), "{page}");
    sweep().await;
    assert_eq!(owner.get(&format!("/admin/designs/{design}/final")).await.status, 200, "it is not yet time");
    // A piece that is printed once more keeps its file, however long ago the first one arrived, until it is packed.
    let line = format!("/admin/orders/{id}/lines/{}", order["lines"][0]["id"].as_str().unwrap());
    let once_more = json!({"production": "ready_to_print", "reason": "the frame was torn"});
    owner.put(&line, &json!({"production": "printed"})).await.ok();
    owner.put(&line, &once_more).await.ok();
    shop.clock.advance_seconds(31 * 24 * 3600);
    sweep().await;
    for production in ["printed", "packed"] {
        assert_eq!(owner.get(&format!("/admin/designs/{design}/final")).await.status, 200, "it is still being made");
        owner.put(&line, &json!({"production": production})).await.ok();
        if production == "printed" {
            sweep().await;
        }
    }
    sweep().await;
    assert_ne!(owner.get(&format!("/admin/designs/{design}/final")).await.status, 200);
    assert_eq!(customer.get(&picture).await.status, 200, "the small preview stays");
    assert_eq!(customer.get(&format!("/orders/{id}")).await.ok()["status"], "delivered");
    let refused = customer.post(&format!("/orders/{id}/reorder"), &json!({})).await.refused(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "lines[0].design_id");
    let html = owner.clone().browsing();
    assert_eq!(html.get(&format!("/admin/orders/{id}")).await.status, 200);
    assert_eq!(html.get(&format!("/designs/{design}")).await.status, 200);
    let params = customer.get(&format!("/designs/{copy}")).await.ok()["params"].clone();
    assert!(params.to_string().contains("photo_id"), "the copy keeps its own: {params}");
    let audit = owner.get("/admin/audit?limit=100").await.ok();
    let deleted: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "order.photos_deleted").collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["after"]["photos"], 1);
    sweep().await;
    assert_eq!(wrong(&shop), Vec::<String>::new());
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_of_what_nobody_ordered_go_some_time_after_the_last_touch() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let visitors: Vec<Visitor> = (0..5).map(|_| shop.visitor()).collect();
    let mut designs = Vec::new();
    for visitor in &visitors {
        designs.push(shop.design_with_photo(visitor).await);
    }
    let id = |at: usize| designs[at]["id"].as_str().unwrap().to_owned();
    let [idle, touched, basket, draft, paid] = [0, 1, 2, 3, 4].map(id);
    visitors[2].post("/basket", &json!({"design_id": basket, "quantity": 1})).await.ok();
    visitors[3].post("/orders", &order_body(&designs[3])).await.ok();
    let order = visitors[4].post("/orders", &order_body(&designs[4])).await.ok();
    let checkout =
        visitors[4].post(&format!("/orders/{}/checkout", order["id"].as_str().unwrap()), &json!({})).await.ok();
    shop.sandbox().act(checkout["order"]["stripe_checkout_session_id"].as_str().unwrap(), Action::Pay).unwrap();
    shop.order_in(&visitors[4], order["id"].as_str().unwrap(), "paid").await;
    shop.design_in(&visitors[4], &paid, "ready").await;
    let preview = visitors[0].post(&format!("/designs/{idle}/preview"), &json!({})).await.ok();
    assert_eq!(visitors[0].get(preview["preview_image_url"].as_str().unwrap()).await.status, 200);

    let sweep = async || petstar::orders::customers::sweep_unordered(shop.shop()).await.unwrap();
    let photos = |id: &str| {
        let id = petstar::designs::DesignId(id.parse().unwrap());
        petstar::designs::photos_of(&shop.shop().store().read().unwrap(), id).unwrap().len()
    };
    let settings = json!({"privacy": {"unordered_days": 5}});
    owner.put("/admin/settings", &settings).await.refused(422, "invalid_input");
    shop.clock.advance_seconds(400 * 24 * 3600);
    sweep().await;
    assert_eq!(photos(&idle), 1, "nothing goes unasked");
    owner.put("/admin/settings", &json!({"privacy": {"unordered_days": "30"}})).await.ok();
    let page = owner.clone().browsing().get("/admin/settings?section=privacy").await.text();
    assert!(page.contains("name=\"privacy.unordered_days\"") && page.contains("value=\"30\""), "{page}");
    assert_eq!(owner.get("/admin/settings").await.ok()["privacy"], json!({"photos_days": null, "unordered_days": 30}));
    visitors[1]
        .put(&format!("/designs/{touched}"), &json!({"params": designs[1]["params"], "name": "Mugi"}))
        .await
        .ok();
    sweep().await;
    assert_eq!(photos(&idle), 0);
    for (what, id) in [("touched", &touched), ("basket", &basket), ("draft", &draft), ("paid", &paid)] {
        assert_eq!(photos(id), 1, "{what} stays");
    }
    assert_ne!(visitors[0].get(preview["preview_image_url"].as_str().unwrap()).await.status, 200, "nor is it seen");
    // Its maker finds it, with its words, and may begin again.
    let left = visitors[0].get(&format!("/designs/{idle}")).await.ok();
    assert_eq!(left["status"], "draft");
    assert!(!left["params"].to_string().contains("photo_id"), "{left}");
    assert_eq!(visitors[0].clone().browsing().get(&format!("/designs/{idle}")).await.status, 200);
    visitors[0].upload(&format!("/designs/{idle}/photos"), "a.jpg", "image/jpeg", &crate::kit::photo()).await.ok();

    // Days count from the last touch, and what leaves a basket is nobody's any more.
    shop.clock.advance_seconds(29 * 24 * 3600);
    sweep().await;
    assert_eq!((photos(&idle), photos(&touched)), (1, 1), "it is not yet time");
    let line = visitors[2].get("/basket").await.ok()["lines"][0]["id"].as_str().unwrap().to_owned();
    visitors[2].delete(&format!("/basket/{line}")).await;
    shop.clock.advance_seconds(2 * 24 * 3600);
    sweep().await;
    assert_eq!([&idle, &touched, &basket, &draft, &paid].map(|id| photos(id)), [0, 0, 0, 1, 1]);
    let audit = owner.get("/admin/audit?action=designs.photos_deleted").await.ok();
    let told: Vec<&Value> = audit["items"].as_array().unwrap().iter().map(|entry| &entry["after"]["designs"]).collect();
    assert_eq!(told, [&json!(3), &json!(1)]);
    assert_eq!(wrong(&shop), Vec::<String>::new());
    shop.app.stop().await;
}
