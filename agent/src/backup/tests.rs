//! A store with records is backed up and brought back; whatever is wrong is said, and touches nothing.

mod own_disk;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::create::sealed_name;
use super::*;
use crate::config::Config;
use crate::envelope::{Draft, Envelope, Original, Submission};
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::master_key::MasterKey;
use crate::mount_point::tests::Disk;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;
use crate::versions::{Begun, Life, begin};

#[tokio::test]
async fn what_was_not_delivered_comes_back_under_its_ids_and_no_number_comes_twice() {
    let mut house = House::new();
    house.append(&["a", "b", "c"]).await;
    house.outbox().settle(&[1]).unwrap();
    // The cursor goes to the disk a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let made = house.create(None).unwrap();
    assert_eq!((made.counts.waiting, made.counts.next_seq), (2, 4));
    // What came afterwards: b was delivered, d and e were accepted.
    house.outbox().settle(&[2]).unwrap();
    house.append(&["d", "e"]).await;
    let before = house.waiting_before(&made);
    let master = house.master();
    house.burn();

    let restored = restore(&house.wish(&made, master)).unwrap();
    assert_eq!((restored.free_from, restored.counts), (4, made.counts));
    assert!(restored.next_seq >= 1_000_004, "{restored:?}");
    house.open();
    let waiting = house.outbox().oldest(0, 9, 1 << 20).unwrap();
    let ids =
        |all: &[Envelope]| all.iter().map(|it| (it.seq, it.record_id.clone())).collect::<Vec<_>>();
    assert_eq!(ids(&waiting), ids(&before));
    house.append(&["f"]).await;
    let last = house.outbox().oldest(3, 9, 1 << 20).unwrap();
    assert_eq!(last[0].seq, restored.next_seq);
    assert_eq!(house.outbox().status().dead_letters, 0, "free numbers are no loss");
    for (path, text) in [("quality/2026-11-22.json", "{}"), ("signing.key", "secret")] {
        assert_eq!(fs::read_to_string(house.home("old").join(path)).unwrap(), text);
    }
    assert_eq!(fs::read_to_string(house.file()).unwrap(), house.text());
    assert!(!house.home("old").join(".restoring").exists());
}

#[tokio::test]
async fn numbers_begin_behind_what_the_platform_has() {
    let mut house = House::new();
    house.append(&["a"]).await;
    let made = house.create(None).unwrap();
    let master = house.master();
    house.burn();
    let wish = Wish { after_seq: Some(57), ..house.wish(&made, master) };
    assert_eq!(restore(&wish).unwrap().next_seq, 58);
    house.open();
    house.append(&["b"]).await;
    assert_eq!(house.outbox().oldest(1, 9, 1 << 20).unwrap()[0].seq, 58);
}

