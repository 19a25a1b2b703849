//! Views of databases: every row once, over kills of the agent and of the worker, a database that is down
//! or hangs, rows that are committed late and clocks that are set; Chinese in GBK to the byte; nothing is
//! ever written.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod hours;
mod kills;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::command::{Ran, in_gbk};
use tests::mariadb::Mariadb;
use tests::platform::{Platform, Record};
use tests::postgres::Postgres;
use tests::process::{signal, wait_until};

#[test]
fn a_database_that_hangs_or_is_down_is_waited_for_and_others_are_served() {
    let his = Postgres::start();
    his.ask(&table("cf", "BIGINT"));
    insert(&his, "cf", (1..=3).map(|it| row(it, &it.to_string(), "1")));
    his.ask("CREATE VIEW slow AS SELECT * FROM cf WHERE pg_sleep(30) IS NOT NULL");
    let agent = Agent::start(setup(&his, "slow", "timeout_ms = 1000\nalert_after = 2"));
    let platform = Platform::of_folder(&agent.records());
    let stopped = agent.await_readiness("hanging", |it| it["views"]["his"]["code"] == "I204");
    assert_eq!(stopped["ready"], true, "the agent takes messages all the same: {stopped}");

    // The database answers, the driver does not.
    his.ask("CREATE OR REPLACE VIEW slow AS SELECT * FROM cf");
    agent.await_readiness("read", |it| it["views"]["his"]["taken"] == 3);
    // A slow statement may just have cost the last one its life.
    assert!(wait_until(Duration::from_secs(60), || worker(&agent).is_some()), "no worker");
    let worker = worker(&agent).expect("a worker");
    signal("STOP", &worker.to_string());
    insert(&his, "cf", (4..=6).map(|it| row(it, &it.to_string(), "1")));
    agent.await_readiness("killed", |it| it["views"]["his"]["taken"] == 6);
    assert!(!Path::new(&format!("/proc/{worker}")).exists(), "the worker that hung is gone");
    assert!(agent.tells("读取进程已杀掉"), "{}", agent.log());

    his.halt();
    agent.await_readiness("down", |it| it["views"]["his"]["code"] == "I202");
    his.go();
    insert(&his, "cf", (7..=9).map(|it| row(it, &it.to_string(), "1")));
    agent.await_readiness("up", |it| it["views"]["his"]["taken"] == 9);
    await_rows(&platform, &agent, 9);
    check_once(&platform.receive(1).records, 1..=9);
}

/// Rows are written while the database's clock is an hour back; one has a year that was mistyped.
#[test]
fn clocks_that_are_set_lose_no_row() {
    let his = Postgres::start();
    his.ask(&table("cf", "TIMESTAMP"));
    let lines = "overlap = 0\nsweep = 86400\nsweep_every_ms = 1000";
    let agent = Agent::start(setup(&his, "cf", lines));
    let platform = Platform::of_folder(&agent.records());
    insert(
        &his,
        "cf",
        [row(1, "'2026-11-22 10:00:00'", "1"), row(2, "'2062-11-22 10:00:00'", "1")],
    );
    agent.await_readiness("read", |it| it["views"]["his"]["taken"] == 2);
    insert(
        &his,
        "cf",
        [row(3, "'2026-11-22 10:00:01'", "1"), row(4, "'2026-11-22 09:00:00'", "1")],
    );
    let said = agent.await_readiness("read", |it| it["views"]["his"]["taken"] == 4);
    assert_eq!(said["views"]["his"]["read_until"], "2026-11-22 10:00:01", "not 2062");
    await_rows(&platform, &agent, 4);
    check_once(&platform.receive(1).records, 1..=4);
}

/// A view by planned time: what is planned for tomorrow does not put off what comes now.
#[test]
fn a_row_of_tomorrow_holds_up_no_row_of_now() {
    let his = Postgres::start();
    his.ask(&table("cf", "TIMESTAMP"));
    let agent = Agent::start(setup(&his, "cf", "overlap = 60\nsweep_every_ms = 3600000"));
    let in_hours = |it: i32| format!("now() AT TIME ZONE 'Asia/Shanghai' + INTERVAL '{it} hours'");
    insert(&his, "cf", [row(1, &in_hours(-1), "1"), row(2, &in_hours(20), "1")]);
    agent.await_readiness("planned", |it| it["views"]["his"]["taken"] == 2);
    insert(&his, "cf", [row(3, &in_hours(0), "1")]);
    agent.await_readiness("now", |it| it["views"]["his"]["taken"] == 3);
}

