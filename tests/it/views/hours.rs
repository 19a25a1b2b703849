//! When a view is read: at the minutes of a schedule, and in the hours it is open.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::postgres::Postgres;

use super::{WATERMARK, channel, connection, insert, row, table};

/// Four views: one is read at the beginning of a minute, the hours of two end with this minute, of one in the
/// midst of a run, and those of one are not now.
#[test]
fn a_view_is_read_at_its_minutes_and_in_its_hours() {
    let his = Postgres::start();
    for name in VIEWS {
        his.ask(&table(name, "BIGINT"));
    }
    // Each page of it takes its time: it is not through when its hours are over.
    his.ask(&table("long", "BIGINT"));
    insert(&his, "long", (1..=LONG).map(|it| row(it, &it.to_string(), "1")));
    let fill = |n: u32| {
        for name in VIEWS {
            insert(&his, name, [row(n, &n.to_string(), "1")]);
        }
    };
    fill(1);
    if second() > 10 {
        thread::sleep(until_next_minute());
    }
    let agent = Agent::start(setup(&his));
    let taken = |it: &Value, name: &str| it["views"][name]["taken"].as_u64();
    agent.await_readiness("read at the start", |it| {
        taken(it, "minutely") == Some(1) && taken(it, "closing") == Some(1)
    });
    fill(2);
    let said = agent.await_readiness("open", |it| taken(it, "closing") == Some(2));
    assert!(until_next_minute() > Duration::from_secs(1), "too slow a machine for this proof");
    assert_eq!(taken(&said, "minutely"), Some(1), "before its minute: {said}");
    // A run that began in the last second may still be on its way.
    thread::sleep(until_next_minute() + Duration::from_secs(3));
    fill(3);
    let said = agent.await_readiness("its minute", |it| taken(it, "minutely") >= Some(2));
    assert!(second() < 30, "long after its minute");
    assert_eq!(taken(&said, "closing"), Some(2), "behind its hours: {said}");
    assert_eq!(taken(&said, "shut"), Some(0), "out of its hours: {said}");
    assert_eq!(said["views"]["shut"]["state"], "waiting");
    let said = agent.await_readiness("ended", |it| it["views"]["long"]["state"] == "waiting");
    let read = taken(&said, "long");
    assert!(read > Some(0) && read < Some(LONG.into()), "between two pages: {said}");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(taken(&agent.readiness(), "long"), read, "behind its hours");
}

fn setup(his: &Postgres) -> Setup {
    let now = minute_of_day();
    let hours = |from: u64, to: u64| {
        let [from, to] = [from, to].map(|it| format!("{:02}:{:02}", it / 60 % 24, it % 60));
        format!("every_ms = 300\nhours = [\"{from}-{to}\"]")
    };
    let view = |name: &str, when: &str| {
        let connection = connection(his, "PostgreSQL Unicode");
        channel(name, &connection, &format!("table = \"{name}\"\n{WATERMARK}\n{when}"))
    };
    let slow = "query = 'SELECT long.*, (SELECT pg_sleep(0.3))::text AS s FROM long'";
    let slow = format!("{slow}\n{WATERMARK}\npage_rows = 2\n{}", hours(now + 1440 - 60, now + 1));
    let channels = [
        channel("long", &connection(his, "PostgreSQL Unicode"), &slow),
        view("minutely", "cron = \"* * * * *\""),
        view("closing", &hours(now + 1440 - 60, now + 1)),
        view("shut", &hours(now + 120, now + 180)),
    ];
    Setup { channels: channels.concat(), ..Setup::files() }
}

const LONG: u32 = 400;
const VIEWS: [&str; 3] = ["minutely", "closing", "shut"];

/// The minute of the day in China.
fn minute_of_day() -> u64 {
    (since_epoch().as_secs() + 8 * 3600) / 60 % 1440
}

fn second() -> u64 {
    since_epoch().as_secs() % 60
}

fn until_next_minute() -> Duration {
    let passed = u64::try_from(since_epoch().as_millis() % 60_000).expect("small");
    Duration::from_millis(60_000 - passed)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}
