//! Checks of snapshots, of truncation, and of streams beside each other.

use std::sync::Arc;

use super::harness::{Bench, EVENT, Line, Verdict, ensure, try_read};
use crate::id::{EventId, Revision};
use crate::store::{Appended, Batch, BatchId, ReadError, SIDE_BYTES_MAX, SideId, Snapshot, StreamId, Tail};

const ROOM: StreamId = StreamId::Room(EventId(1));
/// A store that truncates in the background has come to rest when it has begun at the same revision so often, a millisecond apart.
const LOOKS_ALIKE: u32 = 10;
const LOOKS_MAX: u32 = 5_000;

fn snapshot(revision: u64, tail: Tail, bytes: &[u8]) -> Snapshot {
    Snapshot { revision: Revision(revision), tail, bytes: Arc::from(bytes) }
}

/// The newest snapshot is kept, whatever the order they are saved in, each stream its own.
pub(super) fn snapshots_move_forward(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let mut kept: Vec<Snapshot> = Vec::new();
    for n in 0..4_u8 {
        writer.append(&["some", "facts"])?;
        kept.push(snapshot(writer.last.0, writer.tail, &vec![n; usize::from(n) * 70_000]));
    }
    let mut newest: Option<&Snapshot> = None;
    for at in [1, 0, 2, 1, 3, 0, 2] {
        let offered = &kept[at];
        let saved = bench.store.save_snapshot(EVENT, offered.clone());
        ensure!(saved.is_ok(), "saving a snapshot was answered {saved:?}");
        if newest.is_none_or(|newest| offered.revision > newest.revision) {
            newest = Some(offered);
        }
        let loaded = bench.store.load_snapshot(EVENT).map_err(|failure| failure.to_string())?;
        let (found, wanted) = (loaded.as_ref().map(|l| l.revision), newest.map(|n| n.revision));
        ensure!(found == wanted, "the snapshot kept is of {found:?}, wanted {wanted:?}");
        ensure!(loaded.as_ref() == newest, "the snapshot came back changed");
    }
    let other = bench.store.load_snapshot(ROOM);
    ensure!(other == Ok(None), "a snapshot of {EVENT:?} was answered for {ROOM:?}");
    Ok(())
}

/// Streams of all kinds, also of the same event, know nothing of each other.
pub(super) fn streams_are_independent(bench: &Bench) -> Verdict {
    let ids =
        [StreamId::System, EVENT, ROOM, StreamId::Event(EventId(2)), StreamId::Event(EventId(u64::MAX))];
    let mut writers = ids.map(|stream| bench.writer(stream, 1));
    let mut all = [const { Vec::new() }; 5];
    for round in 0..10_usize {
        for (at, writer) in writers.iter_mut().enumerate() {
            let body = format!("stream {at} round {round}");
            all[at].extend(writer.append(&vec![body; 1 + (round + at) % 3])?);
        }
    }
    for (writer, all) in writers.iter().zip(&all) {
        bench.expect(writer.stream, Revision::ZERO, all, writer.tail)?;
    }
    Ok(())
}

/// Listed are exactly the streams with a record, ascending.
pub(super) fn streams_are_listed(bench: &Bench) -> Verdict {
    let mut wanted = Vec::new();
    for n in [5, 1, u64::MAX, 3, 256, 65_536] {
        for stream in [StreamId::Room(EventId(n)), StreamId::Event(EventId(n))] {
            let mut writer = bench.writer(stream, 1);
            writer.append(&["a fact"])?;
            wanted.push(stream);
        }
    }
    let mut loser = bench.writer(StreamId::Event(EventId(78)), 1);
    let late = Batch { expected: Tail { seq: 1, id: BatchId(1) }, ..loser.batch(&["late"]) };
    let outcome = loser.submit(&late)?;
    ensure!(
        outcome == Appended::Conflict { tail: Tail::default() },
        "a late append was answered {outcome:?}"
    );
    bench.read(StreamId::Event(EventId(79)), Revision::ZERO)?;
    wanted.sort_unstable();
    let listed = bench.store.streams().map_err(|failure| failure.to_string())?;
    ensure!(listed == wanted, "listed are {listed:?}, wanted {wanted:?}");
    Ok(())
}