/// A backslash in a number of a prescription, where pages end.
#[test]
fn an_odd_key_stops_nobody() {
    let his = Postgres::start();
    his.ask(&table("cf", "BIGINT"));
    insert(&his, "cf", (1..=9).map(|it| row(it, &(it / 3).to_string(), "1")));
    his.ask("UPDATE cf SET \"处方号\" = '\\' || \"处方号\" WHERE \"处方号\" IN ('CF2', 'CF4', 'CF5', 'CF9')");
    let agent = Agent::start(setup(&his, "cf", "page_rows = 4"));
    agent.await_readiness("read", |it| it["views"]["his"]["taken"] == 9);
}

#[test]
fn nothing_is_written_whatever_a_view_does() {
    let his = Postgres::start();
    his.ask(&table("cf", "BIGINT"));
    insert(&his, "cf", [row(1, "1", "1")]);
    his.ask(
        "CREATE TABLE touched (n INT); CREATE FUNCTION touch() RETURNS INT LANGUAGE SQL AS \
         'INSERT INTO touched VALUES (1); SELECT 1'; CREATE VIEW writes AS SELECT *, touch() AS t FROM cf",
    );
    let agent = Agent::start(setup(&his, "writes", ""));
    let said = agent.await_readiness("refused", |it| it["views"]["his"]["code"] == "I203");
    let reason = said["views"]["his"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("25006"), "read-only transaction: {reason}");
    assert_eq!(his.ask("SELECT count(*) FROM touched").trim(), "0");
}

/// A function runs with the rights of whoever made it, so the account's own keep nothing out.
#[test]
fn nothing_is_written_to_mariadb_either() {
    let his = Mariadb::start();
    let run = |text: &str| his.ask("utf8mb4", backticks(text).as_bytes());
    run(&format!("{} CHARACTER SET gbk; {}", table("cf", "BIGINT"), values(&row(1, "1", "1"))));
    run("CREATE TABLE touched (n INT);\nDELIMITER //\n\
         CREATE FUNCTION touch() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO touched VALUES (1); RETURN 1; END//\n\
         DELIMITER ;\nCREATE VIEW writes AS SELECT cf.*, touch() AS t FROM cf;");
    let source = "table = \"writes\"";
    let agent = Agent::start(setup_of(&mariadb(&his), source, WATERMARK, ""));
    let said = agent.await_readiness("refused", |it| it["views"]["his"]["code"] == "I203");
    let reason = said["views"]["his"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("25006"), "read-only transaction: {reason}");
    assert_eq!(run("SELECT count(*) FROM touched").trim(), "0");
}

/// Two lines of one prescription, and a key that knows the prescription only: one would be lost some day.
#[test]
fn a_key_that_does_not_tell_rows_apart_is_told() {
    let his = Postgres::start();
    his.ask(&table("cf", "BIGINT"));
    insert(&his, "cf", ["1", "2"].map(|it| row(1, "7", it)));
    let agent = Agent::start(setup(&his, "cf", ""));
    agent.await_readiness("told", |it| it["views"]["his"]["code"] == "I206");
    his.ask("DELETE FROM cf WHERE \"数量\" = '2'");
    agent.await_readiness("read", |it| it["views"]["his"]["taken"] == 1);
}

/// An old database that takes any bytes for text: names of columns and values are GBK.
#[test]
fn texts_in_gbk_come_to_the_byte() {
    let his = Postgres::in_encoding("SQL_ASCII");
    run_gbk(&his, &table("cf", "BIGINT"));
    for it in 1..=3 {
        run_gbk(&his, &values(&row(it, &it.to_string(), "1")));
    }
    let lines = "charset = \"gbk\"\n";
    let connection = connection(&his, "PostgreSQL ANSI");
    let connection = format!("{connection};ConnSettings=set client_encoding to 'SQL_ASCII'");
    let agent = Agent::start(setup_of(&connection, "table = \"cf\"", WATERMARK, lines));
    let platform = Platform::of_folder(&agent.records());
    await_rows(&platform, &agent, 3);
    let records = platform.receive(1).records;
    check_once(&records, 1..=3);
    let registered = records.iter().find(|it| it.entity == "outpatient_registration");
    let elements = &registered.expect("a registration").elements;
    assert!(elements.contains("\"psn_name\":\"李建国\""), "{elements}");
}

