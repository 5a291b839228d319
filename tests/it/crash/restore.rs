//! A restore that is killed midway leaves a folder that says so, and a second one makes it whole.

use crate::kit::Folder;
use crate::kit::program::{run, run_with};
use petstar::kernel::failpoint::ELSEWHERE;

#[test]
fn a_restore_cut_short_is_no_shop() {
    let folder = Folder::new();
    assert_eq!(run(&folder, &["backup", "good.tar"], "").status.code(), Some(0));
    for point in ELSEWHERE {
        let place = folder.path().join(point);
        let target = place.to_str().unwrap();
        let killed = run_with(&folder, &["restore", "good.tar", "--data", target], &[("PETSTAR_FAILPOINT", point)]);
        assert_eq!(killed.status.code(), None, "{point}: it was killed");
        for command in ["serve", "check"] {
            let refused = run(&folder, &[command, "--data", target], "");
            let told = String::from_utf8_lossy(&refused.stderr);
            assert!(refused.status.code() == Some(1) && told.contains("half restored"), "{point}: {told}");
        }
        std::fs::remove_dir_all(&place).unwrap();
        assert_eq!(run(&folder, &["restore", "good.tar", "--data", target], "").status.code(), Some(0));
        assert_eq!(run(&folder, &["check", "--data", target], "").status.code(), Some(0));
    }
}
