//! A bit flips in a file that lies still: the shop says so, or makes the thing anew. It never gives a wrong answer.

use crate::kit::program::run;
use crate::kit::{Folder, START, TestShop};
use petstar::app::backup;
use petstar::shop::clock::Clock;
use petstar::web::Role;
use std::path::{Path, PathBuf};

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 1 << (at % 8);
    std::fs::write(file, bytes).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found.retain(|path| path.is_file() && std::fs::metadata(path).unwrap().len() > 0);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_or_photo_with_a_flipped_bit_is_not_given_out() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design_with_photo(&customer).await;
    let id = design["id"].as_str().unwrap();
    customer.post(&format!("/designs/{id}/finalize"), &serde_json::json!({})).await.ok();
    shop.design_in(&customer, id, "ready").await;
    let staff = shop.staff(Role::Owner).await;
    let print = format!("/admin/designs/{id}/final");
    let photo = format!(
        "/designs/{id}/photos/{}",
        design["params"].as_object().unwrap().values().find_map(|value| value["photo_id"].as_str()).unwrap()
    );
    assert_eq!((staff.get(&print).await.status, customer.get(&photo).await.status), (200, 200));
    let mut blobs = Vec::new();
    shop.shop()
        .blobs()
        .each(|digest, bytes| {
            blobs.push((shop.shop().blobs().path(&digest), bytes));
            Ok(())
        })
        .unwrap();
    for (path, bytes) in &blobs {
        flip(path, *bytes as usize / 3);
    }
    staff.get(&print).await.refused(500, "internal");
    customer.get(&photo).await.refused(500, "internal");
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_index_with_a_flipped_bit_is_made_anew() {
    let folder = Folder::new();
    let index = folder.data().join("index");
    let mut folder = Some(folder);
    let mut expected = None;
    for round in 0..4 {
        let shop = TestShop::start_on(folder.take().unwrap(), Clock::fixed(START), &[]).await;
        let found = shop.visitor().get("/products?q=mug").await.ok();
        assert_eq!(*expected.get_or_insert_with(|| found.clone()), found, "round {round}");
        let TestShop { app, folder: stopped, .. } = shop;
        app.stop().await;
        let all = files(&index);
        assert!(all.len() > 3, "{all:?}");
        for (number, file) in all.iter().enumerate().filter(|(number, _)| number % 3 == round % 3) {
            flip(file, 7919 * (number + round + 1));
        }
        folder = Some(stopped);
    }
}

#[test]
fn a_backup_or_database_with_a_flipped_bit_is_refused_in_plain_words() {
    let folder = Folder::new();
    assert_eq!(run(&folder, &["backup", "good.tar"], "").status.code(), Some(0));
    let (good, bad) = (folder.path().join("good.tar"), folder.path().join("bad.tar"));
    let length = std::fs::metadata(&good).unwrap().len() as usize;
    for round in 0..40 {
        std::fs::copy(&good, &bad).unwrap();
        flip(&bad, (round * 6_700_417 + 13) % length);
        let target = folder.path().join("never");
        assert!(backup::restore(&bad, &target, true).is_err(), "flip {round}");
        assert!(!target.exists());
    }
    assert!(backup::restore(&good, &folder.path().join("never"), true).is_ok());
    // The database of a shop that stands still.
    let database = folder.data().join("petstar.redb");
    let whole = std::fs::read(&database).unwrap();
    let mut refused = 0;
    // Behind the header, bytes of pages that something was written to; most of a young file is empty.
    let used: Vec<usize> = whole
        .chunks_exact(4096)
        .enumerate()
        .skip(3)
        .filter_map(|(page, bytes)| Some(page * 4096 + 77 + bytes[77..].iter().position(|byte| *byte != 0)?))
        .collect();
    for place in used.iter().step_by(used.len() / 16) {
        std::fs::write(&database, &whole).unwrap();
        flip(&database, *place);
        let check = run(&folder, &["check"], "");
        if check.status.code() == Some(1) {
            let told = String::from_utf8_lossy(&check.stderr);
            // Before it, redb may have had something to say.
            assert!(told.lines().last().is_some_and(|line| line.contains("petstar restore")), "{told}");
            refused += 1;
        }
    }
    assert!(refused >= 3, "only {refused} hit what is in use, of {} pages", used.len());
    std::fs::write(&database, &whole).unwrap();
    assert_eq!(run(&folder, &["check"], "").status.code(), Some(0));
}