/// No column tells what is new: all of the view is compared. MariaDB, texts in GBK under the name latin1.
#[test]
fn a_view_that_is_compared_tells_what_is_new_changed_and_gone() {
    let his = Mariadb::start();
    // The driver takes no statement in GBK: what it is asked by has plain names.
    let run = |text: &str| his.ask("latin1", &in_gbk(&text.replace("水位", "id")));
    run(&format!("{} CHARACTER SET latin1;", backticks(&table("cf", "BIGINT"))));
    for it in 1..=5 {
        run(&backticks(&values(&row(it, &it.to_string(), "1"))));
    }
    let connection = format!("{};Charset=latin1", mariadb(&his));
    let lines = "charset = \"gbk\"\npage_rows = 2";
    let agent = Agent::start(setup_of(&connection, "table = \"cf\"", "key = [\"ID\"]", lines));
    let platform = Platform::of_folder(&agent.records());
    await_rows(&platform, &agent, 5);
    check_once(&platform.receive(1).records, 1..=5);

    run(
        "UPDATE cf SET `数量` = '7' WHERE `处方号` = 'CF2'; DELETE FROM cf WHERE `处方号` = 'CF4';",
    );
    run(
        "INSERT INTO cf (`水位`, `病人ID`, `姓名`, `门诊号`, `处方号`, `序号`, `数量`, `开方时间`) \
         SELECT 99, `病人ID`, 0x8130, `门诊号`, 'CF99', `序号`, `数量`, `开方时间` FROM cf WHERE `水位` = 1;",
    );
    let said = agent.await_readiness("compared", |it| {
        let view = &it["views"]["his"];
        view["vanished"] == 1 && view["refused"] == 1 && view["taken"] == 6
    });
    assert_eq!(said["outbox"]["dead_letters"], 1, "the name that is no GBK");
    agent.await_drained();
    let changed = platform.receive(18).records;
    let of_two: Vec<&Record> = prescriptions(&changed).filter(|it| number(it) == 2).collect();
    assert_eq!(of_two.iter().map(|it| it.revision).collect::<Vec<_>>(), [1, 2]);
    assert!(of_two[1].elements.contains("\"cnt\":7"), "{}", of_two[1].elements);
    assert!(agent.tells("I207") && agent.tells("I208"), "{}", agent.log());
}

/// A quantity of two that was one for a while: the platform must not keep the one. By a watermark that is
/// set anew with each change, and by comparison.
#[test]
fn what_is_changed_back_reaches_the_platform() {
    let his = Postgres::start();
    for (table, known_by) in [("marked", WATERMARK), ("compared", "key = [\"处方号\", \"序号\"]")]
    {
        his.ask(&self::table(table, "BIGINT"));
        insert(&his, table, [row(1, "10", "2")]);
        let connection = connection(&his, "PostgreSQL Unicode");
        let mut agent =
            Agent::start(setup_of(&connection, &format!("table = \"{table}\""), known_by, ""));
        let platform = Platform::of_folder(&agent.records());
        for (taken, quantity) in [(1, "2"), (2, "1"), (3, "2")] {
            let change = format!("SET \"水位\" = {taken} * 10, \"数量\" = '{quantity}'");
            his.ask(&format!("UPDATE {table} {change}"));
            agent.await_readiness("taken", |it| it["views"]["his"]["taken"] == taken);
        }
        agent.kill();
        agent.start_again();
        agent.await_readiness("read", |it| it["views"]["his"]["last_run"].is_string());
        agent.await_drained();
        let records = platform.receive(5).records;
        let of_one: Vec<&Record> = prescriptions(&records).collect();
        let came: Vec<String> =
            of_one.iter().map(|it| format!("{}: {}", it.revision, quantity(it))).collect();
        assert_eq!(came, ["1: 2.0", "2: 1.0", "3: 2.0"], "{table}");
    }
}

fn quantity(record: &Record) -> String {
    let elements: Value = serde_json::from_str(&record.elements).expect("JSON");
    elements["cnt"].to_string()
}

