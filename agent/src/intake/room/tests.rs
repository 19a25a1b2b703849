//! Who gives way to whom.

use super::*;

const MIB: usize = 1 << 20;

#[test]
fn however_small_the_parts_the_whole_takes_its_room() {
    let room = Room::new(3 << 10);
    let mut held = room.enter(None, 0);
    for length in 1..=2_048 {
        assert_eq!(held.grow(length), Ok(()), "{length}");
    }
    assert_eq!(free(&room), 1);
    assert_eq!(held.grow(5_000), Err(Full));
    assert_eq!(free(&room), 3);
    assert_eq!(held.grow(3_100), Ok(()));
    drop(held);
    assert_eq!(free(&room), 3);
}

#[test]
fn who_trickles_makes_room_for_who_holds_less() {
    // Address and MiB of those inside, who comes, and who then goes.
    check(&[(2, 9), (2, 9)], (1, 1), &[0]);
    check(&[(2, 9), (2, 9)], (1, 10), &[0, 1]);
    check(&[(3, 8), (2, 6), (2, 6)], (1, 2), &[1]);
    // Of one address a long one goes for a short one, and nobody gains by sending more.
    check(&[(2, 9), (2, 9)], (2, 1), &[0]);
    check(&[(2, 1), (2, 17)], (2, 1), &[1]);
    check(&[(2, 9), (2, 9)], (2, 9), &[9]);
    check(&[(2, 9), (3, 9)], (1, 9), &[9]);
    // There is room for it.
    check(&[(2, 9), (2, 9)], (1, 0), &[]);
}

#[test]
fn what_is_announced_counts_from_the_beginning() {
    clock().block_on(async {
        let room = Room::new(2 * MIB);
        let mut first = room.enter(at(2), 0);
        assert_eq!(first.grow(2 * MIB), Ok(()));
        tokio::time::advance(SLOW + SLOW).await;
        for from in [1, 2] {
            assert_eq!(room.enter(at(from), 2 * MIB).grow(MIB), Err(Full));
        }
        assert_eq!(room.enter(at(1), MIB).grow(MIB), Ok(()));
    });
}

#[test]
fn who_has_just_begun_stays() {
    clock().block_on(async {
        let room = Room::new(2 * MIB);
        let mut first = room.enter(at(2), 0);
        assert_eq!(first.grow(2 * MIB), Ok(()));
        let mut second = room.enter(at(1), 0);
        assert_eq!(second.grow(MIB), Err(Full));
        tokio::time::advance(SLOW + SLOW).await;
        assert_eq!(second.grow(MIB), Ok(()));
        assert_eq!(first.grow(3 * MIB), Err(Full));
        first.lost().await;
        // What it had is given back once.
        drop(first);
        assert_eq!(free(&room), 1 << 10);
        drop(second);
        assert_eq!(free(&room), 2 << 10);
    });
}

#[test]
fn who_lost_its_room_may_begin_anew() {
    clock().block_on(async {
        let room = Room::new(MIB);
        let mut line = room.enter(at(2), 0);
        assert_eq!(line.grow(MIB), Ok(()));
        tokio::time::advance(SLOW + SLOW).await;
        let mut other = room.enter(at(1), 0);
        assert_eq!(other.grow(MIB / 2), Ok(()));
        line.let_go();
        assert_eq!(line.grow(MIB / 2), Ok(()));
        assert_eq!(free(&room), 0);
    });
}

/// `goes` is `[9]` where nobody goes, and who comes is refused.
#[track_caller]
fn check(inside: &[(u8, usize)], (comes, mib): (u8, usize), goes: &[usize]) {
    clock().block_on(async {
        let all: usize = inside.iter().map(|it| it.1).sum();
        let room = Room::new(all * MIB);
        let mut parts = Vec::new();
        for (from, mib) in inside {
            let mut held = room.enter(at(*from), 0);
            assert_eq!(held.grow(mib * MIB), Ok(()));
            parts.push(held);
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        tokio::time::advance(SLOW + SLOW).await;
        let mut last = room.enter(at(comes), 0);
        let grown = last.grow(mib * MIB);
        let gone: Vec<usize> =
            (0..).zip(&parts).filter(|(_, it)| it.cut.is_cancelled()).map(|(n, _)| n).collect();
        match grown {
            Ok(()) => assert_eq!(gone, goes, "{inside:?}"),
            Err(Full) => assert_eq!((gone.as_slice(), goes), (&[][..], &[9][..]), "{inside:?}"),
        }
    });
}

fn clock() -> tokio::runtime::Runtime {
    let mut clock = tokio::runtime::Builder::new_current_thread();
    clock.enable_time().start_paused(true).build().unwrap_or_else(|it| panic!("{it}"))
}

#[allow(clippy::unnecessary_wraps, reason = "whoever came by a socket file has no address")]
fn at(last: u8) -> Option<IpAddr> {
    Some([10, 0, 0, last].into())
}

fn free(room: &Room) -> usize {
    room.locked().free_kib
}
