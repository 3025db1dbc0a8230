//! Checks of `append_at_once`: another way to the same end.

use super::harness::{Bench, EVENT, Verdict, ensure, lines};
use crate::id::{EventId, Revision};
use crate::store::{Appended, Batch, BatchId, StreamId, Tail};

const OTHER: StreamId = StreamId::Event(EventId(2));

/// Appended at once, the same batches get the same answers as submitted, also where both ways are taken in turn, and leave the same
/// journal. A store without such a way says so each time, and has done nothing.
pub(super) fn at_once_as_submitted(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let early = Batch { expected: Tail { seq: 3, id: BatchId(9) }, ..writer.batch(&["early"]) };
    let mut batches = vec![early];
    for count in 1..=6 {
        let batch = writer.batch(&vec!["fact"; count]);
        let rival = Batch { id: BatchId(batch.id.0 ^ 1 << 64), ..batch.clone() };
        let elsewhere = Tail { id: BatchId(batch.expected.id.0 ^ 1), ..batch.expected };
        let elsewhere = Batch { expected: elsewhere, ..writer.batch(&["elsewhere"]) };
        writer.moved(&batch);
        batches.extend([elsewhere, batch.clone(), batch, rival, batches[0].clone()]);
    }
    let (mut all, mut tail, mut declined) = (Vec::new(), Tail::default(), None);
    for (at, batch) in batches.iter().enumerate() {
        let wanted = writer.submit(batch)?;
        let twin = Batch { stream: OTHER, ..batch.clone() };
        let at_once = if at % 3 == 2 { None } else { Some(bench.store.append_at_once(&twin)) };
        if let Some(answer) = &at_once {
            let before = declined.replace(answer.is_none());
            ensure!(before.is_none_or(|before| before == answer.is_none()), "it has such a way, and has not");
        }
        let outcome = match at_once.flatten() {
            Some(outcome) => outcome,
            None => {
                bench.expect(OTHER, Revision::ZERO, &all, tail)?;
                writer.submit(&twin)?
            }
        };
        ensure!(outcome == wanted, "at once batch {at} was answered {outcome:?}, submitted {wanted:?}");
        if outcome == Appended::Yes && batch.expected == tail {
            all.extend(lines(batch));
            tail = batch.tail();
        }
        bench.expect(OTHER, Revision::ZERO, &all, tail)?;
    }
    bench.expect(EVENT, Revision::ZERO, &all, tail)
}
