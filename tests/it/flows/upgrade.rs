//! What an earlier petstar has written is opened, checked and served by this one; what a later one has written is left alone.

use crate::kit::program::run;
use crate::kit::{Folder, START, TestShop, Visitor};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use petstar::app::backup;
use petstar::people::commands;
use petstar::shop::clock::Clock;
use petstar::store::{FORMAT, Store, Table};
use petstar::web::Role;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const META: Table<String, u32> = Table::new("store.meta", 1);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn fine(folder: &Folder, args: &[&str]) {
    let done = run(folder, args, "");
    let told = [done.stdout, done.stderr].concat();
    assert_eq!(done.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&told));
}

/// The shop of the fixture goes on: its orders are there, its print can be had, and a new order is paid for.
async fn goes_on(folder: Folder) {
    fine(&folder, &["check"]);
    let shop = TestShop::start_on(folder, Clock::fixed(START), &[]).await;
    let staff: Visitor = shop.staff(Role::Owner).await;
    let orders = staff.get("/admin/orders").await.ok()["items"].as_array().unwrap().clone();
    let statuses: Vec<_> = orders.iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["pending_payment", "paid"]);
    let design = orders[1]["lines"][0]["design_id"].as_str().unwrap();
    let print = staff.get(&format!("/admin/designs/{design}/final")).await;
    assert_eq!((print.status, print.header("content-type")), (200, "image/png"));
    shop.paid_order(&shop.visitor()).await;
    let folder = {
        let TestShop { app, folder, .. } = shop;
        app.stop().await;
        folder
    };
    fine(&folder, &["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_every_earlier_format_becomes_a_shop() {
    for format in 1..=FORMAT {
        let folder = Folder::new();
        let file = fixture(&format!("data-v{format}.tar"));
        fine(&folder, &["restore", file.to_str().unwrap(), "--check"]);
        fine(&folder, &["restore", file.to_str().unwrap()]);
        goes_on(folder).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_every_earlier_format_is_a_shop() {
    for format in 1..=FORMAT {
        let folder = Folder::new();
        // The files as they lay there, and the database as it lay there.
        let file = fixture(&format!("data-v{format}.tar"));
        fine(&folder, &["restore", file.to_str().unwrap()]);
        let mut packed = GzDecoder::new(File::open(fixture(&format!("data-v{format}.redb.gz"))).unwrap());
        io::copy(&mut packed, &mut File::create(folder.data().join("petstar.redb")).unwrap()).unwrap();
        goes_on(folder).await;
    }
}

#[test]
fn a_newer_database_is_refused_in_one_line() {
    let folder = Folder::new();
    fine(&folder, &["check"]);
    let file = folder.data().join("petstar.redb");
    let store = Store::open(&file).unwrap();
    store.write_blocking(|tx| META.put(tx, &"format".into(), &(FORMAT + 1))).unwrap();
    store.close().unwrap();
    for command in ["serve", "check", "reindex"] {
        let refused = run(&folder, &[command], "");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(told.contains("newer petstar") && told.lines().count() == 1, "{told}");
    }
}

/// Makes the fixture of the present format. By hand, before a release; what is there is not replaced.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes into tests/fixtures"]
async fn make_fixture() {
    let file = fixture(&format!("data-v{FORMAT}.tar"));
    assert!(!file.exists(), "{} is for ever", file.display());
    let shop = TestShop::start().await;
    commands::add_staff(shop.shop(), "owner@example.com", "Mika", Role::Owner, "a long enough passphrase")
        .await
        .unwrap();
    let customer = shop.visitor();
    let paid = shop.paid_order(&customer).await;
    shop.design_in(&customer, paid["lines"][0]["design_id"].as_str().unwrap(), "ready").await;
    shop.clock.advance_seconds(60);
    shop.order_at_checkout(&shop.visitor()).await;
    shop.design(&shop.visitor()).await;
    let mails = async || (shop.outbox().len() >= 2).then_some(());
    shop.until("the mails to be sent", mails).await;
    backup::write_file(shop.shop(), &file).unwrap();
    let TestShop { app, folder, .. } = shop;
    app.stop().await;
    let packed = File::create(fixture(&format!("data-v{FORMAT}.redb.gz"))).unwrap();
    let mut packed = GzEncoder::new(packed, Compression::best());
    io::copy(&mut File::open(folder.data().join("petstar.redb")).unwrap(), &mut packed).unwrap();
    packed.finish().unwrap();
}
