use super::*;
use crate::id::EventId;
use crate::store::{MemoryStore, Records};
use crate::time::UtcMs;

const STREAM: StreamId = StreamId::Event(EventId(1));

#[derive(Default)]
struct Answers(Mutex<Vec<(u128, Appended)>>);

impl CompletionSink for Answers {
    fn complete(&self, batch: Batch, outcome: Appended) {
        self.0.lock().push((batch.id.0, outcome));
    }
}

impl Answers {
    fn take(&self) -> Vec<(u128, Appended)> {
        std::mem::take(&mut self.0.lock())
    }
}

fn batch(id: u128, expected: Tail) -> Batch {
    let mut records = Records::default();
    records.push(UtcMs(1), b"fact");
    let first_revision = Revision(expected.seq + 1);
    Batch { stream: STREAM, expected, id: BatchId(id), first_revision, records }
}

fn faulty(faults: &[Fault]) -> (FaultyStore<MemoryStore>, Arc<Answers>) {
    let store = FaultyStore::new(MemoryStore::shared(), 1);
    store.script(faults.iter().copied());
    (store, Arc::default())
}

fn submit(store: &impl Store, answers: &Arc<Answers>, batch: &Batch) {
    store.submit(Completion::new(Arc::clone(answers) as Arc<dyn CompletionSink>, batch.clone()));
}

fn length(store: &FaultyStore<MemoryStore>) -> u64 {
    store.inner().read(STREAM, Revision::ZERO, &mut |_| ControlFlow::Continue(())).unwrap().0.0
}

#[test]
fn each_fault_lands_and_answers_as_it_says() {
    let unknown = Appended::Unknown(injected());
    let dropped = Appended::Unknown(StoreFailure::new("the store dropped the batch without an answer"));
    let conflict = Appended::Conflict { tail: Tail::default() };
    let (now, held) = ((true, 0), (false, 1));
    for (fault, answer, (answered, pending), landed, landed_after_release) in [
        (Fault::Pass, Appended::Yes, now, 1, 1),
        (Fault::Fail, Appended::Failed(injected()), now, 0, 0),
        (Fault::UnknownLanded, unknown.clone(), now, 1, 1),
        (Fault::UnknownLost, unknown.clone(), now, 0, 0),
        (Fault::UnknownLate, unknown, (true, 1), 0, 1),
        (Fault::DelayBefore, Appended::Yes, held, 0, 1),
        (Fault::DelayAfter, Appended::Yes, held, 1, 1),
        (Fault::Conflict, conflict, now, 0, 0),
        (Fault::DropLanded, dropped.clone(), now, 1, 1),
        (Fault::DropLost, dropped, now, 0, 0),
    ] {
        let (store, answers) = faulty(&[fault]);
        submit(&store, &answers, &batch(7, Tail::default()));
        assert_eq!(answers.0.lock().len(), usize::from(answered), "{fault:?}");
        assert_eq!((store.pending(), length(&store)), (pending, landed), "{fault:?}");
        assert_eq!(store.release_all(), pending, "{fault:?}");
        assert_eq!(answers.take(), [(7, answer)], "{fault:?}");
        assert_eq!((store.pending(), length(&store)), (0, landed_after_release), "{fault:?}");
        assert_eq!(store.injected(fault), 1, "{fault:?}");
    }
}

#[test]
fn denials_that_would_be_lies_are_not_told() {
    for earlier in [Fault::UnknownLanded, Fault::UnknownLate] {
        let (store, answers) = faulty(&[earlier, Fault::Fail, Fault::Conflict]);
        for _ in 0..3 {
            submit(&store, &answers, &batch(7, Tail::default()));
        }
        let told: Vec<_> = answers.take().into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(told[1..], [Appended::Yes, Appended::Yes], "{earlier:?}");
        store.release_all();
        assert_eq!(length(&store), 1, "{earlier:?}");
    }
}

