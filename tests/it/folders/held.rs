//! A file that another program keeps open, as programs on a share of Windows do: it cannot be renamed, and the
//! others are taken all the same.

use std::fs;

use serde_json::Value;
use tests::agent::{Agent, Setup};

use super::{Spot, good};

#[test]
fn a_file_that_cannot_be_moved_holds_nobody() {
    for ready in ["rename", "mark"] {
        let home = Spot::new();
        let held = home.path("").with_file_name("held");
        fs::create_dir(&held).expect("a new folder");
        fs::write(held.join("1.xml"), "").expect("ours");
        let setup = home.setup(&format!("ready = \"{ready}\"\npoll_ms = 100"));
        let mut agent = Agent::prepare(Setup { faults: true, ..setup });
        // What a crash leaves between mark and file.
        let working = home.path("working").join("0".repeat(32));
        fs::create_dir_all(&working).expect("ours");
        if ready == "mark" {
            fs::write(working.join("1.xml.ok"), "").expect("ours");
        }
        for n in 1..=3 {
            home.move_in(&format!("{n}.xml"), &good(n).bytes);
            if ready == "mark" && n > 1 {
                home.move_in(&format!("{n}.xml.ok"), b"");
            }
        }
        agent.launch_under(&[("HIS_AGENT_FAULTS_HELD", held.display().to_string())]);
        home.await_count("archive", 2, &agent);
        agent.await_readiness("told", |it| it["folders"]["drop"]["unreadable"] == 1);
        assert_eq!(agent.readiness()["folders"]["drop"]["state"], Value::from("open"), "{ready}");
        assert!(home.path("1.xml").exists(), "{ready}: it stays where it is");

        fs::remove_file(held.join("1.xml")).expect("ours");
        home.await_count("archive", 3, &agent);
        assert_eq!(home.count("working"), 1, "{ready}: only the lock");
        assert!(!home.path("1.xml.ok").exists(), "{ready}: its mark went along");
    }
}
