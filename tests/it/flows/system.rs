//! The owner's page of the system, in both faces.

use crate::kit::TestShop;
use petstar::web::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_how_the_shop_is_and_backs_it_up() {
    let shop = TestShop::start().await;
    let owner = shop.staff(Role::Owner).await;
    let seen = owner.get("/admin/system").await.ok();
    assert_eq!((&seen["version"], &seen["ready"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(true)));
    assert_eq!(seen["started_at"], "2026-05-21T05:00:00Z");
    assert!(seen["disk_free"].as_u64().unwrap() > 0 && seen["disk_used"]["database"].as_u64().unwrap() > 0, "{seen}");
    assert!(seen["data_dir"].as_str().unwrap().starts_with('/'));
    // The same words as for machines.
    shop.clock.advance_seconds(3 * 86_400);
    petstar::app::backup::nightly(shop.shop()).await.unwrap();
    shop.clock.advance_seconds(4 * 86_400);
    let ready = shop.visitor().get("/readyz").await.ok();
    assert_eq!(owner.get("/admin/system").await.ok()["notes"], ready["notes"]);
    assert!(!ready["notes"].as_array().unwrap().is_empty(), "a backup is missing by now");
    let page = owner.clone().browsing().with_header("accept-language", "ja").get("/admin/system").await.text();
    assert!(page.contains("バックアップ") && !page.contains("The last backup"), "in the owner's language");

    let begun = owner.post("/admin/backups", &json!({})).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job = begun.json()["job_id"].as_str().unwrap().to_owned();
    let done = async || {
        let jobs = owner.get("/admin/jobs?kind=backup.make").await.ok();
        assert_eq!(jobs["items"][0]["id"], job.as_str());
        (jobs["items"][0]["status"] == "completed").then_some(())
    };
    shop.until("the backup", done).await;
    let seen = owner.get("/admin/system").await.ok();
    assert!(seen["backups"][0]["name"].as_str().unwrap().ends_with(".tar"), "{seen}");
    assert_eq!((&seen["notes"], &seen["backup_under_way"]), (&json!([]), &json!(false)));
    let audit = owner.get("/admin/audit?action=backup.begun").await.ok();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
    shop.app.stop().await;
}
