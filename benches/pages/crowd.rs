//! How long a page takes while customers drag their photos about: the front page at a steady pace, with nobody else in the shop and
//! with previews asked for as fast as they come.

use crate::kit::Client;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DRAGGING: usize = 8;
const READERS: usize = 4;
const PACE: Duration = Duration::from_millis(20);
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const JSON: &str = "application/json";

pub async fn run(address: SocketAddr) {
    let mut customers = Vec::new();
    for _ in 0..DRAGGING {
        customers.push(Customer::new(address).await);
    }
    read(address, Duration::from_millis(500)).await;
    let (mut calm, mut busy) = (Vec::new(), Vec::new());
    let drawn = Arc::new(AtomicU64::new(0));
    for _ in 0..ROUNDS {
        calm.extend(read(address, ROUND).await);
        let stop = Arc::new(AtomicBool::new(false));
        let dragging: Vec<_> = customers
            .drain(..)
            .map(|mut customer| {
                let (stop, drawn) = (stop.clone(), drawn.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        customer.drag().await;
                        drawn.fetch_add(1, Ordering::Relaxed);
                    }
                    customer
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        busy.extend(read(address, ROUND).await);
        stop.store(true, Ordering::Relaxed);
        for customer in dragging {
            customers.push(customer.await.expect("no panic"));
        }
    }
    let previews = drawn.load(Ordering::Relaxed) as f64 / (ROUND.as_secs_f64() + 0.3) / ROUNDS as f64;
    println!("front page, nobody else in the shop      {}", told(calm));
    println!("front page, {DRAGGING} customers dragging photos   {}   ({previews:.0} previews/s)", told(busy));
}

fn told(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("median {:>5.1} ms   p99 {:>5.1} ms   worst {:>5.1} ms", at(0.5), at(0.99), at(1.0))
}

/// Milliseconds of every request.
async fn read(address: SocketAddr, time: Duration) -> Vec<f64> {
    let readers = (0..READERS).map(|_| {
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let (started, mut times) = (Instant::now(), Vec::new());
            while started.elapsed() < time {
                let asked = Instant::now();
                client.ask("/", "text/html").await;
                times.push(asked.elapsed().as_secs_f64() * 1000.0);
                tokio::time::sleep(PACE).await;
            }
            times
        })
    });
    let mut times = Vec::new();
    for reader in readers.collect::<Vec<_>>() {
        times.extend(reader.await.expect("no panic"));
    }
    times
}

struct Customer {
    client: Client,
    design: String,
    photo: Value,
    moves: u32,
}

impl Customer {
    async fn new(address: SocketAddr) -> Customer {
        let mut client = Client::connect(address).await;
        let product: Value =
            serde_json::from_slice(&client.ask("/products/star-portrait", JSON).await).expect("a product");
        let order = json!({ "product_id": product["id"] }).to_string();
        let design = client.json("POST", "/designs", (JSON, order.as_bytes())).await;
        let design = design["id"].as_str().expect("an id").to_owned();
        let mut form = b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"cat.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n".to_vec();
        form.extend_from_slice(include_bytes!("../../assets/samples/chelsea.jpg"));
        form.extend_from_slice(b"\r\n--b--\r\n");
        let path = format!("/designs/{design}/photos");
        let photo = client.json("POST", &path, ("multipart/form-data; boundary=b", &form)).await["id"].clone();
        Customer { client, design, photo, moves: 0 }
    }

    async fn drag(&mut self) {
        self.moves += 1;
        let zoom = 1.0 + f64::from(self.moves % 1000) / 2000.0;
        let photo = json!({ "photo_id": self.photo, "x": 0.5, "y": 0.5, "zoom": zoom, "rotation": self.moves % 90 });
        let wish = json!({ "params": { "photo": photo, "name": "Bella" } }).to_string();
        let path = format!("/designs/{}/preview", self.design);
        self.client.json("POST", &path, (JSON, wish.as_bytes())).await;
    }
}
