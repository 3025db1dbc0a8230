//! What the keeper does behind everybody's back: archives, retention, files kept ready. Each of these went wrong once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ticketcore::store::local::{Access, LocalOptions, LocalStore, Retention};
use ticketcore::store::{Appended, BatchId, Records, Store, StreamId};
use ticketcore::testkit::{MemoryDisk, Rng};
use ticketcore::{EventId, Revision, UtcMs};

use crate::hooked::{Call, Hooked};
use crate::threads::{STUCK, append_until, hand_in};
use crate::workload::{Known, STREAMS, goes_on, options, submit};

fn archives(disk: &MemoryDisk) -> usize {
    disk.contents().keys().filter(|name| name.starts_with("archive/")).count()
}

fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + STUCK;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Once all archives of a segment were in memory at the same time.
#[test]
fn archives_of_many_journals_are_made_one_after_the_other() {
    let disk = MemoryDisk::new();
    let (open, most, longest) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opened, at_once, len) = (Arc::clone(&open), Arc::clone(&most), Arc::clone(&longest));
    let files = Hooked::new(&disk, move |call: Call, name: &str| {
        if name.starts_with("archive/") {
            match call {
                Call::Open(Access::Create) => {
                    at_once.fetch_max(opened.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                }
                Call::Write(bytes) => _ = len.fetch_max(bytes, Ordering::SeqCst),
                Call::Sync => opened.store(0, Ordering::SeqCst),
                _ => {}
            }
        }
        Ok(())
    });
    let options = LocalOptions { segment_bytes: 8 << 20, ..options() };
    let store = LocalStore::open_in(files, options).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(1));
    let stream = |number: u64| StreamId::Event(EventId(number));
    for round in 0..4 {
        for number in 0..500 {
            assert!(known.append(&store, stream(number), &mut rng));
            if number == 7 {
                // One journal with more than a piece.
                for _ in 0..300 {
                    assert!(known.append(&store, stream(number), &mut rng));
                }
            }
        }
        assert!(round > 0 || store.stats().segments_archived == 0);
    }
    drop(store);
    let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
    store.maintain().unwrap();
    known.check(&store).unwrap();
    assert!(store.verify().found.is_empty());
    assert!(archives(&disk) >= 500);
    assert!(most.load(Ordering::SeqCst) <= 1, "{most:?} archives are made at once");
    assert!(longest.load(Ordering::SeqCst) < 1 << 20, "{longest:?} bytes are written at once");
}

/// Once every small archive was written again with each segment.
#[test]
fn a_long_journal_is_written_to_archives_a_few_times_at_most() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
    let (mut known, mut rng, mut facts) = (Known::default(), Rng::new(2), 0);
    while store.stats().segments_archived < 300 {
        assert!(known.append(&store, STREAMS[0], &mut rng));
        store.maintain().unwrap();
        facts = known.0[&STREAMS[0]].facts.len();
    }
    let kept: usize =
        disk.contents().iter().filter(|(name, _)| name.starts_with("archive/")).map(|f| f.1.len()).sum();
    let written = store.stats().archive_bytes;
    assert!(written < 8 * kept as u64, "{written} bytes were written for {kept}, {facts} facts");
    assert!(archives(&disk) <= 16, "{} archives", archives(&disk));
    known.check(&store).unwrap();
}

#[test]
fn writing_waits_for_archives_that_fall_behind_and_then_says_so() {
    let disk = MemoryDisk::new();
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let files = Hooked::new(&disk, move |call: Call, name: &str| {
        let archive = name.starts_with("archive/") && call == Call::Open(Access::Create);
        if archive && is_broken.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("no archives today"));
        }
        Ok(())
    });
    let options =
        LocalOptions { manual: false, unarchived_bytes_max: 64 << 10, unarchived_wait_ms: 100, ..options() };
    let store = LocalStore::open_in(files, options).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(3));
    let begun = Instant::now();
    append_until(&store, STREAMS[0], &mut known, &mut rng, |_| false);
    assert!(begun.elapsed() < STUCK);
    let (stats, trouble) = (store.stats(), store.trouble().unwrap());
    assert!(stats.segments_waiting <= 5 && stats.waits > 0, "{stats:?}");
    assert!(trouble.contains("no archives today"), "{trouble}");
    // The next ones are refused without a wait.
    let (batch, _) = known.batch(STREAMS[0], &mut rng);
    let refused = hand_in(&store, batch).recv_timeout(STUCK).unwrap();
    assert!(
        matches!(&refused, Appended::Failed(why) if why.reason.contains("wait to be archived")),
        "{refused:?}"
    );
    broken.store(false, Ordering::SeqCst);
    soon("the backlog is worked off", || store.stats().segments_waiting == 0 && store.trouble().is_none());
    let mut left = 50;
    append_until(&store, STREAMS[0], &mut known, &mut rng, |_| {
        left -= 1;
        left == 0
    });
    assert_eq!(left, 0, "appends go on: {:?}", store.trouble());
    known.check(&store).unwrap();
}