/// Facts may go once a snapshot covers them, never others; reading says where the journal begins, and the rest stays.
pub(super) fn truncation(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let mut all = Vec::new();
    for round in 0..4_u8 {
        for _ in 0..100 {
            all.extend(writer.append(&vec![vec![round; 1_000]; 10])?);
        }
        let covered = writer.last;
        let saved = bench.store.save_snapshot(EVENT, snapshot(covered.0, writer.tail, &[round]));
        ensure!(saved.is_ok(), "saving a snapshot was answered {saved:?}");
        for _ in 0..10 {
            all.extend(writer.append(&["later"])?);
        }
        bench.expect(EVENT, covered, &all, writer.tail)?;
        let Some(oldest) = settled_oldest(bench, &all)? else { continue };
        ensure!(oldest.0 > 1, "a journal that begins at {oldest} is not truncated");
        ensure!(oldest <= covered.next(), "facts from {covered} on, before {oldest}, are gone uncovered");
        bench.expect(EVENT, Revision(oldest.0 - 1), &all, writer.tail)?;
        let before = try_read(&*bench.store, EVENT, Revision(oldest.0 - 2)).map(|seen| seen.lines.len());
        let right = matches!(before, Err(ReadError::Truncated { oldest: now }) if now >= oldest && now <= covered.next());
        ensure!(right, "reading just before {oldest} was answered {before:?}");
        let loaded = bench.store.load_snapshot(EVENT);
        let revision = loaded.map(|loaded| loaded.map(|snapshot| snapshot.revision));
        ensure!(revision == Ok(Some(covered)), "the snapshot that covers them is {revision:?}");
    }
    Ok(())
}

/// Where a journal begins, once a store that truncates in the background has come to rest. `None` if it was never truncated.
fn settled_oldest(bench: &Bench, all: &[Line]) -> Result<Option<Revision>, String> {
    let (mut oldest, mut same) = (None, 0);
    for _ in 0..LOOKS_MAX {
        let seen = match try_read(&*bench.store, EVENT, Revision::ZERO) {
            Ok(seen) => {
                ensure!(seen.lines == all, "a journal not truncated is not whole");
                None
            }
            Err(ReadError::Truncated { oldest }) => Some(oldest),
            Err(error) => return Err(error.to_string()),
        };
        ensure!(seen >= oldest, "a journal that began at {oldest:?} begins at {seen:?}");
        same = if seen == oldest { same + 1 } else { 0 };
        oldest = seen;
        if same == LOOKS_ALIKE {
            return Ok(oldest);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Err("the beginning of the journal never comes to rest".to_owned())
}

/// Side records, if the store keeps any: what was saved last is there, each by itself, and what was erased is not.
pub(super) fn side_records(bench: &Bench) -> Verdict {
    let Some(side) = bench.store.side_records() else { return Ok(()) };
    let expect = |id: u128, wanted: Option<&[u8]>| {
        let found = side.load(SideId(id)).map_err(|failure| failure.to_string())?;
        ensure!(found.as_deref() == wanted, "side record {id} is {found:?}, wanted {wanted:?}");
        Ok(())
    };
    let save = |id: u128, bytes: &[u8]| side.save(SideId(id), bytes).map_err(|failure| failure.to_string());
    let erase = |id: u128| side.erase(SideId(id)).map_err(|failure| failure.to_string());
    expect(1, None)?;
    erase(1)?;
    save(1, b"first")?;
    save(u128::MAX, b"")?;
    save(2, &[7; SIDE_BYTES_MAX])?;
    expect(1, Some(b"first"))?;
    expect(u128::MAX, Some(b""))?;
    expect(2, Some(&[7; SIDE_BYTES_MAX]))?;
    save(1, b"second, and longer")?;
    expect(1, Some(b"second, and longer"))?;
    erase(1)?;
    erase(1)?;
    expect(1, None)?;
    expect(2, Some(&[7; SIDE_BYTES_MAX]))?;
    save(1, b"third")?;
    expect(1, Some(b"third"))?;
    ensure!(
        side.save(SideId(3), &[0; SIDE_BYTES_MAX + 1]).is_err(),
        "a side record that is too large was kept"
    );
    expect(3, None)
}
