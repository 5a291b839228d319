//! A print that cannot be made: tried again with pauses where that may help, then told to the owner in every way there is, and put right by
//! hand.

use crate::kit::{TestShop, Visitor};
use petstar::web::Role;
use serde_json::{Value, json};

async fn print_job(staff: &Visitor) -> Value {
    staff.get("/admin/jobs?kind=render.final").await.ok()["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_full_costs_an_attempt_and_a_pause() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Manager).await;
    let design = shop.design(&customer).await["id"].as_str().unwrap().to_owned();
    // Approved before, so that the print alone needs room.
    let preview = customer.post(&format!("/designs/{design}/preview?quality=high"), &json!({})).await.ok();
    shop.until("the preview", async || {
        let job = customer.get(&format!("/jobs/{}", preview["id"].as_str().unwrap())).await.ok();
        (job["status"] == "completed").then_some(())
    })
    .await;
    shop.shop().blobs().set_reserve(u64::MAX);
    customer.post(&format!("/designs/{design}/finalize"), &json!({})).await.ok();
    let failed = shop
        .until("a failed attempt", async || {
            let seen = staff.get(&format!("/designs/{design}")).await.ok();
            (seen["status"] == "failed").then_some(seen)
        })
        .await;
    assert!(failed["failure_reason"].as_str().unwrap().starts_with("disk: "), "{failed}");
    let job = print_job(&staff).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("queued"), &json!(1)), "{job}");
    assert!(
        job["next_attempt_at"].is_string() && job["failure_reason"].as_str().unwrap().starts_with("disk: "),
        "{job}"
    );
    shop.shop().blobs().set_reserve(0);
    shop.clock.advance_seconds(13);
    shop.shop().queue().nudge();
    shop.design_in_the_end(&customer, &design).await;
    assert_eq!(print_job(&staff).await["attempt"], 2);
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_good_is_told_by_mail_panel_and_probe_and_can_be_tried_again() {
    let shop = TestShop::start_with(&[("PETSTAR_MAIL__ALERTS_TO", "owner@example.com")]).await;
    let customer = shop.visitor();
    let staff = shop.staff(Role::Owner).await;
    let design = shop.design_with_photo(&customer).await["id"].as_str().unwrap().to_owned();
    let mut originals = Vec::new();
    petstar::designs::each_file(&shop.shop().store().read().unwrap(), |what, blob| {
        if what.starts_with("a photo") {
            originals.push(shop.shop().blobs().path(&blob.sha256));
        }
        Ok(())
    })
    .unwrap();
    let kept = std::fs::read(&originals[0]).unwrap();
    std::fs::remove_file(&originals[0]).unwrap();
    customer.post(&format!("/designs/{design}/finalize"), &json!({})).await.ok();
    let job = shop
        .until("the job to fail", async || {
            let job = print_job(&staff).await;
            (job["status"] == "failed").then_some(job)
        })
        .await;
    assert!(job["failure_reason"].as_str().unwrap().starts_with("missing file: "), "{job}");

    shop.until("the alarm", async || {
        let told = |mail: &String| mail.contains("To: owner@example.com") && mail.contains("render.final");
        shop.outbox().iter().any(told).then_some(())
    })
    .await;
    let ready = shop.visitor().get("/readyz").await.ok();
    assert_eq!((&ready["ready"], &ready["jobs_failed"]), (&json!(true), &json!(1)), "{ready}");
    assert!(ready["notes"].to_string().contains("failed for good"), "{ready}");
    assert!(staff.get("/admin").await.ok()["needs"].to_string().contains("/admin/jobs?status=failed"));
    assert!(shop.visitor().get("/metrics").await.text().contains("petstar_jobs_failed 1"));

    std::fs::write(&originals[0], kept).unwrap();
    let path = format!("/admin/jobs/{}/retry", job["id"].as_str().unwrap());
    assert_eq!(staff.post(&path, &json!({})).await.ok()["status"], "queued");
    shop.design_in_the_end(&customer, &design).await;
    assert_eq!(shop.visitor().get("/readyz").await.ok()["jobs_failed"], 0);
    // What is done can neither be cancelled nor tried again.
    staff.post(&path, &json!({})).await.refused(404, "not_found");
    shop.app.stop().await;
}

impl TestShop {
    /// As [`TestShop::design_in`], for designs that have failed before.
    async fn design_in_the_end(&self, visitor: &Visitor, id: &str) {
        self.until("the print", async || {
            (visitor.get(&format!("/designs/{id}")).await.ok()["status"] == "ready").then_some(())
        })
        .await;
    }
}
