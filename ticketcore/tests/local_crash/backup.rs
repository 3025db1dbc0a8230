//! Copies of a store that goes on being written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use ticketcore::EventId;
use ticketcore::store::local::{LocalError, LocalOptions, LocalStore, Retention};
use ticketcore::store::{SideId, Store, StreamId};
use ticketcore::testkit::{Left, MemoryDisk, Rng, Trouble};

use crate::threads::append_until;
use crate::workload::{Known, STREAMS, goes_on, options};

/// Facts of a journal that were acknowledged when a copy was begun must be in it, and it must be whole.
#[test]
fn a_copy_of_a_store_that_is_written_holds_all_that_was_acknowledged_before() {
    for retention in [Retention::All, Retention::Facts(30)] {
        let threaded = LocalOptions { manual: false, retention, ..options() };
        let store = LocalStore::open_in(Arc::new(MemoryDisk::new()), threaded).unwrap();
        let (store, ended) = (&store, &AtomicBool::new(false));
        let told = &Mutex::new(Known::default());
        let saved = &AtomicU64::new(0);
        std::thread::scope(|scope| {
            for number in 0..2u64 {
                scope.spawn(move || {
                    let (mut known, mut rng) = (Known::default(), Rng::new(number));
                    let stream = StreamId::Event(EventId(number));
                    let mut count = 0;
                    append_until(store, stream, &mut known, &mut rng, |known| {
                        count += 1;
                        if count % 15 == 0 {
                            known.save_snapshot(store, stream);
                        }
                        if number == 0 {
                            let side = store.side_records().unwrap();
                            side.save(SideId(count), &count.to_le_bytes()).unwrap();
                            saved.store(u64::try_from(count).unwrap(), Ordering::SeqCst);
                        }
                        let mut told = told.lock();
                        told.0.extend(known.0.iter().map(|(stream, journal)| (*stream, journal.clone())));
                        ended.load(Ordering::Relaxed)
                    });
                });
            }
            for round in 0..25 {
                std::thread::sleep(std::time::Duration::from_millis(5 + round));
                let (before, side) = (told.lock().clone(), saved.load(Ordering::SeqCst));
                let copy = MemoryDisk::new();
                store.copy_in(&copy).unwrap();
                // Nothing of it is in memory only.
                let copy = copy.after_power_cut(Left::Nothing);
                let copied = LocalStore::read_only_in(Arc::new(copy.clone())).unwrap();
                let found = copied.verify().found;
                ended.store(!found.is_empty(), Ordering::Relaxed);
                assert!(found.is_empty(), "round {round}: {found:?}");
                for id in 1..=u128::from(side) {
                    let record = copied.side_records().unwrap().load(SideId(id)).unwrap();
                    assert_eq!(record, Some(id.to_le_bytes().to_vec()), "round {round}");
                }
                holds(&copied, &before, &told.lock());
                drop(copied);
                let open = LocalStore::open_in(Arc::new(copy), options()).unwrap();
                assert!(open.verify().found.is_empty(), "round {round}");
            }
            ended.store(true, Ordering::Relaxed);
        });
        assert!(store.stats().segments_archived > 3 && store.trouble().is_none(), "{:?}", store.trouble());
    }
}

/// The copy holds at least what was told before, and nothing but a first part of what was told, or is being told, after.
fn holds(copied: &LocalStore, before: &Known, after: &Known) {
    for (stream, journal) in &before.0 {
        let covered = copied
            .load_snapshot(*stream)
            .expect("it can be read")
            .map(|snapshot| snapshot.revision)
            .unwrap_or_default();
        let (facts, _) = crate::workload::read(copied, *stream, covered).expect("it can be read");
        let skipped = usize::try_from(covered.0).expect("it can be read");
        assert!(skipped + facts.len() >= journal.facts.len(), "{stream:?}: {skipped} and {}", facts.len());
        let all = &after.0[stream].facts;
        let known = all.len().min(skipped + facts.len());
        if known > skipped {
            assert_eq!(facts[..known - skipped], all[skipped..known], "{stream:?}");
        }
    }
}

#[test]
fn a_copy_goes_to_an_empty_folder_only() {
    let store = LocalStore::open_in(Arc::new(MemoryDisk::new()), options()).unwrap();
    let target = MemoryDisk::new();
    store.copy_in(&target).unwrap();
    let again = store.copy_in(&target);
    assert!(matches!(&again, Err(LocalError::NotAStore { .. })), "{again:?}");
}

/// A copy that is cut off is no store, and does not look like one.
#[test]
fn a_copy_that_is_cut_off_at_any_call_is_no_store() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
    let (mut known, mut rng) = (Known::default(), Rng::new(1));
    for at in 0..40 {
        assert!(known.append(&store, STREAMS[at % 3], &mut rng));
        store.maintain().unwrap();
        known.save_snapshot(&store, STREAMS[0]);
    }
    for call in 0.. {
        let target = MemoryDisk::new();
        target.set_trouble(Some(Trouble::PowerCut(call)));
        let copied = store.copy_in(&target);
        let image = target.after_power_cut(Left::Nothing);
        if copied.is_ok() {
            assert!(call > 10);
            goes_on(&image, &known, options()).unwrap();
            return;
        }
        let opened = LocalStore::read_only_in(Arc::new(image));
        assert!(opened.is_err(), "call {call}");
    }
}
