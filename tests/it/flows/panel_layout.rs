//! The owner changes a layout: in a draft first, then as a new version. New designs begin with it, those there are keep theirs.

use crate::kit::{TestShop, Visitor, fill, order_body};
use petstar::designs::DesignId;
use petstar::web::Role;
use serde_json::{Value, json};

async fn product(visitor: &Visitor, slug: &str) -> Value {
    visitor.get(&format!("/products/{slug}")).await.ok()
}

fn layout_of(product: &Value) -> String {
    format!("/admin/products/{}/layout", product["id"].as_str().unwrap())
}

fn position(layout: &Value, kind: &str) -> usize {
    let layers = layout["layout"]["layers"].as_array().unwrap();
    layers.iter().position(|layer| layer["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {layout}"))
}

fn layout_version(shop: &TestShop, design: &Value) -> u32 {
    let id = DesignId(design["id"].as_str().unwrap().parse().unwrap());
    petstar::designs::find(&shop.shop().store().read().unwrap(), id).unwrap().unwrap().layout_version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_for_new_designs_only() {
    let shop = TestShop::start().await;
    let (manager, customer) = (shop.staff(Role::Manager).await, shop.visitor());
    let tag = product(&customer, "round-tag").await;
    let path = layout_of(&tag);
    let paid = shop.paid_order(&customer).await;
    let old = shop.design_of(&customer, &tag).await;
    let old_path = format!("/designs/{}", old["id"].as_str().unwrap());

    let first = manager.get(&path).await.ok();
    assert_eq!((&first["version"], &first["layout_version"]), (&json!(0), &json!(1)));
    let text = position(&first, "text");
    let draft = format!("{path}/draft");
    let wish = json!({"version": 0, "bleed_mm": "2", "layers": [{"index": text, "x": "1,5", "size_mm": 3}]});
    let kept = manager.put(&draft, &wish).await.ok();
    assert_eq!((&kept["version"], &kept["layout"]["bleed_mm"]), (&json!(1), &json!(2.0)));
    assert_eq!(kept["layout"]["layers"][text]["x"], 1.5);
    assert_eq!(product(&customer, "round-tag").await["layout"], tag["layout"], "a draft is in nobody's way");
    manager.put(&draft, &wish).await.refused(412, "stale_version");
    let discard = async |version: u64| {
        let body = json!({ "version": version }).to_string().into_bytes();
        manager.send("DELETE", &draft, Some("application/json"), body).await
    };
    discard(7).await.refused(412, "stale_version");
    assert_ne!(kept["picture_url"], first["picture_url"]);
    let picture = manager.get(kept["picture_url"].as_str().unwrap()).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/jpeg"));
    assert!(picture.header("cache-control").contains("immutable"), "{}", picture.header("cache-control"));

    let more = manager.put(&draft, &json!({"do": "add-text"})).await.ok();
    let field = more["layout"]["fields"].as_array().unwrap().last().unwrap().clone();
    let saved = manager.put(&draft, &json!({"do": "save", "version": more["version"]})).await.ok();
    assert_eq!(
        (&saved["version"], &saved["layout_version"], &saved["versions"]),
        (&json!(0), &json!(2), &json!([2, 1]))
    );

    let now = product(&customer, "round-tag").await;
    assert_eq!(now["layout"]["fields"].as_array().unwrap().last().unwrap()["id"], field["id"]);
    let new = customer.post("/designs", &json!({"product_id": tag["id"]})).await.ok();
    assert_eq!((layout_version(&shop, &old), layout_version(&shop, &new)), (1, 2));
    let mut params = fill(&now["layout"]["fields"], &Value::Null);
    params.as_object_mut().unwrap().retain(|_, value| value.get("photo_id").is_none());
    customer.put(&format!("/designs/{}", new["id"].as_str().unwrap()), &json!({"params": params})).await.ok();
    customer.put(&old_path, &json!({"params": params})).await.refused(422, "invalid_input");
    let seen = customer.get(&old_path).await.ok();
    for name in ["params_crc32", "preview_image_url", "price", "warnings"] {
        assert_eq!(seen[name], old[name], "{name}");
    }
    assert_eq!(customer.post("/orders", &order_body(&old)).await.status, 201, "an old design can still be ordered");
    let bought = json!({"id": paid["lines"][0]["design_id"]});
    assert_eq!(layout_version(&shop, &bought), 1, "what was paid for never changes");
    assert_eq!(
        petstar::app::check::rows(&shop.shop().store().read().unwrap(), &|_| true).unwrap(),
        Vec::<String>::new()
    );

    // An older version is looked at, and taken back as a new one.
    let version = manager.get(&format!("{path}/versions/1")).await.ok();
    assert_eq!(version["layout"], first["layout"]);
    manager.get(&format!("{path}/versions/9")).await.refused(404, "not_found");
    let restore = format!("{path}/versions/1/restore");
    manager.post(&restore, &json!({"version": 1})).await.refused(412, "stale_version");
    let back = manager.post(&restore, &json!({"version": 2})).await.ok();
    assert_eq!(
        (&back["layout_version"], &back["taken_from"], &back["layout"]),
        (&json!(3), &json!(1), &first["layout"])
    );
    let again = manager.post(&restore, &json!({"version": 2})).await.ok();
    assert_eq!(again["layout_version"], 3, "the same wish twice is one version");
    assert_eq!(product(&customer, "round-tag").await["layout"], tag["layout"]);
    let audit = shop.staff(Role::Owner).await.get("/admin/audit?limit=100").await.ok();
    let changes = audit["items"].as_array().unwrap().iter().filter(|e| e["action"] == "product.layout_changed");
    assert_eq!(changes.count(), 2);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_saves_a_whole_layout() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let path = layout_of(&product(&manager, "round-tag").await);
    let now = manager.get(&path).await.ok();
    let mut layout = now["layout"].clone();
    layout["dpi"] = json!(600);
    let saved = manager.put(&path, &json!({"layout": layout, "layout_version": 1})).await.ok();
    assert_eq!((&saved["layout_version"], &saved["layout"]["dpi"]), (&json!(2), &json!(600)));
    manager.put(&path, &json!({"layout": layout, "layout_version": 1})).await.refused(412, "stale_version");
    layout["dpi"] = json!(10);
    let problem = manager.put(&path, &json!({"layout": layout})).await.refused(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "dpi");
    layout["dpi"] = json!(300);
    let artwork = position(&now, "artwork");
    layout["layers"][artwork]["file"] = json!("other.svg");
    manager.put(&path, &json!({"layout": layout})).await.refused(422, "invalid_input");
    let wish = json!({"sample": {"photo": {"file": "../../secret"}}});
    manager.put(&path, &wish).await.refused(422, "invalid_input");
    assert_eq!(manager.get(&path).await.ok()["layout_version"], 2);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_does_it_all_without_a_script() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let person = manager.clone().browsing();
    let tag = product(&manager, "round-tag").await;
    let path = layout_of(&tag);
    let form = format!("{path}/draft?_method=PUT");
    let page = person.get(&path).await.text();
    let first = manager.get(&path).await.ok();
    let layers = first["layout"]["layers"].as_array().unwrap().len();
    assert!(page.contains("name=\"bleed_mm\"") && page.contains("name=\"layers.0.index\""));

    let added = person.form(&form, &[("version", "0"), ("do", "add-photo")]).await;
    assert_eq!(added.status, 303, "{}", added.text());
    let opened = added.header("location").to_owned();
    assert!(opened.ends_with(&format!("?open=layer-{layers}#layer-{layers}")), "{opened}");
    assert!(
        person
            .get(opened.split('#').next().unwrap())
            .await
            .text()
            .contains(&format!("id=\"layer-{layers}\" data-layer=\"{layers}\" open"))
    );
    let (width, x) = (format!("layers.{layers}.width"), format!("layers.{layers}.x"));
    let at = layers.to_string();
    let index = format!("layers.{layers}.index");
    let wrong = [("version", "1"), ("bleed_mm", "99"), (index.as_str(), at.as_str()), (width.as_str(), "wide")];
    let refused = person.form(&form, &wrong).await;
    assert_eq!(refused.status, 422);
    let text = refused.text();
    assert!(
        text.contains("Write a number from 0 to 20.")
            && text.contains("value=\"99\"")
            && text.contains("value=\"wide\"")
    );
    let good =
        [("version", "1"), (index.as_str(), at.as_str()), (width.as_str(), "12"), (x.as_str(), "4.5"), ("do", "keep")];
    assert_eq!(person.form(&form, &good).await.status, 303);
    let stale = person.form(&form, &good).await;
    assert!(stale.status == 412 && stale.text().contains("Somebody else changed this layout"), "{}", stale.status);
    let kept = manager.get(&path).await.ok();
    assert_eq!(
        (&kept["layout"]["layers"][layers]["width"], &kept["layout"]["layers"][layers]["x"]),
        (&json!(12.0), &json!(4.5))
    );

    let down = format!("down.{layers}");
    person.form(&form, &[("version", "2"), ("do", down.as_str())]).await;
    let moved = manager.get(&path).await.ok();
    assert_eq!(moved["layout"]["layers"][layers - 1]["width"], 12.0);
    let field = moved["layout"]["layers"][layers - 1]["field"].clone();
    let remove = format!("remove.{}", layers - 1);
    person.form(&form, &[("version", "3"), ("do", remove.as_str())]).await;
    let removed = manager.get(&path).await.ok();
    assert_eq!(removed["layout"]["layers"], first["layout"]["layers"]);
    assert!(
        removed["layout"]["fields"].as_array().unwrap().iter().all(|known| known["id"] != field),
        "its field went with it"
    );
    assert_eq!(person.form(&format!("{path}/draft?_method=DELETE"), &[]).await.status, 303);
    assert_eq!(manager.get(&path).await.ok()["version"], 0, "the draft is thrown away");

    // Names, limits and choices of the fields.
    let text_field =
        first["layout"]["fields"].as_array().unwrap().iter().position(|field| field["kind"] == "text").unwrap();
    let id = first["layout"]["fields"][text_field]["id"].as_str().unwrap();
    let wish = json!({"fields": [{"id": id, "label": {"en": "Nickname", "ja": "あだ名"}, "max_chars": 8, "sample": "Mugi", "required": "off", "fonts": ["", "caveat"]}], "do": "save"});
    manager.put(&format!("{path}/draft"), &wish).await.ok();
    let shown = product(&manager, "round-tag").await["layout"]["fields"][text_field].clone();
    assert_eq!(
        (&shown["label"], &shown["max_chars"], &shown["fonts"][0]["id"]),
        (&json!("Nickname"), &json!(8), &json!("caveat"))
    );
    let wish = json!({"fields": [{"id": id, "sample": "Mugi 🐾🐾🐾🐾🐾"}]});
    manager.put(&format!("{path}/draft"), &wish).await.refused(422, "invalid_input");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_every_kind_are_added_used_and_taken_away() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let person = manager.clone().browsing();
    let tag = product(&manager, "round-tag").await;
    let path = layout_of(&tag);
    let form = format!("{path}/draft?_method=PUT");
    let first = manager.get(&path).await.ok();
    let fields = first["layout"]["fields"].as_array().unwrap().len();
    for (at, button) in ["add-date", "add-place", "add-choice", "add-color"].iter().enumerate() {
        let version = at.to_string();
        let added = person.form(&form, &[("version", version.as_str()), ("do", button)]).await;
        assert_eq!(added.status, 303, "{button}: {}", added.text());
    }
    let now = manager.get(&path).await.ok();
    let list = now["layout"]["fields"].as_array().unwrap();
    let kinds: Vec<&str> = list[fields..].iter().map(|field| field["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["date", "place", "choice", "color"]);
    let id = |kind: &str| {
        list[fields..].iter().find(|field| field["kind"] == kind).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (color, choice) = (id("color"), id("choice"));

    // What nothing uses yet is told, in the reader's language, and keeps the layout a draft.
    let page = person.get(&path).await.text();
    assert!(page.contains("not used yet") && page.contains("recolor."), "the drawing's colours can be replaced");
    let refused = person.form(&form, &[("version", "4"), ("do", "save")]).await;
    assert!(refused.status == 422 && refused.text().contains("Nothing on the surface uses this field yet."));
    let reader = person.clone().with_header("accept-language", "ja");
    let japanese = reader.form(&form, &[("version", "4"), ("do", "save")]).await;
    assert!(japanese.text().contains("この項目はまだどこにも使われていません"), "{}", japanese.status);
    let text = position(&now, "text").to_string();
    let name = |part: &str| format!("layers.{text}.{part}");
    let (index, when, from) = (name("index"), name(&format!("when.{choice}[]")), format!("${color}"));
    let (width, outline) = (name("outline_width"), name("outline.from"));
    let used = [
        ("version", "4"),
        (index.as_str(), text.as_str()),
        (width.as_str(), "0.2"),
        (outline.as_str(), from.as_str()),
        (when.as_str(), ""),
        (when.as_str(), "one"),
        ("do", "save"),
    ];
    let saved = person.form(&form, &used).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let sold = product(&manager, "round-tag").await;
    assert_eq!(sold["layout"]["fields"].as_array().unwrap().len(), fields + 4);
    let customer = shop.visitor();
    let design = shop.design_of(&customer, &sold).await;
    customer.post(&format!("/designs/{}/preview", design["id"].as_str().unwrap()), &json!({})).await.ok();

    for _ in 0..4 {
        let draft = manager.get(&path).await.ok();
        let version = draft["version"].to_string();
        let remove = format!("field-remove.{fields}");
        assert_eq!(person.form(&form, &[("version", version.as_str()), ("do", remove.as_str())]).await.status, 303);
    }
    let bare = manager.get(&path).await.ok();
    assert_eq!(bare["layout"]["fields"], first["layout"]["fields"]);
    let layers = |layout: &Value| layout["layout"]["layers"].as_array().unwrap().clone();
    let mut left = layers(&bare);
    let at = position(&bare, "text");
    assert!(left[at].get("when").is_none() && left[at]["outline"]["color"].as_str().unwrap().starts_with('#'));
    left[at].as_object_mut().unwrap().remove("outline");
    assert_eq!(left, layers(&first), "nothing else changed");
    manager.put(&format!("{path}/draft"), &json!({"do": "save"})).await.ok();
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn artwork_from_outside_is_shapes_and_nothing_else() {
    let shop = TestShop::start().await;
    let manager = shop.staff(Role::Manager).await;
    let path = layout_of(&product(&manager, "round-tag").await);
    let artwork = format!("{path}/artwork");
    let before = manager.get(&path).await.ok();
    let shown = manager.get(before["picture_url"].as_str().unwrap()).await.body;
    let svg = |inside: &str| {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><rect width="40" height="40" fill="#d9583b"/>{inside}</svg>"##
        )
    };
    for hostile in [
        svg("<text>Bella</text>"),
        svg("<image href='/etc/passwd'/>"),
        svg("<filter id='a'/>"),
        format!("<!DOCTYPE svg [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}", svg("")),
        "no drawing".into(),
        bomb(),
    ] {
        let answer = manager.upload(&artwork, "a.svg", "image/svg+xml", hostile.as_bytes()).await;
        let problem = answer.refused(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "file");
    }
    assert_eq!(manager.get(&path).await.ok()["version"], 0, "nothing of it stayed");
    let person = manager.clone().browsing();
    let told = person.upload(&artwork, "a.svg", "image/svg+xml", svg("<text>Bella</text>").as_bytes()).await;
    assert!(told.status == 422 && told.text().contains("There are words in the drawing."), "{}", told.status);

    let scripted = svg("<script>alert(1)</script><g onclick='x()'><path d='M50 50h9v9z'/></g>");
    let taken = person.upload(&artwork, "Sterne & Co.svg", "image/svg+xml", scripted.as_bytes()).await;
    assert_eq!(taken.status, 303, "{}", taken.text());
    let page = person.get(taken.header("location").split('#').next().unwrap()).await.text();
    assert!(page.contains("scripts") && page.contains("sterne---co.svg") && !page.contains("alert(1)"));
    let after = manager.get(&path).await.ok();
    let layers = |layout: &Value| layout["layout"]["layers"].as_array().unwrap().len();
    assert_eq!(layers(&after), layers(&before) + 1);
    assert_eq!(after["layout"]["layers"].as_array().unwrap().last().unwrap()["file"], "sterne---co.svg");
    let shows = manager.get(after["picture_url"].as_str().unwrap()).await.body;
    assert!(shows != shown, "the drawing is seen");
    let stored = petstar::catalog::table::draft(
        &shop.shop().store().read().unwrap(),
        petstar::catalog::ProductId(after["product_id"].as_str().unwrap().parse().unwrap()),
    );
    let stored = stored.unwrap().unwrap().surface.artwork["sterne---co.svg"].to_lowercase();
    assert!(!stored.contains("script") && !stored.contains("onclick") && stored.contains("#d9583b"), "{stored}");
    // A design is made and drawn with it.
    manager.put(&format!("{path}/draft"), &json!({"do": "save"})).await.ok();
    let customer = shop.visitor();
    let design = shop.design_of(&customer, &product(&customer, "round-tag").await).await;
    let preview = customer.post(&format!("/designs/{}/preview", design["id"].as_str().unwrap()), &json!({})).await.ok();
    assert_eq!(customer.get(preview["preview_image_url"].as_str().unwrap()).await.status, 200);
    shop.app.stop().await;
}

/// A few lines that stand for a thousand million shapes.
fn bomb() -> String {
    let mut svg = String::from(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><defs><path id="a0" d="M0 0h1v1z"/>"#,
    );
    for level in 1..10 {
        let uses = format!("<use href=\"#a{}\"/>", level - 1).repeat(10);
        svg += &format!("<g id=\"a{level}\">{uses}</g>");
    }
    svg + "</defs><use href=\"#a9\"/></svg>"
}
