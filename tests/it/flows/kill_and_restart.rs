//! Pull the plug: what was acknowledged is there, and what was under way goes on.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, Visitor, fill, order_body, photo};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn design(visitor: &Visitor) -> Value {
    let products = visitor.get("/products").await.ok();
    let product = &products["items"][0];
    let design = visitor.post("/designs", &json!({"product_id": product["id"]})).await.ok();
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    let photo = visitor.upload(&format!("{path}/photos"), "cat.jpg", "image/jpeg", &photo()).await.ok();
    visitor.put(&path, &json!({"params": fill(&product["layout"]["fields"], &photo["id"])})).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_the_render_goes_on() {
    let folder = Folder::new();
    let program = Program::start(&folder);
    let mut visitor = Visitor::new(program.url.clone());
    let design = design(&visitor).await;
    let id = design["id"].as_str().unwrap().to_owned();
    let order = visitor.post("/orders", &order_body(&design)).await.ok();
    assert_eq!(visitor.post(&format!("/designs/{id}/finalize"), &json!({})).await.status, 202);
    let session = visitor.cookie("petstar_session").unwrap();
    let mut program = program;
    // Three times in the middle of the render, then to its end.
    for round in 0..3u64 {
        tokio::time::sleep(Duration::from_millis(30 + 70 * round)).await;
        program.kill();
        program = Program::start(&folder);
        visitor = Visitor::new(program.url.clone()).with_header("cookie", &format!("petstar_session={session}"));
        assert_eq!(visitor.get(&format!("/designs/{id}")).await.ok()["params_crc32"], design["params_crc32"]);
        assert_eq!(
            visitor.get(&format!("/orders/{}", order["id"].as_str().unwrap())).await.ok()["amount"],
            order["amount"]
        );
    }
    let started = Instant::now();
    loop {
        let design = visitor.get(&format!("/designs/{id}")).await.ok();
        if design["status"] == "ready" {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{design}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(program.stop(), Some(0), "a graceful stop");
    let check = run(&folder, &["check"], "");
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
}
