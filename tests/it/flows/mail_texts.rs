//! The owner writes the words of a mail: looks at the letter, sends a test, saves, and the next customer reads them.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;

const PATH: &str = "/admin/mail-texts/order_paid/ja";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_speaks_in_the_owners_words() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let all = owner.get("/admin/mail-texts").await.ok();
    assert!(all["items"].as_array().unwrap().iter().all(|text| text["is_own"] == false && text["version"] == 0));
    let ours = owner.get(PATH).await.ok();
    assert!(
        ours["text"].as_str().unwrap().contains("{name}様") && ours["places"].to_string().contains("amount"),
        "{ours}"
    );

    // A place this mail does not know, and a subject without the number, are told by name.
    let wrong = json!({"subject": "ありがとう", "text": "{nmae}様"});
    for path in [PATH.to_owned(), format!("{PATH}/preview"), format!("{PATH}/test")] {
        let answer = if path == PATH { owner.put(&path, &wrong).await } else { owner.post(&path, &wrong).await };
        let problem = answer.refused(422, "invalid_input");
        let told = problem["errors"].to_string();
        assert!(told.contains("{number}") && told.contains("{nmae}"), "{path}: {told}");
    }
    let words = json!({"version": 0, "subject": "{number} の宝物", "text": "{name}さん、こんにちは。\n\n{shop}より"});
    let letter = owner.post(&format!("{PATH}/preview"), &words).await.ok();
    assert_eq!(letter["subject"], "PS-000123 の宝物");
    let text = letter["text"].as_str().unwrap();
    assert!(text.contains("佐藤 美香さん、こんにちは。\n\npetstarより") && text.contains("注文を見る"), "{text}");
    let mut test = words.clone();
    test["to"] = json!("mika@example.jp");
    assert_eq!(owner.post(&format!("{PATH}/test"), &test).await.status, 201);
    assert_eq!(owner.get(PATH).await.ok()["is_own"], false, "looking and trying store nothing");

    let saved = owner.put(PATH, &words).await.ok();
    assert_eq!((&saved["is_own"], &saved["version"]), (&json!(true), &json!(1)));
    assert_eq!(saved["heading"], ours["heading"], "what was left empty is ours");
    owner.put(PATH, &json!({"version": 0, "subject": "{number}!"})).await.refused(412, "stale_version");
    let log = owner.get("/admin/audit?action=mail_text.changed").await.ok();
    assert_eq!(log["items"][0]["target_id"], "order_paid/ja");

    let customer = shop.visitor().with_header("accept-language", "ja");
    let order = shop.paid_order(&customer).await;
    let mails = async || {
        let list = owner.get("/admin/mails?kind=order_paid").await.ok();
        list["items"].as_array().unwrap().first().cloned()
    };
    let mail = shop.until("the confirmation", mails).await;
    assert_eq!(mail["subject"], format!("{} の宝物", order["order_number"].as_str().unwrap()));
    let text = owner.get(&format!("/admin/mails/{}", mail["id"].as_str().unwrap())).await.ok();
    assert!(text["text"].as_str().unwrap().contains("佐藤 美香さん、こんにちは。"), "{text}");

    // As a person sees it: with what was typed, and back to our words.
    let person = owner.clone().browsing();
    let page =
        person.form(&format!("{PATH}?_method=PUT"), &[("version", "1"), ("subject", "{x}"), ("text", "typed")]).await;
    assert!(page.status == 422 && page.text().contains("typed") && page.text().contains("{x}"), "{}", page.text());
    let piece = person
        .clone()
        .with_header("hx-request", "true")
        .form(&format!("{PATH}/preview"), &[("subject", "{number} x")])
        .await;
    assert!(
        piece.status == 200 && piece.text().contains("PS-000123 x") && !piece.text().contains("<html"),
        "{}",
        piece.text()
    );
    let letter = person.get(&format!("{PATH}/letter")).await;
    assert!(letter.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert!(letter.text().contains("佐藤 美香さん") && letter.text().contains("style="));
    let back = person.form(&format!("{PATH}?_method=PUT"), &[("version", "1"), ("reset", "on")]).await;
    assert_eq!(back.status, 303);
    let again = owner.get(PATH).await.ok();
    assert_eq!((&again["text"], &again["is_own"], &again["version"]), (&ours["text"], &json!(false), &json!(2)));
    assert_eq!(person.get("/admin/mail-texts/no_such/ja").await.status, 404);
    shop.app.stop().await;
}
