//! Every call of the system fails once; the disk is full.

use std::sync::Arc;

use ticketcore::Revision;
use ticketcore::store::local::LocalStore;
use ticketcore::store::{Appended, Snapshot, Store};
use ticketcore::testkit::{Left, MemoryDisk, Rng, Trouble};

use crate::workload::{Known, Life, STREAMS, goes_on, options, submit};

#[test]
fn an_error_of_any_call_loses_nothing_acknowledged() {
    let mut tried = 0;
    for seed in 0..6 {
        let life = Life::new(seed, 30);
        let whole = MemoryDisk::new();
        life.live(&whole).1.unwrap();
        let changes = (0..whole.calls()).map(Trouble::Error);
        let reads = (0..whole.reads()).map(Trouble::ReadError);
        for trouble in changes.chain(reads) {
            let disk = MemoryDisk::new();
            disk.set_trouble(Some(trouble));
            let (known, _) = life.live(&disk);
            for left in [Left::Nothing, Left::Everything] {
                tried += 1;
                goes_on(&disk.after_power_cut(left), &known, life.options)
                    .unwrap_or_else(|why| panic!("{life:?}, {trouble:?}, {left:?}: {why}"));
            }
        }
    }
    println!("{tried} images");
    assert!(tried > 1_000);
}

/// A failed sync says nothing of what is on the disk, and the next one may lie: nothing is taken after it, and nothing is denied.
#[test]
fn after_a_failed_sync_nobody_knows() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
    let mut known = Known::default();
    let mut rng = Rng::new(3);
    assert!(known.append(&store, STREAMS[0], &mut rng));
    disk.set_trouble(Some(Trouble::Error(1)));
    for _ in 0..3 {
        let (batch, _) = known.batch(STREAMS[0], &mut rng);
        let outcome = submit(&store, batch);
        assert!(matches!(outcome, Appended::Unknown(_)), "{outcome:?}");
    }
    assert!(store.trouble().unwrap().contains("sync"), "{:?}", store.trouble());
    assert_eq!(store.streams(), Ok(vec![STREAMS[0]]), "reading goes on");
    drop(store);
    goes_on(&disk.after_power_cut(Left::Nothing), &known, options()).unwrap();
}

/// A full disk refuses, and goes on where it was once there is room.
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    for extra in (0..40_000).step_by(1_000) {
        let disk = MemoryDisk::new();
        let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        let used: u64 = disk.contents().values().map(|bytes| bytes.len() as u64).sum();
        disk.set_trouble(Some(Trouble::Full(used + extra)));
        let mut known = Known::default();
        let mut rng = Rng::new(extra);
        let refused = (0..1_000).find_map(|_| {
            let _full = store.maintain();
            let stream = *rng.pick(&STREAMS);
            let (batch, facts) = known.batch(stream, &mut rng);
            match submit(&store, batch.clone()) {
                Appended::Yes => {
                    let journal = known.0.entry(stream).or_default();
                    (journal.tail, journal.unknown) = (batch.tail(), Vec::new());
                    journal.facts.extend(facts);
                    None
                }
                outcome => Some((outcome, batch, facts)),
            }
        });
        let (outcome, batch, facts) = refused.expect("the disk is full at last");
        assert!(matches!(outcome, Appended::Failed(_)), "{extra}: {outcome:?}");
        disk.set_trouble(None);
        assert_eq!(submit(&store, batch.clone()), Appended::Yes, "{extra}: the same batch again");
        let journal = known.0.entry(batch.stream).or_default();
        journal.facts.extend(facts);
        journal.tail = batch.tail();
        store.maintain().unwrap();
        known.check(&store).unwrap();
        drop(store);
        goes_on(&disk, &known, options()).unwrap();
    }
}

/// A snapshot's file may be there while its name is not on the disk. Handing it in again must not be answered by looking at the file.
#[test]
fn a_snapshot_whose_name_was_not_synced_is_not_said_to_be_saved() {
    for call in 0..6 {
        let disk = MemoryDisk::new();
        let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        let mut known = Known::default();
        assert!(known.append(&store, STREAMS[0], &mut Rng::new(1)));
        let journal = &known.0[&STREAMS[0]];
        let revision = Revision(journal.facts.len() as u64);
        let snapshot = Snapshot { revision, tail: journal.tail, bytes: vec![1; 700].into() };
        disk.set_trouble(Some(Trouble::Error(call)));
        let first = store.save_snapshot(STREAMS[0], snapshot.clone());
        let again = store.save_snapshot(STREAMS[0], snapshot);
        assert!(first.is_ok() || call < 5, "{first:?}");
        drop(store);
        let image = disk.after_power_cut(Left::Nothing);
        let store = LocalStore::open_in(Arc::new(image), options()).unwrap();
        let loaded = store.load_snapshot(STREAMS[0]).unwrap().map(|snapshot| snapshot.revision);
        assert!(loaded == Some(revision) || again.is_err(), "call {call}: {first:?}, {again:?}, {loaded:?}");
    }
}

/// After an error nobody knows which manifest is on the disk. What either of them names must not be written over.
#[test]
fn archives_that_a_manifest_may_name_are_not_written_over() {
    let mut tried = 0;
    let full = || {
        let disk = MemoryDisk::new();
        let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        let (mut known, mut rng) = (Known::default(), Rng::new(7));
        for at in 0..12 {
            assert!(known.append(&store, STREAMS[at % STREAMS.len()], &mut rng));
        }
        (disk, store, known)
    };
    for error in 0.. {
        let mut cut = 0;
        loop {
            let (disk, store, known) = full();
            disk.set_trouble(Some(Trouble::Error(error)));
            if store.maintain().is_ok() && disk.calls() <= error {
                assert!(tried > 500, "{tried}");
                return;
            }
            disk.set_trouble(Some(Trouble::PowerCut(cut)));
            let _cut_off = store.maintain();
            if !disk.is_dead() {
                break;
            }
            for left in [Left::Nothing, Left::Everything, Left::Random(cut), Left::Random(cut + 100)] {
                tried += 1;
                goes_on(&disk.after_power_cut(left), &known, options())
                    .unwrap_or_else(|why| panic!("error {error}, power cut {cut}, {left:?}: {why}"));
            }
            cut += 1;
        }
    }
}
