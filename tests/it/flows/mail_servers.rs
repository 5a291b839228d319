//! Mail servers as they are: one refuses, one puts off, one dies in the middle of a letter, one has it and says nothing. No order minds.

use crate::crash::town::{Manner, PostOffice};
use crate::kit::{TestShop, Visitor};
use petstar::web::Role;
use serde_json::{Value, json};

async fn shop_with(post: &PostOffice) -> (TestShop, Visitor) {
    let url = format!("smtp://{}?tls=none", post.address);
    let shop = TestShop::start_with(&[("PETSTAR_MAIL__SMTP_URL", &url)]).await;
    let owner = shop.staff(Role::Owner).await;
    (shop, owner)
}

async fn post_mail(owner: &Visitor) -> String {
    let mail = owner.post("/admin/mails/test", &json!({"to": "mika@example.com"})).await.ok();
    mail["id"].as_str().unwrap().to_owned()
}

/// Waits until the mail is as wanted.
async fn mail(shop: &TestShop, owner: &Visitor, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    shop.until("a mail", async || {
        let mails = owner.get("/admin/mails?limit=100").await.ok();
        let found = mails["items"].as_array().unwrap().iter().find(|mail| mail["id"] == id).cloned().unwrap();
        wanted(&found).then_some(found)
    })
    .await
}

/// Lets time go by once no mail is being worked on: a mail says that it was put off a moment before its job is given a new time.
async fn pass(shop: &TestShop, owner: &Visitor, seconds: i64) {
    shop.until("the mail's job to settle", async || {
        let busy = owner.get("/admin/jobs?kind=mail.send&status=processing").await.ok();
        busy["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    shop.clock.advance_seconds(seconds);
    shop.shop().queue().nudge();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_seen_at_once_and_harms_no_order() {
    let post = PostOffice::open().await;
    post.behave(Manner::Refuses);
    let (shop, owner) = shop_with(&post).await;
    let id = post_mail(&owner).await;
    let refused = mail(&shop, &owner, &id, |mail| mail["status"] == "failed").await;
    assert_eq!((&refused["attempts"], refused["last_error"].is_string()), (&json!(1), true), "{refused}");
    let order = shop.paid_order(&shop.visitor()).await;
    assert_eq!(order["status"], "paid");
    let ready = shop.visitor().get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.json()["notes"].to_string().contains("could not be delivered"), "{}", ready.text());
    assert!(owner.get("/admin").await.ok()["needs"].to_string().contains("/admin/mails"));
    // The address was put right, and somebody sends it again.
    post.behave(Manner::Takes);
    owner.post(&format!("/admin/mails/{id}/resend"), &json!({})).await.ok();
    mail(&shop, &owner, &id, |mail| mail["status"] == "sent").await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_off_comes_back_until_it_is_taken_once() {
    let post = PostOffice::open().await;
    post.behave(Manner::Later);
    let (shop, owner) = shop_with(&post).await;
    let id = post_mail(&owner).await;
    // 10 s, 30 s, 2 min, each with up to a fifth more.
    for (attempt, pause) in [(1, 13), (2, 37), (3, 145)] {
        let put_off = mail(&shop, &owner, &id, |mail| mail["attempts"] == attempt && mail["status"] == "queued").await;
        assert!(put_off["last_error"].is_string(), "{put_off}");
        if attempt == 3 {
            post.behave(Manner::Takes);
        }
        pass(&shop, &owner, pause).await;
    }
    let sent = mail(&shop, &owner, &id, |mail| mail["status"] == "sent").await;
    assert_eq!(sent["attempts"], 4);
    assert_eq!(post.taken().into_values().collect::<Vec<_>>(), [1]);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_goes_out_twice_at_most_and_then_somebody_decides() {
    for (manner, arrived) in [(Manner::DiesInLetter, 0), (Manner::DiesAfterLetter, 2)] {
        let post = PostOffice::open().await;
        post.behave(manner);
        let (shop, owner) = shop_with(&post).await;
        let id = post_mail(&owner).await;
        mail(&shop, &owner, &id, |mail| mail["attempts"] == 1 && mail["status"] == "queued").await;
        pass(&shop, &owner, 13).await;
        let uncertain = mail(&shop, &owner, &id, |mail| mail["status"] == "uncertain").await;
        assert_eq!(uncertain["attempts"], 2, "{manner:?}: {uncertain}");
        // Nobody tries a third time by himself.
        pass(&shop, &owner, 7 * 86_400).await;
        assert!(owner.get("/admin").await.ok()["needs"].to_string().contains("/admin/mails"));
        let copies: Vec<_> = post.taken().into_iter().collect();
        assert_eq!(copies.iter().map(|(_, count)| count).sum::<usize>(), arrived, "{manner:?}: {copies:?}");
        assert!(copies.len() <= 1, "one Message-ID, by which mail programs know the repeat: {copies:?}");
        post.behave(Manner::Takes);
        owner.post(&format!("/admin/mails/{id}/resend"), &json!({})).await.ok();
        mail(&shop, &owner, &id, |mail| mail["status"] == "sent").await;
        assert_eq!(post.taken().len(), 1, "still the same name, as it may have arrived");
        shop.app.stop().await;
    }
}