/// MariaDB as it is installed: the driver translates. In UTF-16 it counts `高` and `四` wrong, in values and in
/// names of columns.
#[test]
fn texts_that_the_driver_translates_come_whole() {
    let his = Mariadb::start();
    let table = backticks(&table("cf", "DATETIME(3)"));
    his.ask("utf8mb4", format!("{table} CHARACTER SET gbk;").as_bytes());
    for it in 1..=3 {
        let row = backticks(&values(&row(it, "'2026-11-22 10:00:00.125'", "1")));
        his.ask("utf8mb4", row.as_bytes());
    }
    let query = "query = \"SELECT cf.*, REPEAT('高血压', 9999) AS `四高` FROM cf\"";
    let agent = Agent::start(setup_of(&mariadb(&his), query, WATERMARK, "page_rows = 2"));
    let platform = Platform::of_folder(&agent.records());
    await_rows(&platform, &agent, 3);
    let records = platform.receive(1).records;
    check_once(&records, 1..=3);
    for it in records.iter().filter(|it| it.entity == "outpatient_diagnosis") {
        assert!(it.elements.contains("\"diag_name\":\"高血压\""), "{}", it.elements);
    }
    let shown = ["messages", "show", &records[0].record_id, "--reveal", "--reason", "read whole"];
    let whole = format!("四高\":\"{}\"", "高血压".repeat(9_999));
    let ran = agent.ask(&shown);
    assert!(ran.stdout.contains(&whole), "{}", ran.stderr);
    assert_eq!(agent.readiness()["views"]["his"]["read_until"], "2026-11-22 10:00:00.125");
}

#[test]
fn without_a_manager_only_the_view_stands_still() {
    let libraries = tempfile::tempdir().expect("a folder");
    for name in ["libodbc.so.2", "libodbc.so.1", "libodbc.so"] {
        fs::write(libraries.path().join(name), "").expect("a folder of ours");
    }
    let setup = setup_of("DSN=his", "table = \"cf\"", WATERMARK, "");
    let agent = Agent::start(Setup { libraries: Some(libraries.path().to_owned()), ..setup });
    let said = agent.await_readiness("told", |it| it["views"]["his"]["code"] == "I201");
    assert_eq!(said["ready"], true, "{said}");
}

