//! [`History`]: the last changes of an event, as many as there is room for.

use std::sync::Arc;

use ticketcore::Revision;

use super::change::Change;

/// The last changes of an event, as many as there is room for. Each starts where the one before it ends. Immutable: a change more makes a
/// new one, which shares the changes.
#[derive(Clone, Debug, Default)]
pub struct History {
    changes: Vec<Arc<Change>>,
    bytes: usize,
}

impl History {
    /// Where the next change must start, if the last snapshot is at `revision`: a change that changed nothing is told with the next.
    #[must_use]
    pub fn next_from(&self, revision: Revision) -> Revision {
        self.changes.last().filter(|last| last.silent).map_or(revision, |last| last.from)
    }

    /// This and a change more, at most `changes_max` and, but for the newest, `bytes_max` of them.
    #[must_use]
    pub fn with(&self, change: Change, changes_max: usize, bytes_max: usize) -> Self {
        let mut kept = &self.changes[..];
        if let Some((last, rest)) = kept.split_last()
            && last.silent
        {
            kept = rest;
        }
        let mut bytes = change.bytes() + kept.iter().map(|change| change.bytes()).sum::<usize>();
        while let Some((oldest, rest)) = kept.split_first()
            && (kept.len() >= changes_max || bytes > bytes_max)
        {
            bytes -= oldest.bytes();
            kept = rest;
        }
        let mut changes = Vec::with_capacity(kept.len() + 1);
        changes.extend_from_slice(kept);
        changes.push(Arc::new(change));
        Self { changes, bytes }
    }

    /// The changes from `revision` on, which the last one of them leads past; the first may start before it. `None` if some are gone, or
    /// there is none.
    #[must_use]
    pub fn since(&self, revision: Revision) -> Option<&[Arc<Change>]> {
        let first = self.changes.partition_point(|change| change.to <= revision);
        let rest = &self.changes[first..];
        rest.first().is_some_and(|change| change.from <= revision).then_some(rest)
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<&Change> {
        self.changes.last().map(|change| &**change)
    }

    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use ticketcore::SaleState;
    use ticketcore::manifest::Manifest;

    use super::super::testing::small;
    use super::*;

    fn change(from: u64, to: u64, silent: bool) -> Change {
        let manifest = Manifest::compile(&small()).unwrap();
        let mut change = Change::none(Revision(to), SaleState::Onsale, &manifest).unwrap();
        (change.from, change.silent) = (Revision(from), silent);
        change
    }

    fn ends(found: Option<&[Arc<Change>]>) -> Option<Vec<u64>> {
        found.map(|changes| changes.iter().map(|change| change.to.0).collect())
    }

    #[test]
    fn changes_are_found_by_where_they_start_until_they_are_gone() {
        let mut history = History::default();
        for at in 1..=5 {
            history = history.with(change(at * 10, at * 10 + 10, false), 3, usize::MAX);
        }
        assert_eq!(history.len(), 3);
        assert_eq!(ends(history.since(Revision(30))), Some(vec![40, 50, 60]));
        assert_eq!(ends(history.since(Revision(39))), Some(vec![40, 50, 60]));
        assert_eq!(ends(history.since(Revision(40))), Some(vec![50, 60]));
        assert_eq!(ends(history.since(Revision(59))), Some(vec![60]));
        assert_eq!(ends(history.since(Revision(29))), None);
        assert_eq!(ends(history.since(Revision(60))), None);
        let one = change(1, 2, false).bytes();
        let history = history.with(change(60, 70, false), 100, one * 2 + one / 2);
        assert_eq!(ends(history.since(Revision(50))), Some(vec![60, 70]));
        assert_eq!((history.len(), ends(history.since(Revision(49)))), (2, None));
        assert_eq!(history.with(change(70, 80, false), 100, 1).len(), 1);
    }

    #[test]
    fn what_changed_nothing_is_told_with_the_next() {
        let history = History::default().with(change(1, 2, false), 9, usize::MAX);
        assert_eq!(history.next_from(Revision(2)), Revision(2));
        let history = history.with(change(2, 5, true), 9, usize::MAX);
        assert_eq!(history.next_from(Revision(5)), Revision(2));
        let history =
            history.with(change(2, 7, true), 9, usize::MAX).with(change(2, 9, false), 9, usize::MAX);
        assert_eq!(ends(history.since(Revision(1))), Some(vec![2, 9]));
        assert_eq!(ends(history.since(Revision(6))), Some(vec![9]));
    }
}