#[tokio::test]
async fn any_change_of_a_backup_is_found_and_the_file_is_named() {
    let mut house = House::new();
    house.append(&["a", "b"]).await;
    let made = house.create(None).unwrap();
    let (manifest, master) = (Manifest::read(&made.dir).unwrap(), house.master());
    assert!(
        verify(&made.dir, Some(&master), None).is_ok() && verify(&made.dir, None, None).is_ok()
    );
    house.burn();
    for (number, listed) in (0..).zip(&manifest.files) {
        let name = sealed_name(number);
        harmed(&made.dir.join(&name), |path| {
            for key in [None, Some(&master)] {
                let told = verify(path, key, None).unwrap_err().to_string();
                assert!(told.contains(&name) && told.contains(&listed.root), "{told}");
            }
            let refused = restore(&house.wish(&made, master.clone())).unwrap_err();
            assert_eq!(refused.code(), "B102");
        });
    }
    let text = fs::read_to_string(made.dir.join("manifest.json")).unwrap();
    let other = text.replace("\"next_seq\": 3", "\"next_seq\": 2");
    assert_ne!(text, other);
    fs::write(made.dir.join("manifest.json"), other).unwrap();
    assert_eq!(
        verify(&made.dir, Some(&master), None).unwrap_err().to_string(),
        "备份损坏：manifest.json"
    );
    let left: Vec<_> = fs::read_dir(house.home("old")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn the_key_is_in_no_backup_but_sealed_under_a_key_for_backups() {
    let mut house = House::new();
    house.append(&["a"]).await;
    let master = house.master();
    let own = MasterKey::make(&house.home("backup.key")).unwrap();
    for (key, wanted, other) in [(None, &master, &own), (Some(&own), &own, &master)] {
        let made = house.create(key).unwrap();
        assert_eq!(made.fingerprint, wanted.fingerprint().to_string());
        let told = verify(&made.dir, Some(other), None).unwrap_err();
        assert_eq!(told.code(), "B103");
        assert!(told.to_string().contains(&made.fingerprint), "{told}");
        for entry in fs::read_dir(&made.dir).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            for secret in
                [master.written().trim().to_owned(), "姓名".to_owned(), "secret".to_owned()]
            {
                let has = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
                assert!(!has, "{secret}");
            }
        }
        fs::rename(
            &made.dir,
            house.home("kept").join(if key.is_some() { "own" } else { "master" }),
        )
        .unwrap();
    }
    house.burn();
    let mut wish = house.wish_of(&house.home("kept").join("own"), own);
    restore(&wish).unwrap();
    assert_eq!(house.master(), master, "it came out of the backup");
    // Data is never covered, not even by the same.
    wish.after_seq = Some(1);
    let refused = restore(&wish).unwrap_err();
    assert_eq!(refused.code(), "B105");
    assert!(refused.to_string().contains("/outbox"), "{refused}");
    house.open();
    assert_eq!(house.outbox().status().waiting, 1);
}

#[tokio::test]
async fn what_people_edited_is_moved_aside_and_secrets_stay() {
    let mut house = House::new();
    let (secret, mappings) = (house.home("old").join("amqp"), house.home("old").join("mappings"));
    fs::write(&secret, "amqp://b").unwrap();
    fs::create_dir_all(mappings.join("v")).unwrap();
    fs::write(mappings.join("v/a.toml"), "ours").unwrap();
    let named = format!(
        "{}[[caller]]\nname = \"a\"\naddresses = [\"10.0.0.9\"]\n[sets]\nmappings = \"{}\"\n\
         [relay]\nurl = \"http://a\"\nheaders = {{ k = \"file:{}\" }}\n",
        house.text(),
        mappings.display(),
        secret.display()
    );
    fs::write(house.file(), &named).unwrap();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    house.burn();
    fs::write(house.file(), "[hospital]\n").unwrap();
    fs::create_dir_all(&mappings).unwrap();
    fs::write(mappings.join("b.toml"), "shipped").unwrap();
    let restored = restore(&house.wish(&made, master)).unwrap();
    assert_eq!(fs::read_to_string(house.file()).unwrap(), named);
    assert_eq!(fs::read_to_string(mappings.join("v/a.toml")).unwrap(), "ours");
    assert!(!mappings.join("b.toml").exists());
    assert_eq!(fs::read_to_string(&secret).unwrap(), "amqp://b");
    let aside = house.home("old").join("agent.toml.before-restore");
    assert_eq!(fs::read_to_string(&aside).unwrap(), "[hospital]\n");
    assert_eq!(restored.moved.len(), 2, "{restored:?}");
}

/// As a package leaves a new machine: with a key of its own making.
#[tokio::test]
async fn a_key_that_an_installation_made_is_moved_aside_and_the_stores_own_takes_its_place() {
    let mut house = House::new();
    house.append(&["a"]).await;
    let (named, master) = (house.home("etc/master.key"), house.master());
    fs::create_dir_all(named.parent().unwrap()).unwrap();
    fs::rename(house.home("old/store.key"), &named).unwrap();
    let key = format!("\nkey = \"file:{}\"\n[forward]", named.display());
    let text = house.text().replace("\n[forward]", &key);
    fs::write(house.file(), &text).unwrap();
    let made = house.create(None).unwrap();
    house.burn();
    fs::remove_file(&named).unwrap();
    let other = MasterKey::make(&named).unwrap();
    // A store that it opens is here.
    let theirs = text.replace("old/outbox", "theirs/outbox");
    fs::create_dir_all(house.home("theirs/outbox/CURRENT")).unwrap();
    fs::write(house.file(), &theirs).unwrap();
    let refused = restore(&house.wish(&made, master.clone())).unwrap_err();
    assert_eq!(refused.code(), "B113", "{refused}");
    assert_eq!(MasterKey::read(&named).unwrap(), other);
    fs::remove_dir_all(house.home("theirs")).unwrap();

    // Nothing comes of it, and everything lies as it did.
    let in_the_way = house.home("old/quality");
    fs::write(&in_the_way, "").unwrap();
    assert_eq!(restore(&house.wish(&made, master.clone())).unwrap_err().code(), "B105");
    assert_eq!(MasterKey::read(&named).unwrap(), other);
    assert_eq!(fs::read_dir(house.home("etc")).unwrap().count(), 1);
    fs::remove_file(&in_the_way).unwrap();

    let restored = restore(&house.wish(&made, master.clone())).unwrap();
    let aside = house.home("etc/master.key.before-restore");
    assert!(restored.moved.contains(&aside), "{restored:?}");
    let keys = [&named, &aside].map(|it| MasterKey::read(it).unwrap());
    assert_eq!(keys, [master, other]);
    house.open();
    assert_eq!(house.outbox().status().waiting, 1);
}

#[tokio::test]
async fn a_configuration_that_finds_another_key_is_refused_before_anything_is_written() {
    let mut house = House::new();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    house.burn();
    let text = house.text().replace("\n[forward]", "\nkey = \"env:NO_SUCH_KEY\"\n[forward]");
    fs::write(house.file(), text).unwrap();
    let wish = Wish { keep_config: true, ..house.wish(&made, master.clone()) };
    let refused = restore(&wish).unwrap_err();
    assert!(refused.to_string().contains("NO_SUCH_KEY"), "{refused}");
    let text = house.text();
    let config = Config::parse("agent.toml", &text).unwrap();
    let refused = placed::prove_key(&config, &text, &master).unwrap_err();
    assert_eq!(refused.code(), "B113", "none is there: {refused}");
    MasterKey::make(&house.home("old/store.key")).unwrap();
    let refused = placed::prove_key(&config, &text, &master).unwrap_err();
    assert!(refused.to_string().contains(&master.fingerprint().to_string()), "{refused}");
}

/// A drill is to leave no door key of the hospital's on the machine it is done on.
#[tokio::test]
async fn only_secrets_that_the_configuration_in_force_names_are_written() {
    let mut house = House::new();
    let secrets = ["theirs", "ours"].map(|it| house.home("secrets").join(it));
    fs::create_dir_all(house.home("secrets")).unwrap();
    let relay = |all: &[&Path]| {
        let headers: Vec<String> = all
            .iter()
            .zip(["k", "l"])
            .map(|(it, name)| format!("{name} = \"file:{}\"", it.display()))
            .collect();
        format!(
            "{}[[caller]]\nname = \"a\"\naddresses = [\"10.0.0.9\"]\n[relay]\nurl = \"http://a\"\n\
             headers = {{ {} }}\n",
            house.text(),
            headers.join(", ")
        )
    };
    let (both, one) = (relay(&[&secrets[0], &secrets[1]]), relay(&[&secrets[1]]));
    for it in &secrets {
        fs::write(it, "secret").unwrap();
    }
    fs::write(house.file(), both).unwrap();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    house.burn();
    for it in &secrets {
        fs::remove_file(it).unwrap();
    }
    fs::write(house.file(), one).unwrap();
    restore(&Wish { keep_config: true, ..house.wish(&made, master) }).unwrap();
    assert_eq!(secrets.map(|it| it.exists()), [false, true]);
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_begun() {
    let house = House::new();
    let text = house.text().replace("\n[forward]", "\nhigh_water = \"999TiB\"\n[forward]");
    fs::write(house.file(), text).unwrap();
    house.append(&["a"]).await;
    let told = house.create(None).unwrap_err();
    assert_eq!(told.code(), "B114", "{told}");
    assert!(told.to_string().contains("/backups"), "{told}");
    assert_eq!(fs::read_dir(house.home("backups")).unwrap().count(), 0);
    assert!(!house.home("old/outbox.backup").exists());
    let to = PathBuf::from(format!("/dev/shm/his-agent-{}", crate::clock::new_id()));
    let config = Config::load(&house.file()).unwrap();
    let order = Order { to: &to, key: None, by_hand: false };
    let told = create((&config, &house.file()), house.outbox(), order).unwrap_err();
    fs::remove_dir_all(&to).unwrap();
    assert!(told.to_string().contains("/outbox"), "its own disk is short: {told}");
}

#[tokio::test]
async fn one_is_read_where_its_own_folder_takes_no_writes() {
    let house = House::new();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    let scratch = house.home("kept");
    let told = verify(&made.dir, Some(&master), Some(&scratch)).unwrap();
    assert_eq!(told.id, made.id);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "it is gone afterwards");
    // What somebody reads while the next one is made is let, and what a crash left goes after a day.
    let to = house.home("backups");
    let [now, before] = ["now", "before"].map(|it| to.join(format!(".verify.{it}.reading")));
    for it in [&now, &before] {
        fs::create_dir(it).unwrap();
    }
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(25);
    fs::File::open(&before).unwrap().set_modified(long_ago).unwrap();
    house.create(None).unwrap();
    assert!(now.exists() && !before.exists());
}

#[tokio::test]
async fn what_is_half_made_counts_as_nothing_and_goes() {
    let house = House::new();
    house.append(&["a"]).await;
    let to = house.home("backups");
    let half = format!(".20261122T010000.{}.part", house.outbox().epoch());
    fs::create_dir_all(to.join(half)).unwrap();
    fs::create_dir_all(house.home("old").join("outbox.backup")).unwrap();
    assert!(list(&to).is_empty());
    assert_eq!(verify(&to, None, None).unwrap_err().code(), "B101");
    let made = house.create(None).unwrap();
    let names = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&to), [made.id.as_str()]);
    assert!(!house.home("old").join("outbox.backup").exists());
    assert_eq!(list(&to)[0].1.counts, made.counts);
}

