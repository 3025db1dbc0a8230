//! Checks of `submit` by one caller at a time.

use std::sync::Arc;

use super::harness::{Answers, Bench, EVENT, Verdict, ensure, lines, mixed, read};
use crate::id::{EventId, Revision};
use crate::store::{Appended, Batch, BatchId, Completion, CompletionSink, Snapshot, Store, StreamId, Tail};

/// An append succeeds at the end and nowhere else, and a conflict tells where the end is.
pub(super) fn conditional_append(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let stranger = Tail { seq: 3, id: BatchId(9) };
    let early = Batch { expected: stranger, ..writer.batch(&["early"]) };
    let outcome = writer.submit(&early)?;
    let empty = Appended::Conflict { tail: Tail::default() };
    ensure!(outcome == empty, "an append far beyond an empty journal was answered {outcome:?}");
    let mut tails = vec![Tail::default()];
    for body in ["one", "two", "three"] {
        writer.append(&[body])?;
        tails.push(writer.tail);
    }
    let tail = writer.tail;
    let elsewhere = [
        tails[0],
        tails[1],
        tails[2],
        Tail { seq: 4, ..tail },
        Tail { seq: u64::MAX / 2, ..tail },
        Tail { id: BatchId(tail.id.0 ^ 1), ..tail },
        Tail { id: BatchId(tail.id.0 ^ 1 << 64), ..tail },
    ];
    for expected in elsewhere {
        let batch = Batch { expected, ..writer.batch(&["elsewhere"]) };
        let outcome = writer.submit(&batch)?;
        let wanted = Appended::Conflict { tail };
        ensure!(outcome == wanted, "expecting {expected:?} where {tail:?} is true was answered {outcome:?}");
    }
    writer.append(&["four"]).map(drop)
}

/// A batch that met a conflict is nowhere in the journal, and the next one goes where it would have gone.
pub(super) fn conflict_leaves_nothing(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let (mut all, tails) = mixed(&mut writer, 5)?;
    for &(last, tail) in &tails[..4] {
        let mut loser = bench.writer(EVENT, 2);
        (loser.last, loser.tail) = (last, tail);
        let batch = loser.batch(&["lost", "too"]);
        let outcome = loser.submit(&batch)?;
        ensure!(
            outcome == Appended::Conflict { tail: writer.tail },
            "a late append was answered {outcome:?}"
        );
        bench.expect(EVENT, Revision::ZERO, &all, writer.tail)?;
    }
    all.extend(writer.append(&["after"])?);
    bench.expect(EVENT, Revision::ZERO, &all, writer.tail)
}

/// The batch that stands at the end, submitted again, is answered yes and stands once.
pub(super) fn resubmission(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let mut all = Vec::new();
    for body in ["one", "two", "three"] {
        let batch = writer.batch(&[body, "and"]);
        writer.commit(&batch)?;
        all.extend(lines(&batch));
        for _ in 0..2 {
            let outcome = writer.submit(&batch)?;
            ensure!(outcome == Appended::Yes, "the last batch again was answered {outcome:?}");
        }
        bench.expect(EVENT, Revision::ZERO, &all, writer.tail)?;
    }
    Ok(())
}

/// The same once other batches, also of other nodes with the same counters, stand after it.
pub(super) fn resubmission_after_others(bench: &Bench) -> Verdict {
    let mut writers = [bench.writer(EVENT, 1), bench.writer(EVENT, u64::MAX), bench.writer(EVENT, 2)];
    let (mut all, mut batches) = (Vec::new(), Vec::new());
    let (mut last, mut tail) = (Revision::ZERO, Tail::default());
    for at in 0..60 {
        let writer = &mut writers[at / 7 % 3];
        (writer.last, writer.tail) = (last, tail);
        let batch = writer.batch(&vec!["fact"; 1 + at % 3]);
        writer.commit(&batch)?;
        all.extend(lines(&batch));
        (last, tail) = (writer.last, writer.tail);
        batches.push(batch);
    }
    for batch in &batches {
        let outcome = writers[0].submit(batch)?;
        ensure!(outcome == Appended::Yes, "batch {} again was answered {outcome:?}", batch.tail().seq);
        for flip in [1 << 40, 1 << 100] {
            let other = Batch { id: BatchId(batch.id.0 ^ flip), ..batch.clone() };
            let outcome = writers[0].submit(&other)?;
            let seq = batch.tail().seq;
            ensure!(
                outcome == Appended::Conflict { tail },
                "a rival of batch {seq} was answered {outcome:?}"
            );
        }
    }
    bench.expect(EVENT, Revision::ZERO, &all, tail)
}