#[test]
fn one_writer_is_answered_in_order_and_another_overtakes() {
    let (store, answers) = faulty(&[Fault::DelayBefore]);
    let first = batch(1, Tail::default());
    submit(&store, &answers, &first);
    submit(&store, &answers, &batch(2, first.tail()));
    assert_eq!((store.pending(), length(&store)), (2, 0));
    submit(&store, &answers, &batch(1 << 64, Tail::default()));
    let winner = Tail { seq: 1, id: BatchId(1 << 64) };
    assert_eq!(answers.take(), [(1 << 64, Appended::Yes)]);
    assert!(store.release_one(1) && store.release_one(0));
    let lost = Appended::Conflict { tail: winner };
    assert_eq!(answers.take(), [(1, lost.clone()), (2, lost)]);
}

#[test]
fn calls_fail_as_often_as_told() {
    let (store, answers) = faulty(&[]);
    submit(&store, &answers, &batch(1, Tail::default()));
    store.fail_next(Call::Read, 1);
    store.fail_next(Call::ReadMidway, 1);
    store.fail_next(Call::SaveSnapshot, 1);
    store.fail_next(Call::LoadSnapshot, 1);
    store.fail_next(Call::Streams, 1);
    for expected in [0, 1] {
        let mut visited = 0;
        let read = store.read(STREAM, Revision::ZERO, &mut |_| {
            visited += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((read, visited), (Err(injected().into()), expected));
    }
    let snapshot = Snapshot { revision: Revision(1), tail: Tail::default(), bytes: Arc::default() };
    assert!(store.save_snapshot(STREAM, snapshot.clone()).is_err());
    assert!(store.load_snapshot(STREAM).is_err() && store.streams().is_err());
    assert_eq!(store.load_snapshot(STREAM), Ok(None));
    assert_eq!(store.save_snapshot(STREAM, snapshot), Ok(()));
    assert_eq!(store.streams(), Ok(vec![STREAM]));
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = |seed| {
        let (store, answers) = (FaultyStore::new(MemoryStore::shared(), seed), Arc::new(Answers::default()));
        store.set_odds(Fault::ALL[1..].iter().fold(FaultOdds::default(), |odds, &f| odds.with(f, 9)));
        for id in 1..2_000u128 {
            let seq = length(&store);
            let tail = store.inner().read(STREAM, Revision(seq), &mut |_| ControlFlow::Continue(()));
            submit(&store, &answers, &batch(id << 64, tail.unwrap().1));
            if id % 5 == 0 {
                store.release_random(&mut Rng::new(seed ^ u64::try_from(id).unwrap()));
            }
        }
        let counts = Fault::ALL.map(|fault| store.injected(fault));
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
        assert!(store.drop_held() > 0);
        let answers = answers.take();
        assert_eq!(answers.len(), 1_999);
        answers
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

/// A store that is in trouble itself: what it has left open must not be denied on the way.
#[test]
fn what_the_inner_store_left_open_never_becomes_failed() {
    let answers = Arc::default();
    let around = |inner: &[Fault], outer: &[Fault]| {
        let store = FaultyStore::new(faulty(inner).0, 1);
        store.script(outer.iter().copied());
        store
    };
    let one = batch(1, Tail::default());
    // Nobody knows of the first submission, and it lands later.
    let store = around(&[Fault::UnknownLate], &[Fault::Pass, Fault::Fail]);
    submit(&store, &answers, &one);
    submit(&store, &answers, &one);
    assert_eq!(answers.take(), [(1, Appended::Unknown(injected())), (1, Appended::Yes)]);
    // The first submission is held and lands later; the second meets a failure of the inner store.
    let store = around(&[Fault::Fail], &[Fault::UnknownLate]);
    submit(&store, &answers, &one);
    submit(&store, &answers, &one);
    assert_eq!(answers.take(), [(1, Appended::Unknown(injected())), (1, Appended::Unknown(injected()))]);
    store.release_all();
    submit(&store, &answers, &one);
    assert_eq!(answers.take(), [(1, Appended::Yes)]);
}