#[tokio::test]
async fn every_day_one_is_made_and_the_oldest_go() {
    let house = House::new();
    let to = house.home("backups");
    let text =
        format!("{}[backup]\nat = \"02:00\"\nkeep = 2\nto = \"{}\"\n", house.text(), to.display());
    fs::write(house.file(), text).unwrap();
    house.append(&["a"]).await;
    let (road, life) = house.road();
    let at = road.config.backup.at.unwrap();
    assert_eq!(keeper::daily(&road).unwrap_err().code(), "B101", "no daemon runs it");
    let alerts = || -> Vec<_> {
        road.backups.alerts(&road.config.backup).into_iter().map(|it| it.0).collect()
    };
    assert_eq!(alerts(), ["B110"]);
    road.versions.serve(life);
    assert!(keeper::is_due(&road, at));
    for _ in 0..3 {
        keeper::daily(&road).unwrap();
    }
    assert!(!keeper::is_due(&road, at) && alerts().is_empty());
    let ids: Vec<String> = list(&to).into_iter().map(|(_, it)| it.id).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids[0] > ids[1]);
    // What somebody asked for is not counted, and stays.
    let by_hand = house.create(None).unwrap();
    keeper::daily(&road).unwrap();
    assert!(by_hand.dir.exists() && list(&to).len() == 3);
    fs::remove_dir_all(&by_hand.dir).unwrap();
    let ids: Vec<String> = list(&to).into_iter().map(|(_, it)| it.id).collect();
    // One of which a file is gone, or cut off, is none.
    for (dir, _) in list(&to) {
        let file = dir.join(sealed_name(0));
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[1..]).unwrap();
        assert_eq!(keeper::is_due(&road, at), dir.ends_with(&ids[1]));
        fs::write(dir.join(".kept"), bytes).unwrap();
    }
    for (dir, _) in list(&to) {
        fs::rename(dir.join(".kept"), dir.join(sealed_name(0))).unwrap();
    }
    // A turn that ends by a panic is a failure, whatever was made before.
    let turn = Backups::turn(Arc::clone(&road)).unwrap();
    let id = turn.id.clone();
    assert_eq!(road.backups.told()["turn"], id.as_str());
    assert!(Backups::turn(Arc::clone(&road)).is_err());
    drop(turn);
    let told = road.backups.told();
    assert_eq!((&told["last"], &told["failed"]["code"]), (&id.as_str().into(), &"B107".into()));
    assert!(told["turn"].is_null() && alerts() == ["B110"]);
    keeper::daily(&road).unwrap();
    let ids: Vec<String> = list(&to).into_iter().map(|(_, it)| it.id).collect();
    // A clock that ran ahead once named one after a day to come: it keeps nobody from making more, and
    // is no reason to let the one of today go.
    let (newest, ahead) = (to.join(&ids[0]), "20991231T020000");
    let rename = |dir: &Path, id: &str| {
        let text = fs::read_to_string(dir.join("manifest.json")).unwrap();
        let old = Manifest::read(dir).unwrap().id;
        let named = text.replace(&format!("\"id\": \"{old}\""), &format!("\"id\": \"{id}\""));
        fs::write(dir.join("manifest.json"), named).unwrap();
        fs::rename(dir, to.join(id)).unwrap();
    };
    rename(&newest, ahead);
    fs::remove_dir_all(to.join(&ids[1])).unwrap();
    assert!(keeper::is_due(&road, at));
    keeper::daily(&road).unwrap();
    keeper::daily(&road).unwrap();
    let left: Vec<String> = list(&to).into_iter().map(|(_, it)| it.id).collect();
    assert!(left.len() == 2 && left[0] == ahead && !keeper::is_due(&road, at), "{left:?}");
    // One of three days ago alone is told of.
    fs::remove_dir_all(to.join(ahead)).unwrap();
    rename(&to.join(&left[1]), "20200101T020000");
    assert!(keeper::is_due(&road, at));
    assert_eq!(alerts(), ["B111"]);
}

