//! The commands, with the shop running and without.

use crate::kit::program::{Program, run};
use crate::kit::{Folder, Visitor};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn both_ways(folder: &Folder) {
    let added = run(
        folder,
        &["staff", "add", "--email", "ken@example.com", "--name", "Ken", "--role", "manager", "--password-stdin"],
        "a long enough passphrase\n",
    );
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    let twice = run(
        folder,
        &["staff", "add", "--email", "ken@example.com", "--name", "Ken", "--role", "manager", "--password-stdin"],
        "a long enough passphrase\n",
    );
    assert_eq!(twice.status.code(), Some(1));
    assert!(!text(&twice.stderr).is_empty());
    let list = run(folder, &["staff", "list"], "");
    assert!(text(&list.stdout).contains("ken@example.com"), "{}", text(&list.stdout));
    let reset = run(
        folder,
        &["staff", "reset-password", "--email", "ken@example.com", "--password-stdin"],
        "another good passphrase\n",
    );
    assert_eq!(reset.status.code(), Some(0), "{}", text(&reset.stderr));
    let check = run(folder, &["check"], "");
    assert_eq!(check.status.code(), Some(0), "{}{}", text(&check.stdout), text(&check.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_while_the_shop_runs() {
    let folder = Folder::new();
    let program = Program::start(&folder);
    both_ways(&folder).await;
    let token = run(&folder, &["token", "add", "--name", "script"], "");
    let line = text(&token.stdout);
    assert_eq!(line.lines().count(), 1, "the token stands alone on stdout");
    let script = Visitor::new(program.url.clone()).with_token(line.trim());
    assert_eq!(script.get("/admin/orders").await.status, 200);
    assert_eq!(program.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_while_it_does_not() {
    let folder = Folder::new();
    both_ways(&folder).await;
}

#[test]
fn wrong_usage_is_2_and_a_wrong_setting_1() {
    let folder = Folder::new();
    assert_eq!(run(&folder, &["no-such-command"], "").status.code(), Some(2));
    std::fs::write(folder.path().join("petstar.toml"), "[server]\nport = 1\n").unwrap();
    let wrong = run(&folder, &["staff", "list"], "");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("server.port"), "{}", text(&wrong.stderr));
}
