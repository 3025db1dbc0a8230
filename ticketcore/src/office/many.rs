//! Commands that are handed in together: all are decided before any is sent to the store, so that one append carries them, and who waits
//! for it is woken once.

use std::sync::Arc;

use super::commands::Checked;
use super::{BoxOffice, Pending};
use crate::answer::FromAnswer;
use crate::command::Command;
use crate::event::{EventCore, Member, Runner, ShardSet, Staged, Submitted};
use crate::id::{Revision, SHARDS};
use crate::limits::{self, within};
use crate::log::Together;
use crate::refusal::Refusal;

/// Commands that are decided before what they have logged is sent. Commands of others wait with it meanwhile: not for long.
const SENT_MAX: usize = 256;

/// An event that commands of the slice went to.
struct Touched {
    core: Arc<EventCore>,
    /// Where the slice's facts wait.
    together: Arc<Together>,
    /// The last of them.
    last: Option<Revision>,
}

/// Where a command goes.
#[derive(Clone, Copy)]
struct Way {
    /// Its event, by its place among those touched; none if it has an answer, or does not go with the others.
    at: Option<usize>,
    shard: usize,
}

/// What came of commands before all of it was sent.
struct Decided<'c, T> {
    touched: Vec<Touched>,
    /// By command.
    pending: Vec<Pending<T>>,
    others: Vec<Other<'c>>,
}

/// A command without a fact, or with one that may be taken back.
struct Other<'c> {
    /// Its place among the slice.
    index: usize,
    /// Its event, by its place among those touched.
    at: usize,
    command: &'c Command,
    staged: Staged,
}

impl BoxOffice {
    /// Sends commands of one kind together. Outcomes come in the order of the requests; each stands alone. Commands of one user are decided
    /// in their order, others in any.
    pub(super) fn send_many<T: FromAnswer>(
        &self,
        checked: impl ExactSizeIterator<Item = Checked>,
    ) -> Vec<Pending<T>> {
        if let Err(limit) = within("requests", checked.len() as u64, 0, limits::MANY_MAX as u64) {
            let refusal = Refusal::Limit(limit);
            return checked.map(|_| Pending::failed(refusal.clone().into())).collect();
        }
        let checked: Vec<Checked> = checked.collect();
        let pending = Vec::with_capacity(checked.len());
        let mut decided = Decided { touched: Vec::new(), pending, others: Vec::new() };
        let mut runner = Runner::default();
        for some in checked.chunks(SENT_MAX) {
            decided.pump();
            let ways: Vec<Way> = some.iter().map(|checked| self.set_out(checked, &mut decided)).collect();
            decided.stage(some, &ways, &mut runner);
        }
        decided.pump();
        for Touched { core, together, last } in &decided.touched {
            if let Some(last) = last {
                core.wait_together(*last, together);
            }
        }
        for Other { index, at, command, staged } in decided.others {
            let core = &decided.touched[at].core;
            decided.pending[index] = match core.settle(staged, command, None) {
                Submitted::Closed => self.office.submit(core.id, command.clone()),
                submitted => Pending::new(submitted),
            };
        }
        decided.pending
    }

    /// Finds the event of the next command; nearly always the same one again. A command that can't go with the others gets its answer here.
    fn set_out<T: FromAnswer>(&self, checked: &Checked, decided: &mut Decided<'_, T>) -> Way {
        let Decided { touched, pending, .. } = decided;
        let (event, command) = match checked {
            Ok(checked) => checked,
            Err(refusal) => {
                pending.push(Pending::failed(refusal.clone().into()));
                return Way { at: None, shard: 0 };
            }
        };
        let at = touched.iter().rposition(|touched| touched.core.id == *event).or_else(|| {
            let core = Arc::clone(self.office.events.load().get(event)?);
            touched.push(Touched { core, together: Together::new(), last: None });
            Some(touched.len() - 1)
        });
        let at = at.filter(|at| touched[*at].core.log.stopped().is_none());
        pending.push(match at {
            Some(_) => Pending::undecided(),
            None => self.office.submit(*event, command.clone()),
        });
        let shard = if let ShardSet::One(shard) = command.shards() { shard } else { 0 };
        Way { at, shard }
    }
}

impl<'c, T: FromAnswer> Decided<'c, T> {
    /// Sends what has been decided.
    fn pump(&self) {
        self.touched.iter().for_each(|touched| touched.core.log.pump());
    }

    /// Stages the last commands that have set out, those of one shard one after the other.
    fn stage(&mut self, some: &'c [Checked], ways: &[Way], runner: &mut Runner) {
        let first = self.pending.len() - some.len();
        let mut order: Vec<Member<'c>> = Vec::with_capacity(some.len());
        for at in in_order_of_shards(ways) {
            if let (Some(_), Ok((_, command))) = (ways[at].at, &some[at]) {
                order.push((at, command));
            }
        }
        if self.touched.len() > 1 {
            order.sort_by_key(|(at, _)| ways[*at].at);
        }
        let group_of = |member: &Member<'c>| (ways[member.0].at, ways[member.0].shard);
        for group in order.chunk_by(|a, b| group_of(a) == group_of(b)) {
            let Some(event) = ways[group[0].0].at else { continue };
            let Touched { core, together, last } = &mut self.touched[event];
            let note = |(at, command): Member<'c>, staged| match staged {
                Staged::Accepted { logged, slot: None } => {
                    *last = (*last).max(Some(logged.stamp.revision));
                    self.pending[first + at] = Pending::logged(logged, together, first + at);
                }
                staged => self.others.push(Other { index: first + at, at: event, command, staged }),
            };
            core.stage_together(group, runner, note);
        }
    }
}

/// Commands by their shards, else as they came. Callers begin with different shards, and so are not in each other's way all along.
fn in_order_of_shards(ways: &[Way]) -> Vec<usize> {
    let start = ways.first().map_or(0, |first| first.shard);
    let of = |way: &Way| way.shard.wrapping_sub(start) % SHARDS;
    let mut ends = [0; SHARDS];
    ways.iter().for_each(|way| ends[of(way)] += 1);
    for at in 1..SHARDS {
        ends[at] += ends[at - 1];
    }
    let mut order = vec![0; ways.len()];
    for (at, way) in ways.iter().enumerate().rev() {
        let end = &mut ends[of(way)];
        *end -= 1;
        order[*end] = at;
    }
    order
}