#[tokio::test]
async fn the_oldest_gives_its_room_to_the_next_but_never_the_only_one() {
    let house = House::new();
    let to = house.home("backups");
    fs::create_dir(&to).unwrap();
    let _disk = Disk::of("96m", &to);
    let text =
        format!("{}[backup]\nat = \"02:00\"\nkeep = 2\nto = \"{}\"\n", house.text(), to.display());
    fs::write(house.file(), text).unwrap();
    house.append(&["a"]).await;
    let (road, life) = house.road();
    road.versions.serve(life);
    let filler = to.join(".filler");
    let fill = |bytes: usize| fs::write(&filler, vec![7; bytes]).unwrap();
    let ids = || list(&to).into_iter().map(|(_, it)| it.id).collect::<Vec<_>>();
    let missing = || match keeper::daily(&road).unwrap_err() {
        BackupError::NoRoom { missing, .. } => usize::try_from(missing).unwrap(),
        other => panic!("{other}"),
    };
    keeper::daily(&road).unwrap();
    // What is free is less than a backup wants beside itself, however small the store is.
    let nearly_all = 80 << 20;
    fill(nearly_all);
    // One, whose room would do: it is the only one.
    fill(nearly_all - missing() + 4_096);
    assert_eq!((missing() <= 8_192, ids().len()), (true, 1));
    fill(0);
    keeper::daily(&road).unwrap();
    let before = ids();
    fill(nearly_all);
    let missing = missing();
    assert_eq!(ids(), before, "its room would not do");
    fill(nearly_all - missing + 4_096);
    // Backups are named by the second, and a name that is free again is taken again.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    keeper::daily(&road).unwrap();
    assert!(ids().len() == 2 && !ids().contains(&before[1]), "{:?} {before:?}", ids());
}

