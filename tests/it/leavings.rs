//! What a command leaves in the folder for what is thrown away: nothing, however it is ended; and what a
//! kill leaves goes with the next.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tests::command::binary;
use tests::free_port;
use tests::process::{signal, wait_until};

/// Ended early, in the middle, and late; the reader of what it says is gone by then, as a closed terminal is.
#[test]
fn whoever_is_told_to_end_leaves_nothing() {
    for (name, after_ms) in [("INT", 0), ("TERM", 300), ("HUP", 900), ("INT", 1_500)] {
        for command in [Tried::Demo, Tried::Init] {
            let place = Place::new();
            let mut child = place.begin(command);
            std::thread::sleep(Duration::from_millis(after_ms));
            signal(name, &child.id().to_string());
            drop(child.stdout.take());
            let ended = child.wait().expect("our own child");
            // A busy disk is what `init` may have to tell (69).
            let code = (command, ended.code());
            let is_well = matches!(code, (_, Some(0 | 75)) | (Tried::Init, Some(69)));
            assert!(is_well, "{command:?} {name} {after_ms}: {ended}");
            assert_eq!(place.left(), Vec::<String>::new(), "{command:?} {name} {after_ms}");
        }
    }
}

/// Somebody looks at what the demo made; then Ctrl-C.
#[test]
fn a_demo_that_waits_for_somebody_ends_well() {
    let place = Place::new();
    let mut child = place.begin(Tried::Look);
    assert!(wait_until(Duration::from_secs(60), || place.holds("check.json")), "it is not shown");
    std::thread::sleep(Duration::from_secs(10));
    signal("INT", &child.id().to_string());
    assert_eq!(child.wait().expect("our own child").code(), Some(0));
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn what_a_kill_left_goes_with_the_next_one_and_what_runs_stays() {
    let place = Place::new();
    let mut child = place.begin(Tried::Look);
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    assert_eq!(place.left().len(), 1);
    let mut runs = place.begin(Tried::Look);
    // It has its own before it looks for others'.
    let is_swept = || place.left() == [format!("his-agent-demo-{}", runs.id())];
    assert!(wait_until(Duration::from_secs(60), is_swept), "{:?}", place.left());
    let next = place.begin(Tried::Demo).wait().expect("our own child");
    assert_eq!(next.code(), Some(0));
    assert_eq!(place.left(), [format!("his-agent-demo-{}", runs.id())]);
    signal("TERM", &runs.id().to_string());
    runs.wait().expect("our own child");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[derive(Clone, Copy, Debug)]
enum Tried {
    Demo,
    /// The demo that goes on until somebody ends it.
    Look,
    Init,
}

/// A command that does not outlive a failed test.
struct Begun(Child);

impl Deref for Begun {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Begun {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A folder for what is thrown away, and one for what stays.
struct Place {
    thrown_away: TempDir,
    home: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = || TempDir::new().expect("the temp folder takes a folder");
        Place { thrown_away: folder(), home: folder() }
    }

    /// Returns when its own folder is there.
    fn begin(&self, command: Tried) -> Begun {
        let [operators, his] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let [config, data] = ["etc/agent.toml", "data"].map(|it| self.home.path().join(it));
        let [config, data] = [&config, &data].map(|it| it.to_str().expect("UTF-8"));
        let mut init = vec!["init", "--yes", "--code", "H99999900001", "--name", "示例医院"];
        init.extend(["--config", config, "--data", data]);
        init.extend(["--operators", &operators, "--listen", &his]);
        let child = Command::new(binary())
            .args(match command {
                Tried::Demo => vec!["demo", "--once"],
                Tried::Look => vec!["demo"],
                Tried::Init => init,
            })
            .env("TMPDIR", self.thrown_away.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary can be run");
        let name = format!("his-agent-demo-{}", child.id());
        let is_there = || self.left().contains(&name);
        assert!(wait_until(Duration::from_secs(60), is_there), "{command:?} has no folder");
        Begun(child)
    }

    fn left(&self) -> Vec<String> {
        names(self.thrown_away.path())
    }

    /// Whether the one folder in there has such a file.
    fn holds(&self, name: &str) -> bool {
        self.left().iter().any(|it| self.thrown_away.path().join(it).join(name).exists())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("it is there").flatten().map(|it| it.file_name());
    names.map(|it| it.into_string().expect("UTF-8")).collect()
}
