//! Pull the plug: what was acknowledged is there, what was under way goes on, and what is asked for again is not made twice.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, Visitor, fill, order_body, photo};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

/// How often the plug is pulled.
const KILLS: u64 = 5;
/// The most orders sent between two kills.
const ORDERS: u64 = 30;

/// Moments that differ from run to run. The seed stands in the output of a run that fails.
struct Dice(u64);

impl Dice {
    fn new() -> Dice {
        let given = std::env::var("PETSTAR_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let seed = given.unwrap_or(now.as_nanos() as u64);
        println!("PETSTAR_TEST_SEED={seed}");
        Dice(seed | 1)
    }

    /// A number below `limit` (xorshift64, Marsaglia 2003).
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

async fn design(visitor: &Visitor) -> Value {
    let products = visitor.get("/products").await.ok();
    let product = &products["items"][0];
    let design = visitor.post("/designs", &json!({"product_id": product["id"]})).await.ok();
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    let photo = visitor.upload(&format!("{path}/photos"), "cat.jpg", "image/jpeg", &photo()).await.ok();
    visitor.put(&path, &json!({"params": fill(&product["layout"]["fields"], &photo["id"])})).await.ok()
}

/// Orders one after the other, each under a key of its own, until nobody answers. Gives each key with the order's id, where it was told.
async fn order_until_the_end(visitor: Visitor, body: Value, round: u64) -> Vec<(String, Option<String>)> {
    let mut sent = Vec::new();
    for number in 0..ORDERS {
        let key = format!("order-{round}-{number}");
        let answer = visitor.clone().with_header("idempotency-key", &key).try_post("/orders", &body).await;
        // The last words of a program that is being killed may be cut off.
        let told = answer.map(|answer| answer.ok()["id"].as_str().unwrap().to_owned());
        let is_last = told.is_none();
        sent.push((key, told));
        if is_last {
            break;
        }
    }
    sent
}

/// The ids of all orders, page by page.
async fn all_orders(visitor: &Visitor) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = visitor.get(&format!("/orders?limit=100&after={after}")).await.ok();
        ids.extend(page["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_made_twice() {
    let mut dice = Dice::new();
    let folder = Folder::new();
    let mut program = Program::start(&folder);
    let mut visitor = Visitor::new(program.url.clone());
    let design = design(&visitor).await;
    let id = design["id"].as_str().unwrap().to_owned();
    let body = order_body(&design);
    let first = visitor.post("/orders", &body).await.ok();
    let session = visitor.cookie("petstar_session").unwrap();
    let mut orders: BTreeMap<String, String> = BTreeMap::new();
    // The first kills come in the middle of the render.
    assert_eq!(visitor.post(&format!("/designs/{id}/finalize"), &json!({})).await.status, 202);
    for round in 0..KILLS {
        let ordering = tokio::spawn(order_until_the_end(visitor.clone(), body.clone(), round));
        tokio::time::sleep(Duration::from_millis(5 + dice.below(400))).await;
        program.kill();
        let sent = ordering.await.expect("answers that can be read");
        program = Program::start(&folder);
        visitor = Visitor::new(program.url.clone()).with_header("cookie", &format!("petstar_session={session}"));
        assert_eq!(visitor.get(&format!("/designs/{id}")).await.ok()["params_crc32"], design["params_crc32"]);
        let path = format!("/orders/{}", first["id"].as_str().unwrap());
        assert_eq!(visitor.get(&path).await.ok()["amount"], first["amount"]);
        for (key, told) in sent {
            let again = visitor.clone().with_header("idempotency-key", &key).post("/orders", &body).await.ok();
            let again = again["id"].as_str().unwrap().to_owned();
            if let Some(told) = told {
                assert_eq!(told, again, "{key} gives the order it gave before");
            }
            orders.insert(key, again);
        }
    }
    let mut made = all_orders(&visitor).await;
    let mut expected: Vec<String> = orders.into_values().chain(first["id"].as_str().map(str::to_owned)).collect();
    made.sort();
    expected.sort();
    assert_eq!(made, expected, "one order for each key");
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
