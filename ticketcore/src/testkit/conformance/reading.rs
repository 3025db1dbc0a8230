//! Checks of `read`.

use std::ops::ControlFlow;

use super::harness::{Bench, EVENT, Verdict, ensure, mixed};
use crate::id::{EventId, Revision};
use crate::store::{StreamId, Tail};

/// A stream that nobody wrote to reads as empty, has no snapshot and is not listed.
pub(super) fn empty_journal(bench: &Bench) -> Verdict {
    for stream in [StreamId::System, EVENT, StreamId::Room(EventId(1))] {
        bench.expect(stream, Revision::ZERO, &[], Tail::default())?;
        ensure!(bench.store.load_snapshot(stream) == Ok(None), "{stream:?} has a snapshot from nowhere");
    }
    let listed = bench.store.streams();
    ensure!(listed == Ok(Vec::new()), "an empty store lists {listed:?}");
    Ok(())
}

/// Revisions are dense from 1, and bodies and times come back as they were, of whatever length.
pub(super) fn records_unchanged(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let mut all = Vec::new();
    for at in 0..300_usize {
        let long = if at % 50 == 0 { 100_000 } else { 0 };
        let body = |n: usize| {
            (0..(at * n * 3) % 300 + long).map(|b| ((b ^ at) % 256).to_le_bytes()[0]).collect::<Vec<_>>()
        };
        all.extend(writer.append(&(0..1 + at % 9).map(body).collect::<Vec<_>>())?);
    }
    let dense = (1..).zip(&all).all(|(revision, line)| line.revision == Revision(revision));
    ensure!(dense, "the check itself is wrong: its revisions are not dense");
    bench.expect(EVENT, Revision::ZERO, &all, writer.tail)
}

/// Reading can begin anywhere, also inside a batch, and visits the rest.
pub(super) fn read_from_anywhere(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let (all, _) = mixed(&mut writer, 40)?;
    (0..=writer.last.0).try_for_each(|after| bench.expect(EVENT, Revision(after), &all, writer.tail))
}

/// Breaking ends the visit at once and tells the revision reached and the tail of its batch.
pub(super) fn break_out_of_a_visit(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    let (_, tails) = mixed(&mut writer, 12)?;
    for after in 0..writer.last.0 {
        for until in after + 1..=writer.last.0 {
            let mut visited = Vec::new();
            let end = bench.store.read(EVENT, Revision(after), &mut |record| {
                visited.push(record.stamp.revision.0);
                if record.stamp.revision.0 == until {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            let end = end.map_err(|error| error.to_string())?;
            let tail = tails.iter().find(|(last, _)| last.0 >= until).map(|(_, tail)| *tail);
            let range: Vec<_> = (after + 1..=until).collect();
            ensure!(visited == range, "after {after} until {until} visited {visited:?}");
            ensure!(Some(end.1) == tail, "a visit that ended at {until} said {:?}, wanted {tail:?}", end.1);
            ensure!(end.0.0 == until, "a visit that ended at {until} said {}", end.0);
        }
    }
    Ok(())
}

/// Reading after the last revision, or far past it, visits nothing and tells the journal's tail.
pub(super) fn read_past_the_end(bench: &Bench) -> Verdict {
    let mut writer = bench.writer(EVENT, 1);
    for _ in 0..5 {
        writer.append(&["some", "facts"])?;
        let seen = bench.read(EVENT, writer.last)?;
        ensure!(seen.lines.is_empty(), "there are records after the last one");
        ensure!(seen.end == (writer.last, writer.tail), "the end reads as {:?}", seen.end);
        for beyond in [Revision(writer.last.0 + 10), Revision(u64::MAX)] {
            let seen = bench.read(EVENT, beyond)?;
            ensure!(seen.lines.is_empty(), "there are records after {beyond}");
            ensure!(seen.end.1 == writer.tail, "past the end the tail reads as {:?}", seen.end.1);
        }
    }
    Ok(())
}
