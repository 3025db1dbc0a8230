//! The real threads of a store, and several that append, over a disk whose calls fail, or whose power does, at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{Appended, Batch, Completion, CompletionSink, Store, StreamId};
use ticketcore::testkit::{Left, MemoryDisk, Rng, Trouble};
use ticketcore::{EventId, Revision};

use crate::hooked::{Call, Hooked};
use crate::workload::{Known, goes_on, options};

const WRITERS: u64 = 3;
/// Longer than anything takes that is not stuck.
pub const STUCK: Duration = Duration::from_secs(20);

struct Channel(Mutex<Option<mpsc::Sender<Appended>>>);

impl CompletionSink for Channel {
    fn complete(&self, _: Batch, outcome: Appended) {
        if let Some(send) = self.0.lock().take() {
            let _gone = send.send(outcome);
        }
    }
}

/// Hands a batch in to a store with threads.
pub fn hand_in(store: &LocalStore, batch: Batch) -> mpsc::Receiver<Appended> {
    let (send, receive) = mpsc::channel();
    store.submit(Completion::new(Arc::new(Channel(Mutex::new(Some(send)))), batch));
    receive
}

/// Appends to one journal until `stop`, or until the store fails, and notes what it was told.
pub fn append_until(
    store: &LocalStore,
    stream: StreamId,
    known: &mut Known,
    rng: &mut Rng,
    mut stop: impl FnMut(&mut Known) -> bool,
) {
    while !stop(known) {
        let (batch, facts) = known.batch(stream, rng);
        let tail = batch.tail();
        let outcome = hand_in(store, batch).recv_timeout(STUCK).expect("everybody is answered");
        let journal = known.0.entry(stream).or_default();
        match outcome {
            Appended::Yes => {
                journal.facts.extend(facts);
                journal.tail = tail;
            }
            Appended::Failed(_) => return,
            Appended::Unknown(_) => {
                journal.unknown = facts;
                return;
            }
            Appended::Conflict { tail } => panic!("the journal ends at {tail:?}"),
        }
    }
}

/// One life: writers and the keeper, until trouble or the end. What was acknowledged.
fn life(disk: &MemoryDisk, seed: u64) -> Known {
    let options = LocalOptions { manual: false, ..options() };
    let Ok(store) = LocalStore::open_in(Arc::new(disk.clone()), options) else { return Known::default() };
    let (store, ended) = (&store, &AtomicBool::new(false));
    let mut all = Known::default();
    std::thread::scope(|scope| {
        let writer = |number: u64| {
            move || {
                let (mut known, mut rng) = (Known::default(), Rng::new(seed * 10 + number));
                let stream = StreamId::Event(EventId(number + 1));
                let mut left = 60;
                append_until(store, stream, &mut known, &mut rng, |known| {
                    left -= 1;
                    if left % 20 == 0 {
                        known.save_snapshot(store, stream);
                    }
                    left == 0
                });
                known
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(writer(number))).collect();
        let reader = scope.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for stream in store.streams().unwrap_or_default() {
                    let _read =
                        store.read(stream, Revision::ZERO, &mut |_| std::ops::ControlFlow::Continue(()));
                }
                std::thread::yield_now();
            }
        });
        for writer in writers {
            all.0.extend(writer.join().expect("no writer panics").0);
        }
        ended.store(true, Ordering::Relaxed);
        reader.join().expect("no reader panics");
    });
    all
}

#[test]
fn threads_over_a_disk_that_fails_at_any_moment_lose_nothing_acknowledged() {
    let mut rng = Rng::new(1);
    let (mut facts, mut struck) = (0, 0);
    for seed in 0..60 {
        let disk = MemoryDisk::new();
        let trouble = match seed % 3 {
            0 => Trouble::Error(rng.below(500)),
            1 => Trouble::ReadError(rng.below(100)),
            _ => Trouble::PowerCut(rng.below(500)),
        };
        disk.set_trouble(Some(trouble));
        let known = life(&disk, seed);
        facts += known.0.values().map(|journal| journal.facts.len()).sum::<usize>();
        struck += u64::from(disk.is_dead() || disk.calls() > 500);
        for left in [Left::Nothing, Left::Everything, Left::Random(seed)] {
            goes_on(&disk.after_power_cut(left), &known, options())
                .unwrap_or_else(|why| panic!("seed {seed}, {trouble:?}, {left:?}: {why}"));
        }
    }
    assert!(facts > 1_000 && struck > 20, "{facts} facts, {struck} struck");
}

/// What the process may do to its files is taken away while it runs.
#[test]
fn permissions_that_are_lost_at_any_call_lose_nothing_acknowledged() {
    for (later, reads) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut call = 0;
        loop {
            let disk = MemoryDisk::new();
            let counted = Arc::new(Mutex::new(0u64));
            let count = Arc::clone(&counted);
            let files = Hooked::new(&disk, move |what: Call, _: &str| {
                if what.changes() == reads {
                    return Ok(());
                }
                let mut count = count.lock();
                *count += 1;
                let denied = if later { *count > call } else { *count == call + 1 };
                if denied { Err(std::io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
            });
            let mut known = Known::default();
            let mut told = None;
            match LocalStore::open_in(files, options()) {
                Err(error) => told = Some(error.to_string()),
                Ok(store) => {
                    let mut rng = Rng::new(call);
                    let stream = StreamId::Event(EventId(1));
                    for step in 0..25 {
                        // After one whose outcome nobody knows there is nothing more to say.
                        if !known.append(&store, stream, &mut rng) {
                            break;
                        }
                        told = told.or_else(|| store.maintain().err().map(|error| error.to_string()));
                        if step % 8 == 7 {
                            known.save_snapshot(&store, stream);
                        }
                    }
                    told = told.or_else(|| store.trouble());
                }
            }
            assert!(told.is_none_or(|told| told.contains("ermission denied")), "call {call} reads {reads}");
            goes_on(&disk.after_power_cut(Left::Nothing), &known, options())
                .unwrap_or_else(|why| panic!("call {call}, later {later}, reads {reads}: {why}"));
            if *counted.lock() <= call {
                break;
            }
            call += 1 + call / 12;
        }
        assert!(call > 10);
    }
}
