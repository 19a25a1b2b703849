//! How a new file is seen: the kernel tells at once, and where it tells nothing, as of a network share, the
//! folder is looked at. And which of several goes first.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tests::agent::{Agent, Setup};
use tests::platform::Platform;

use super::{Spot, good};

/// The folder itself would be looked at once an hour.
#[test]
fn the_kernel_tells_of_a_file_at_once() {
    for (lines, quickest) in [("ready = \"rename\"", 1), ("settle_ms = 200", 2)] {
        let home = Spot::new();
        let agent = Agent::start(home.setup(&format!("{lines}\npoll_ms = 3600000")));
        agent.await_readiness("open", |it| it["folders"]["drop"]["state"] == "open");
        let took = (1..=5).map(|n: usize| {
            let began = Instant::now();
            home.move_in(&format!("{n}.xml"), &good(n as u64).bytes);
            home.await_count("archive", n, &agent);
            began.elapsed()
        });
        let took = took.min().expect("five");
        println!("{lines}: seen after {took:?}");
        assert!(took < Duration::from_secs(quickest), "{lines}: seen after {took:?}");
    }
}

/// One kernel has no notices left, the other has them and says nothing, since the files come from another
/// machine. The hour shows that nothing but looking finds them.
#[test]
fn a_share_that_tells_nothing_is_looked_at() {
    for (notices, logged) in [("none", "notices=false"), ("deaf", "notices=true")] {
        let start = |home: &Spot, poll: u32| {
            let setup = home.setup(&format!("ready = \"rename\"\npoll_ms = {poll}"));
            let mut agent = Agent::prepare(Setup { faults: true, ..setup });
            agent.launch_under(&[("HIS_AGENT_FAULTS_NOTICES", notices.to_owned())]);
            assert!(agent.await_answers(), "{}", agent.log());
            agent.await_readiness("open", |it| it["folders"]["drop"]["state"] == "open");
            agent
        };
        let unseen = Spot::new();
        let hourly = start(&unseen, 3_600_000);
        unseen.move_in("1.xml", &good(1).bytes);
        thread::sleep(Duration::from_secs(1));
        assert_eq!(unseen.count("archive"), 0, "{notices}: something told of it");
        assert!(hourly.tells(logged), "{}", hourly.log());
        drop(hourly);

        let home = Spot::new();
        let agent = start(&home, 200);
        for n in 1..=3 {
            home.move_in(&format!("{n}.xml"), &good(n).bytes);
            home.await_count("archive", super::files(n), &agent);
        }
    }
}

/// The names say the contrary.
#[test]
fn the_oldest_goes_first_where_time_is_the_order() {
    let home = Spot::new();
    let mut agent = Agent::prepare(home.setup("ready = \"rename\"\norder = \"time\""));
    for (n, age) in [(1, 10), (2, 30), (3, 20)] {
        let name = format!("{n}.xml");
        home.move_in(&name, &good(n).bytes);
        let file = File::options().write(true).open(home.path(&name)).expect("a file of ours");
        let then = SystemTime::now() - Duration::from_secs(age);
        file.set_modified(then).expect("a file of ours");
    }
    agent.start_again();
    home.await_count("archive", 3, &agent);
    agent.await_drained();
    let each = good(1).records.len();
    let came = Platform::of_folder(&agent.records()).receive(each * 3).records;
    let mut lanes: Vec<&str> = came.iter().map(|it| it.lane.as_str()).collect();
    lanes.dedup();
    let wanted = [2, 3, 1].map(|n| good(n).records.swap_remove(0).lane);
    assert_eq!(lanes, wanted);
}