/// Batches submitted one after the other, without waiting, are answered in that order; those appended come first.
pub(super) fn answers_in_order(bench: &Bench) -> Verdict {
    const BATCHES: usize = 200;
    let mut writer = bench.writer(EVENT, 1);
    let answers = Arc::new(Answers::default());
    for _ in 0..BATCHES {
        let batch = writer.batch(&["fact"]);
        writer.send(&batch, &answers);
        writer.moved(&batch);
    }
    let answered = answers.wait(BATCHES, bench.patience)?;
    let mut appended = 0;
    for (at, (batch, outcome)) in answered.iter().enumerate() {
        ensure!(batch.expected.seq == at as u64, "answer {at} was for batch {}", batch.tail().seq);
        if *outcome == Appended::Yes {
            ensure!(appended == at, "batch {at} was appended though one before it was not");
            appended += 1;
        } else {
            ensure!(matches!(outcome, Appended::Conflict { .. }), "batch {at} was answered {outcome:?}");
        }
    }
    let count = bench.read(EVENT, Revision::ZERO)?.lines.len();
    ensure!(appended > 0 && count == appended, "{appended} were answered yes, {count} are there");
    Ok(())
}

/// Uses the store from inside an answer, then passes the answer on.
struct Nosy {
    store: Arc<dyn Store>,
    next: Batch,
    nested: Arc<Answers>,
    outer: Arc<Answers>,
}

impl CompletionSink for Nosy {
    fn complete(&self, batch: Batch, outcome: Appended) {
        let (stream, revision, tail) = (batch.stream, batch.first_revision, batch.tail());
        let found = read(&*self.store, stream, Revision::ZERO).map(|seen| seen.lines.len());
        let listed = self.store.streams();
        let saved =
            self.store.save_snapshot(stream, Snapshot { revision, tail, bytes: Arc::from([1, 2, 3]) });
        let loaded = self.store.load_snapshot(stream);
        let sink = Arc::clone(&self.nested) as Arc<dyn CompletionSink>;
        self.store.submit(Completion::new(sink, self.next.clone()));
        let fine = found == Ok(1) && listed == Ok(vec![stream]) && saved.is_ok() && loaded.is_ok();
        let failure = crate::store::StoreFailure::new("the store could not be used from inside an answer");
        self.outer.complete(batch, if fine { outcome } else { Appended::Failed(failure) });
    }
}

/// Every method can be called from inside an answer, and what is being answered is readable.
pub(super) fn answered_without_a_lock(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let first = writer.batch(&["one"]);
    writer.moved(&first);
    let second = writer.batch(&["two"]);
    let (outer, nested) = (Arc::new(Answers::default()), Arc::new(Answers::default()));
    let store = Arc::clone(&bench.store);
    let sink = Nosy { store, next: second, nested: Arc::clone(&nested), outer: Arc::clone(&outer) };
    let store = Arc::clone(&bench.store);
    // A store that answers under its lock hangs here: the thread is left behind rather than waited for.
    std::thread::spawn(move || store.submit(Completion::new(Arc::new(sink), first)));
    let outer = outer.wait(1, bench.patience).map_err(|why| format!("from inside an answer: {why}"))?;
    ensure!(outer[0].1 == Appended::Yes, "the answer was {:?}", outer[0].1);
    let nested = nested.wait(1, bench.patience)?;
    ensure!(nested[0].1 == Appended::Yes, "a batch sent from inside an answer met {:?}", nested[0].1);
    Ok(())
}

/// A yes means that a read that begins now finds the batch, from any thread.
pub(super) fn readable_once_answered(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let reader = bench.writer(StreamId::Room(EventId(1)), 1).store;
    for at in 0..50 {
        let (after, wanted) = (writer.last, writer.append(&vec!["fact"; 1 + at % 4])?);
        let seen = std::thread::scope(|scope| scope.spawn(|| read(&*reader, EVENT, after)).join());
        let seen = seen.map_err(|_| "reading panicked".to_owned())??;
        ensure!(seen.lines == wanted, "batch {} was answered yes and is not readable", at + 1);
        ensure!(seen.end == (writer.last, writer.tail), "batch {} is not the end: {:?}", at + 1, seen.end);
    }
    Ok(())
}

/// Eight mebibytes in one record, and in thousands, between small ones.
pub(super) fn big_batch(bench: &Bench) -> Verdict {
    const BIG: usize = 8 << 20;
    let mut writer = bench.writer(EVENT, 1);
    let patterned = |len: usize| (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect::<Vec<u8>>();
    let mut all = writer.append(&["small"])?;
    all.extend(writer.append(&[patterned(BIG)])?);
    all.extend(writer.append(&["small"])?);
    all.extend(writer.append(&(0..8_192).map(|n| patterned(1_000 + n % 48)).collect::<Vec<_>>())?);
    all.extend(writer.append(&["small"])?);
    for after in [0, 1, 2, 3, 5_000] {
        bench.expect(EVENT, Revision(after), &all, writer.tail)?;
    }
    Ok(())
}