#[tokio::test]
async fn what_the_disk_has_changed_is_found_by_reading_back() {
    let house = House::new();
    // Long enough to be caught at it.
    fs::write(house.home("old").join("quality/long.json"), vec![7; 16 << 20]).unwrap();
    house.append(&["a"]).await;
    let to = house.home("backups");
    let harm = std::thread::spawn({
        let to = to.clone();
        move || {
            let first = || {
                let part = fs::read_dir(&to).ok()?.flatten().next()?.path();
                part.join(sealed_name(1)).exists().then(|| part.join(sealed_name(0)))
            };
            let file = loop {
                if let Some(file) = first() {
                    break file;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            };
            let mut bytes = fs::read(&file).unwrap();
            bytes[0] ^= 1;
            fs::write(file, bytes).unwrap();
        }
    });
    let told = house.create(None).unwrap_err();
    harm.join().unwrap();
    assert_eq!(told.code(), "B102", "{told}");
    assert!(told.to_string().contains(&sealed_name(0)), "{told}");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0, "it counts as nothing");
}

#[tokio::test]
async fn what_another_agent_makes_in_the_same_folder_is_left_alone() {
    let house = House::new();
    house.append(&["a"]).await;
    let other = house.home("backups").join(".20261122T010000.another.part");
    fs::create_dir_all(&other).unwrap();
    house.create(None).unwrap();
    assert!(other.exists());
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_begun_again_and_covers_nothing() {
    let mut house = House::new();
    house.append(&["a"]).await;
    let (made, master) = (house.create(None).unwrap(), house.master());
    house.burn();
    let home = house.home("old");
    let in_the_way = home.join("quality");
    fs::write(&in_the_way, "").unwrap();
    let refused = restore(&house.wish(&made, master.clone())).unwrap_err();
    assert_eq!(refused.code(), "B105", "{refused}");
    fs::remove_file(&in_the_way).unwrap();
    restore(&house.wish(&made, master.clone())).unwrap();

    // As a kill before the store got its name has left it.
    let mark = |house: &House| fs::write(home.join(".restoring"), mark(house, &made)).unwrap();
    mark(&house);
    fs::rename(home.join("outbox"), home.join("outbox.restoring")).unwrap();
    let told = refuse_unfinished(&home.join("outbox")).unwrap_err();
    assert_eq!(told.code(), "B112");
    restore(&house.wish(&made, master.clone())).unwrap();
    assert!(!home.join(".restoring").exists() && refuse_unfinished(&home.join("outbox")).is_ok());

    // A store that came to be meanwhile is data, whatever was begun.
    mark(&house);
    assert_eq!(restore(&house.wish(&made, master)).unwrap_err().code(), "B105");
    assert!(refuse_unfinished(&home.join("outbox")).is_ok());
    house.open();
    assert_eq!(house.outbox().status().waiting, 1);
}

/// What a restore says before it writes.
fn mark(house: &House, made: &Made) -> String {
    let config = Config::load(&house.file()).unwrap();
    let text = fs::read_to_string(house.file()).unwrap();
    let all = places::places(&config, &house.file(), &text);
    let data = all.iter().filter(|it| it.kind == places::Kind::Data);
    let paths = data.map(|it| it.path.display().to_string());
    std::iter::once(made.id.clone()).chain(paths).collect::<Vec<_>>().join("\n")
}

/// Flips a byte in the middle of a file, and puts it right again.
fn harmed(file: &Path, check: impl FnOnce(&Path)) {
    let bytes = fs::read(file).unwrap();
    let mut other = bytes.clone();
    let at = other.len() / 2;
    other[at] ^= 1;
    fs::write(file, other).unwrap();
    check(file.parent().unwrap());
    fs::write(file, bytes).unwrap();
}

struct House {
    folder: tempfile::TempDir,
    opened: Option<(Outbox, WriterHandle)>,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House { folder, opened: None };
        let home = house.home("old");
        fs::create_dir_all(home.join("quality")).unwrap();
        fs::create_dir_all(house.home("kept")).unwrap();
        fs::write(home.join("quality/2026-11-22.json"), "{}").unwrap();
        fs::write(home.join("signing.key"), "secret").unwrap();
        fs::write(house.file(), house.text()).unwrap();
        house.open();
        house
    }

    fn open(&mut self) {
        let config = Config::load(&self.file()).unwrap();
        let options = Options { key: config.outbox.key.clone(), ..Options::default() };
        self.opened = Some(Outbox::open(&config.outbox.dir, &options).unwrap());
    }

    fn road(&self) -> (Arc<Road>, Life) {
        let Begun { config, life, .. } = begin(&self.file()).unwrap();
        let sets = Sets::load(&config).unwrap();
        let forward = Arc::new(ForwardState::default());
        (Arc::new(Road::new(config, sets, self.outbox().clone(), forward)), life)
    }

    fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.home("old").join("agent.toml")
    }

    fn text(&self) -> String {
        let home = self.home("old").display().to_string();
        format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{home}/outbox\"\n\
             [forward]\nkind = \"files\"\ndir = \"{home}/records\"\n"
        )
    }

    fn outbox(&self) -> &Outbox {
        &self.opened.as_ref().unwrap().0
    }

    fn create(&self, key: Option<&MasterKey>) -> Result<Made, BackupError> {
        let config = Config::load(&self.file()).unwrap();
        let to = self.home("backups");
        let order = Order { to: &to, key, by_hand: true };
        create((&config, &self.file()), self.outbox(), order)
    }

    fn master(&self) -> MasterKey {
        MasterKey::read(&self.home("old").join("store.key")).unwrap()
    }

    async fn append(&self, keys: &[&str]) {
        for key in keys {
            let tail = format!("\"entity\":\"rx\",\"elements\":{{\"k\":\"{key}姓名\"}}");
            let (entity, key) = ("rx".to_owned(), (*key).to_owned());
            let digest = [key.as_bytes()[0]; 32];
            let submission = Submission {
                channel: "c".into(),
                message_id: crate::clock::new_id(),
                received_at: crate::pipeline::stamp(crate::clock::now()),
                org: "H1".into(),
                schema: "s".into(),
                drafts: vec![Draft::new(entity, key.clone(), key, digest, tail)],
                original: Original::default(),
            };
            self.outbox().append(submission).await.unwrap();
        }
    }

    /// What waited when the backup was made.
    fn waiting_before(&self, made: &Made) -> Vec<Envelope> {
        let all = self.outbox().accepted_from(2, 9).unwrap().envelopes;
        all.into_iter().filter(|it| it.seq < made.counts.next_seq).collect()
    }

    /// A machine with the same folders and nothing in them.
    fn burn(&mut self) {
        self.opened = None;
        fs::remove_dir_all(self.home("old")).unwrap();
        fs::create_dir_all(self.home("old")).unwrap();
    }

    fn wish(&self, made: &Made, key: MasterKey) -> Wish {
        self.wish_of(&made.dir, key)
    }

    fn wish_of(&self, backup: &Path, key: MasterKey) -> Wish {
        let (backup, config) = (backup.to_owned(), self.file());
        Wish { backup, key, config, keep_config: false, after_seq: None }
    }
}
