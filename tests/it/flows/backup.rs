//! A backup is the shop as it was at one moment, whatever goes on meanwhile, and it becomes that shop again elsewhere.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, START, TestShop, Visitor, order_body};
use petstar::app::backup;
use petstar::shop::clock::Clock;
use petstar::store::backup::Backup;
use petstar::web::Role;
use serde_json::json;
use std::path::Path;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn fine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    let told = text(&output.stderr);
    assert!((1..=2).contains(&told.lines().count()), "in a line or two: {told}");
    told
}

/// Orders come in through the pages while the binary takes a backup from the running shop; the copy is one moment of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_elsewhere() {
    let shop = TestShop::start_with(&[("PETSTAR_LIMITS__WRITE", "1000000")]).await;
    let customer = shop.visitor();
    let paid = shop.paid_order(&customer).await;
    let design = paid["lines"][0]["design_id"].as_str().unwrap().to_owned();
    shop.design_in(&customer, &design, "ready").await;
    let piece = shop.design(&customer).await;

    let backups = shop.folder.path().join("far away");
    std::fs::create_dir(&backups).unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (customer, piece, stopped) = (customer.clone(), piece.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut made = 0;
                while !*stopped.borrow() {
                    assert_eq!(customer.post("/orders", &order_body(&piece)).await.status, 201);
                    made += 1;
                }
                made
            })
        })
        .collect();
    let mut manifests = Vec::new();
    for number in 0..3 {
        let (inner, path) = (shop.shop().clone(), backups.join(format!("{number}.tar")));
        let manifest = tokio::task::spawn_blocking(move || backup::write_file(&inner, &path)).await.unwrap().unwrap();
        assert_eq!(manifest.missing, Vec::<String>::new());
        manifests.push(manifest);
    }
    stop.send(true).unwrap();
    let mut made = 0;
    for task in load {
        made += task.await.unwrap();
    }
    assert!(made > 0, "orders came in meanwhile");
    shop.app.stop().await;

    for (number, manifest) in manifests.iter().enumerate() {
        let folder = Folder::new();
        let file = backups.join(format!("{number}.tar"));
        let file = file.to_str().unwrap();
        let told = fine(&run(&folder, &["restore", file, "--check"], ""));
        assert!(told.contains(&format!("{} rows", manifest.rows())), "{told}");
        assert!(!folder.data().exists(), "a rehearsal changes nothing");
        fine(&run(&folder, &["restore", file], ""));
        fine(&run(&folder, &["check"], ""));
        let again = TestShop::start_on(folder, Clock::fixed(START), &[]).await;
        let staff = again.staff(Role::Owner).await;
        let orders = manifest.tables.iter().find(|table| table.name == "orders").unwrap().rows;
        let found = staff.get("/admin/orders?limit=100").await.ok()["items"].as_array().unwrap().len() as u64;
        assert_eq!(found, orders.min(100));
        let kept = staff.get(&format!("/admin/orders/{}", paid["id"].as_str().unwrap())).await.ok();
        assert_eq!((&kept["order_number"], &kept["status"]), (&paid["order_number"], &paid["status"]));
        let print = staff.get(&format!("/admin/designs/{design}/final")).await;
        assert_eq!((print.status, print.header("content-type")), (200, "image/png"));
        again.app.stop().await;
    }
}

fn damaged(file: &Path, other: &Path, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(other, bytes).unwrap();
    other.to_str().unwrap().to_owned()
}

/// With the shop running, through its socket, and without; the file's name is relative to whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn by_command_with_the_shop_running_and_without() {
    let folder = Folder::new();
    let program = Program::start(&folder);
    let told = fine(&run(&folder, &["backup", "running.tar"], ""));
    assert!(told.contains("Backed up"), "{told}");
    assert!(refused(&run(&folder, &["restore", "running.tar"], "")).contains("A shop runs"));
    let missing = run(&folder, &["backup", "no/such/folder/x.tar"], "");
    assert!(refused(&missing).contains("in a folder that is there"));
    let ready = Visitor::new(program.url.clone()).get("/readyz").await.ok();
    assert!(ready["last_backup_age_s"].is_i64(), "{ready}");
    assert_eq!(program.stop(), Some(0));
    fine(&run(&folder, &["backup", "stopped.tar"], ""));
    fine(&run(&folder, &["backup", "stopped.tar"], ""));
    assert!(refused(&run(&folder, &["restore", "stopped.tar"], "")).contains("not empty"));
    for name in ["running.tar", "stopped.tar"] {
        let backup = Backup::open(&folder.path().join(name)).unwrap();
        assert!(backup.manifest.rows() > 20);
        fine(&run(&folder, &["restore", name, "--check"], ""));
        let other = format!("from-{name}");
        fine(&run(&folder, &["restore", name, "--data", &other], ""));
        fine(&run(&folder, &["check", "--data", &other], ""));
    }
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
            .count(),
        0
    );
}