#[test]
fn a_panic_of_the_keeper_is_told() {
    let disk = MemoryDisk::new();
    let files = Hooked::new(&disk, move |call: Call, name: &str| {
        let archive = name.starts_with("archive/") && call == Call::Open(Access::Create);
        assert!(!archive, "a deliberate panic of the keeper");
        Ok(())
    });
    let bounded = LocalOptions {
        manual: false,
        unarchived_bytes_max: 64 << 10,
        unarchived_wait_ms: 60_000,
        ..options()
    };
    let store = LocalStore::open_in(files, bounded).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(4));
    append_until(&store, STREAMS[1], &mut known, &mut rng, |_| false);
    soon("the panic is told", || {
        store.trouble().is_some_and(|trouble| trouble.contains("keeper has panicked"))
    });
    drop(store);
    goes_on(&disk, &known, options()).unwrap();
}

/// Once what a journal may lose was only dropped after somebody had loaded its snapshot.
#[test]
fn retention_acts_on_journals_that_nobody_has_opened() {
    let disk = MemoryDisk::new();
    let (mut known, mut rng) = (Known::default(), Rng::new(5));
    {
        let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        for _ in 0..60 {
            assert!(known.append(&store, STREAMS[1], &mut rng));
            store.maintain().unwrap();
        }
        known.save_snapshot(&store, STREAMS[1]);
    }
    let before = archives(&disk);
    let options = LocalOptions { retention: Retention::Facts(5), ..options() };
    let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
    store.maintain().unwrap();
    assert!(archives(&disk) < before, "{before} archives, and still {}", archives(&disk));
    known.check(&store).unwrap();
}

#[test]
fn files_of_the_log_that_are_not_needed_are_given_back_after_opening() {
    let disk = MemoryDisk::new();
    let (mut known, mut rng) = (Known::default(), Rng::new(6));
    let large = LocalOptions { segment_bytes: 64 << 10, ..options() };
    for options in [large, options(), large] {
        let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
        for _ in 0..150 {
            assert!(known.append(&store, STREAMS[0], &mut rng));
        }
        store.maintain().unwrap();
    }
    let store = LocalStore::open_in(Arc::new(disk.clone()), large).unwrap();
    store.maintain().unwrap();
    let log: Vec<usize> = disk
        .contents()
        .iter()
        .filter(|(name, _)| name.starts_with("wal/"))
        .map(|file| file.1.len())
        .collect();
    assert!(log.iter().all(|len| *len == 64 << 10) && log.len() <= 10, "{log:?}");
    known.check(&store).unwrap();
}

#[test]
fn a_batch_that_is_too_large_is_refused_and_nothing_else_is_harmed() {
    let store = LocalStore::open_in(Arc::new(MemoryDisk::new()), options()).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(7));
    assert!(known.append(&store, STREAMS[0], &mut rng));
    let (mut batch, _) = known.batch(STREAMS[0], &mut rng);
    batch.records = Records::default();
    batch.records.push(UtcMs(1_000_000), &vec![1; (128 << 20) + 1]);
    batch.id = BatchId(77);
    let outcome = submit(&store, batch);
    assert!(
        matches!(&outcome, Appended::Failed(why) if why.reason.contains("at most are taken")),
        "{outcome:?}"
    );
    assert!(known.append(&store, STREAMS[0], &mut rng));
    known.check(&store).unwrap();
}

/// Once the whole archive was read to find one batch.
#[test]
fn an_old_batch_is_found_by_reading_one_block() {
    let disk = MemoryDisk::new();
    let options = LocalOptions { cache_bytes: 0, segment_bytes: 1 << 20, ..options() };
    let (mut known, mut rng) = (Known::default(), Rng::new(8));
    let mut early = None;
    {
        let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
        for at in 0..1_500 {
            let before = known.clone();
            let mut again = rng.clone();
            assert!(known.append(&store, STREAMS[0], &mut rng));
            if at == 1_300 {
                early = Some(before.batch(STREAMS[0], &mut again).0);
            }
        }
    }
    let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
    store.maintain().unwrap();
    disk.set_trouble(None);
    assert_eq!(submit(&store, early.unwrap()), Appended::Yes, "it is there");
    assert!(disk.reads() <= 12, "{} reads", disk.reads());
    assert_eq!(store.verify().found.len(), 0);
    let _from_the_end =
        store.read(STREAMS[0], Revision(u64::MAX), &mut |_| std::ops::ControlFlow::Continue(()));
}