#[test]
fn a_try_shows_columns_and_masked_rows_and_a_record() {
    let his = Postgres::start();
    his.ask(&table("cf", "TIMESTAMP"));
    insert(&his, "cf", [row(1, "'2026-11-22 10:00:00'", "1.50")]);
    let mut agent = Agent::start(setup(&his, "cf", ""));
    assert_eq!(agent.stop().code, Some(0));
    let ran = agent.ask(&["channel", "view-try", "--channel", "his"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for told in ["PostgreSQL", "处方号", "日期时间", "outpatient_prescription"] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("李建国"), "{}", ran.stdout);
    his.ask("DROP TABLE cf");
    let ran: Ran = agent.ask(&["channel", "view-try", "--channel", "his"]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("I203") && ran.stderr.contains("怎么办"), "{}", ran.stderr);
}

/// What the shipped mapping `view/` reads, all rows alike but for the first columns.
fn table(name: &str, watermark: &str) -> String {
    let mut columns = format!(
        "\"水位\" {watermark}, \"病人ID\" VARCHAR(20), \"姓名\" CHAR(20), \"门诊号\" VARCHAR(20), \
         \"处方号\" VARCHAR(20), \"序号\" NUMERIC(4), \"数量\" VARCHAR(10), \"开方时间\" TIMESTAMP"
    );
    for (name, value) in ALIKE {
        let _ = write!(columns, ", \"{name}\" VARCHAR(40) DEFAULT '{value}'");
    }
    format!("CREATE TABLE {name} ({columns})")
}

const ALIKE: [(&str, &str); 8] = [
    ("性别", "男"),
    ("就诊时间", "2026-11-22 09:00:00"),
    ("科室编码", "0301"),
    ("科室名称", "心内科"),
    ("诊断编码", "I10.x00"),
    ("诊断名称", "高血压"),
    ("药品编码", "YP000231"),
    ("药品名称", "氨氯地平片"),
];

/// The columns that differ from row to row, in the words of PostgreSQL.
const COLUMNS: &str =
    "(\"水位\", \"病人ID\", \"姓名\", \"门诊号\", \"处方号\", \"序号\", \"数量\", \"开方时间\")";

fn values(row: &str) -> String {
    format!("INSERT INTO cf {COLUMNS} VALUES {row};")
}

/// The same in the words of MariaDB.
fn backticks(statement: &str) -> String {
    statement.replace('"', "`")
}

fn row(n: u32, watermark: &str, quantity: &str) -> String {
    format!(
        "({watermark}, 'P{n}', '李建国', 'MZ{n}', 'CF{n}', 1, '{quantity}', TIMESTAMP '2026-11-22 09:20:05')"
    )
}

fn insert(his: &Postgres, table: &str, rows: impl IntoIterator<Item = String>) {
    let rows: Vec<String> = rows.into_iter().collect();
    his.ask(&format!("INSERT INTO {table} {COLUMNS} VALUES {}", rows.join(", ")));
}

fn connection(his: &Postgres, driver: &str) -> String {
    let place = his.folder().display();
    format!(
        "Driver={driver};Servername={place};Port=5432;Database=postgres;Username=his;Password=secret!"
    )
}

fn mariadb(his: &Mariadb) -> String {
    let place = his.socket();
    format!("Driver=MariaDB Unicode;Socket={};Database=his;UID=his;PWD=secret!", place.display())
}

fn setup(his: &Postgres, table: &str, lines: &str) -> Setup {
    let connection = connection(his, "PostgreSQL Unicode");
    setup_of(&connection, &format!("table = \"{table}\""), WATERMARK, lines)
}

fn setup_of(connection: &str, source: &str, known_by: &str, lines: &str) -> Setup {
    let lines = format!("{source}\n{known_by}\nevery_ms = 300\n{lines}");
    Setup { channels: channel("his", connection, &lines), ..Setup::files() }
}

/// A channel that reads a view. The connection string lies in a file, as it should.
fn channel(name: &str, connection: &str, lines: &str) -> String {
    let secret = tempfile::NamedTempFile::new().expect("the temp folder takes a file");
    let (_, path) = secret.keep().expect("ours");
    fs::write(&path, connection).expect("ours");
    format!(
        "[[channel]]\nname = \"{name}\"\nmappings = [\"view/\"]\n[channel.view]\n\
         connection = \"file:{}\"\n{lines}\n",
        path.display()
    )
}

fn prescriptions(records: &[Record]) -> impl Iterator<Item = &Record> {
    records.iter().filter(|it| it.entity == "outpatient_prescription")
}

fn number(record: &Record) -> u32 {
    let elements: Value = serde_json::from_str(&record.elements).expect("JSON");
    let name = elements["rxno"].as_str().and_then(|it| it.strip_prefix("CF"));
    name.and_then(|it| it.parse().ok()).expect("a number of ours")
}

#[track_caller]
fn await_rows(platform: &Platform, agent: &Agent, expected: usize) {
    agent.await_readiness("taken", |it| {
        it["outbox"]["next_seq"].as_u64().unwrap_or(0) > u64::try_from(expected * 3).expect("small")
    });
    agent.await_drained();
    let came = prescriptions(&platform.receive(expected * 3).records).count();
    assert_eq!(came, expected, "{}", agent.log());
}

#[track_caller]
fn check_once(records: &[Record], expected: impl IntoIterator<Item = u32>) {
    let mut came: BTreeMap<u32, usize> = BTreeMap::new();
    for record in prescriptions(records) {
        *came.entry(number(record)).or_default() += 1;
    }
    let expected: BTreeMap<u32, usize> = expected.into_iter().map(|it| (it, 1)).collect();
    assert_eq!(came, expected);
}

/// The worker of an agent, if it has one just now.
fn worker(agent: &Agent) -> Option<u32> {
    let path = format!("/proc/{0}/task", agent.pid());
    let children = fs::read_dir(path).ok()?.flatten();
    let children = children.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
    let children = children.collect::<Vec<_>>().join(" ");
    children.split_whitespace().find_map(|it| it.parse().ok())
}

fn run_gbk(his: &Postgres, statement: &str) {
    his.ask_bytes(&in_gbk(statement));
}

const WATERMARK: &str = "watermark = \"水位\"\nkey = [\"处方号\", \"序号\"]";