#[test]
fn what_is_damaged_newer_or_half_done_is_refused_in_plain_words() {
    let folder = Folder::new();
    fine(&run(&folder, &["backup", "good.tar"], ""));
    let good = folder.path().join("good.tar");
    let bad = folder.path().join("bad.tar");
    let cut = damaged(&good, &bad, |bytes| bytes.truncate(bytes.len() - 3000));
    assert!(refused(&run(&folder, &["restore", &cut, "--data", "x"], "")).contains("cut short"));
    assert!(refused(&run(&folder, &["restore", &cut, "--check"], "")).contains("cut short"));
    let flipped = damaged(&good, &bad, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
    });
    assert!(refused(&run(&folder, &["restore", &flipped, "--data", "x"], "")).contains("damaged"));
    let newer = damaged(&good, &bad, |bytes| {
        let at = bytes.windows(18).position(|part| part == b"\"backup_format\": 1").unwrap();
        bytes[at + 17] = b'2';
    });
    assert!(refused(&run(&folder, &["restore", &newer, "--data", "x"], "")).contains("newer petstar"));
    assert!(!folder.path().join("x").exists(), "nothing was begun");
    let other = damaged(&good, &bad, |bytes| *bytes = b"hello".to_vec());
    assert!(refused(&run(&folder, &["restore", &other, "--data", "x"], "")).contains("not a backup"));

    std::fs::create_dir(folder.path().join("half")).unwrap();
    std::fs::write(folder.path().join("half/half-restored"), "").unwrap();
    for command in ["serve", "check"] {
        assert!(refused(&run(&folder, &[command, "--data", "half"], "")).contains("half restored"));
    }
}

/// It makes itself at night, is told of when it is too old, and old ones go.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_makes_itself_every_night() {
    // Each night's timer comes round only when the test says so.
    let shop = TestShop::start_quiet(None).await;
    let owner = shop.staff(Role::Owner).await;
    let list = async || owner.get("/admin/backups").await.ok()["items"].as_array().unwrap().clone();
    backup::nightly(shop.shop()).await.unwrap();
    assert_eq!(list().await.len(), 0, "a new shop waits for its first night");
    shop.clock.advance_seconds(3 * 86_400);
    let ready = shop.visitor().get("/readyz").await.ok();
    assert!(ready["notes"].to_string().contains("There is no backup yet"), "{ready}");
    assert!(owner.get("/admin").await.ok()["needs"].to_string().contains("backup"));
    for _ in 0..10 {
        backup::nightly(shop.shop()).await.unwrap();
        backup::nightly(shop.shop()).await.unwrap();
        shop.clock.advance_seconds(86_400);
    }
    let items = list().await;
    assert_eq!(items.len(), 8, "today's and those of seven days: {items:?}");
    assert_eq!(items[0]["name"], "petstar-2026-06-02.tar");
    assert!(!owner.get("/admin").await.ok()["needs"].to_string().contains("backup"));

    let off = owner.put("/admin/settings", &json!({"backup": {"daily": false}})).await;
    assert_eq!(off.status, 200, "{}", off.text());
    backup::nightly(shop.shop()).await.unwrap();
    assert_eq!(list().await.len(), 8);
    assert_eq!(owner.post("/admin/backups", &json!({})).await.status, 202);
    shop.until("a backup by hand", async || (list().await[0]["name"] == "petstar-2026-06-03.tar").then_some(())).await;
    let page = owner.browsing().get("/admin/backups").await;
    assert!(page.status == 200 && page.text().contains("petstar-2026-06-03.tar"));
    shop.staff(Role::Viewer).await.post("/admin/backups", &json!({})).await.refused(403, "forbidden");
    shop.app.stop().await;
}
