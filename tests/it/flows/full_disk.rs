//! A disk without room: said in plain words, pages still served, and it goes on by itself when there is room.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, TestShop, Visitor, photo};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let shop = TestShop::start().await;
    let customer = shop.visitor();
    let design = shop.design(&customer).await;
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    shop.shop().store().set_reserve(u64::MAX);
    let problem =
        customer.put(&path, &json!({"params": design["params"], "name": "Pochi"})).await.refused(507, "disk_full");
    assert!(problem["detail"].as_str().unwrap().contains("safe"));
    assert_eq!(customer.get(&path).await.ok()["version"], design["version"]);
    assert_eq!(shop.visitor().browsing().get("/products").await.status, 200);
    shop.shop().store().set_reserve(0);
    assert_eq!(customer.put(&path, &json!({"params": design["params"], "name": "Pochi"})).await.ok()["name"], "Pochi");
    shop.app.stop().await;
}

/// A file system of its own, large enough for a shop and its reserve.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where this machine does not let us mount one: only root may.
    fn mount(place: PathBuf) -> Option<SmallDisk> {
        std::fs::create_dir_all(&place).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=160m,mode=0700", "petstar-test"]).arg(&place);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(SmallDisk(place))
    }

    /// Writes into `file` until nothing fits any more, and gives how many bytes did.
    fn fill(&self, file: &Path) -> u64 {
        let mut file = std::fs::File::create(file).expect("a file");
        let mut written = 0;
        for size in [1 << 20, 4096, 1] {
            let piece = vec![7u8; size];
            while let Ok(bytes) = file.write(&piece) {
                written += bytes as u64;
            }
        }
        written
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

async fn save(visitor: &Visitor, design: &Value, name: &str) -> crate::kit::Answer {
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    visitor.put(&path, &json!({"params": design["params"], "name": name})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_really_full_loses_nothing() {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mount(folder.data()) else {
        // Past the test harness, which would keep it to itself.
        let _ = writeln!(
            std::io::stderr(),
            "full_disk: no small disk can be mounted here (only root may), so only the reserve was tested"
        );
        return;
    };
    let program = Program::start(&folder);
    let visitor = Visitor::new(program.url.clone());
    let product = visitor.get("/products/round-tag").await.ok();
    let design = visitor.post("/designs", &json!({"product_id": product["id"]})).await.ok();
    assert_eq!(save(&visitor, &design, "Pochi").await.ok()["name"], "Pochi");

    let filler = folder.data().join("filler");
    assert!(disk.fill(&filler) > 1 << 20, "there was room before");
    save(&visitor, &design, "Tama").await.refused(507, "disk_full");
    let photos = format!("/designs/{}/photos", design["id"].as_str().unwrap());
    visitor.upload(&photos, "cat.jpg", "image/jpeg", &photo()).await.refused(507, "disk_full");
    let path = format!("/designs/{}", design["id"].as_str().unwrap());
    assert_eq!(visitor.get(&path).await.ok()["name"], "Pochi", "what was saved is there");
    assert_eq!(visitor.clone().browsing().get("/products").await.status, 200, "pages are still served");
    assert_eq!(visitor.get("/readyz").await.status, 503);
    let session = visitor.cookie("petstar_session").unwrap();

    // The power goes while the disk is full, and somebody makes room before the next start.
    program.kill();
    std::fs::remove_file(&filler).expect("there is a filler");
    let program = Program::start(&folder);
    let visitor = Visitor::new(program.url.clone()).with_header("cookie", &format!("petstar_session={session}"));
    assert_eq!(visitor.get(&path).await.ok()["name"], "Pochi");
    assert_eq!(visitor.get("/readyz").await.status, 200);
    // It fills up and empties again under a running shop, which needs no restart.
    disk.fill(&filler);
    save(&visitor, &design, "Tama").await.refused(507, "disk_full");
    std::fs::remove_file(&filler).expect("there is a filler");
    assert_eq!(save(&visitor, &design, "Tama").await.ok()["name"], "Tama");
    visitor.upload(&photos, "cat.jpg", "image/jpeg", &photo()).await.ok();
    assert_eq!(program.stop(), Some(0));
    let check = run(&folder, &["check"], "");
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
}
