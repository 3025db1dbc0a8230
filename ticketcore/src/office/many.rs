//! Commands that are handed in together: all are decided before any is sent to the store, so that one append carries them, and who waits
//! for it is woken once.

use std::sync::Arc;

use super::commands::Checked;
use super::{BoxOffice, Pending};
use crate::answer::FromAnswer;
use crate::command::Command;
use crate::event::{EventCore, Numbered, Runner, ShardSet, Staged, Submitted};
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
struct Route<'c> {
    /// Its place in the slice.
    index: usize,
    command: &'c Command,
    /// Its event, by its place among those touched.
    at: usize,
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
    /// Its place in the slice.
    index: usize,
    /// Its event, by its place among those touched.
    at: usize,
    command: &'c Command,
    staged: Staged,
}

impl BoxOffice {
    /// Sends commands of one kind together. Outcomes come in the order of the requests; each stands alone. Those of one shard of an open event
    /// are decided in their order, others in any.
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
            let routes: Vec<Route<'_>> =
                some.iter().filter_map(|checked| self.set_out(checked, &mut decided)).collect();
            decided.stage(&routes, &mut runner);
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
        debug_assert!(!decided.pending.iter().any(Pending::is_undecided), "every command has its answer");
        decided.pending
    }

    /// Finds the event of the next command; nearly always the same one again. A command that can't go with the others gets its answer here.
    fn set_out<'c, T: FromAnswer>(
        &self,
        checked: &'c Checked,
        decided: &mut Decided<'_, T>,
    ) -> Option<Route<'c>> {
        let Decided { touched, pending, .. } = decided;
        let index = pending.len();
        let (event, command) = match checked {
            Ok(checked) => checked,
            Err(refusal) => {
                pending.push(Pending::failed(refusal.clone().into()));
                return None;
            }
        };
        let at = touched.iter().rposition(|touched| touched.core.id == *event).or_else(|| {
            let core = Arc::clone(self.office.events.load().get(event)?);
            touched.push(Touched { core, together: Together::new(), last: None });
            Some(touched.len() - 1)
        });
        let Some(at) = at.filter(|at| touched[*at].core.log.stopped().is_none()) else {
            pending.push(self.office.submit(*event, command.clone()));
            return None;
        };
        pending.push(Pending::undecided());
        let shard = if let ShardSet::One(shard) = command.shards() { shard } else { 0 };
        Some(Route { index, command, at, shard })
    }
}

impl<'c, T: FromAnswer> Decided<'c, T> {
    /// Sends what has been decided.
    fn pump(&self) {
        self.touched.iter().for_each(|touched| touched.core.log.pump());
    }

    /// Stages commands, those of one shard one after the other.
    fn stage(&mut self, routes: &[Route<'c>], runner: &mut Runner) {
        let mut order = in_order_of_shards(routes);
        if self.touched.len() > 1 {
            order.sort_by_key(|route| route.at);
        }
        let mut commands: Vec<Numbered<'c>> = Vec::new();
        for group in order.chunk_by(|a, b| (a.at, a.shard) == (b.at, b.shard)) {
            commands.clear();
            commands.extend(group.iter().map(|route| (route.index, route.command)));
            let at = group[0].at;
            let Touched { core, together, last } = &mut self.touched[at];
            let note = |(index, command): Numbered<'c>, staged| match staged {
                Staged::Accepted { logged, slot: None } => {
                    *last = (*last).max(Some(logged.stamp.revision));
                    self.pending[index] = Pending::logged(logged, together, index);
                }
                staged => self.others.push(Other { index, at, command, staged }),
            };
            core.stage_together(&commands, runner, note);
        }
    }
}

/// Commands by their shards, else as they came. Callers begin with different shards, and so are not in each other's way all along.
fn in_order_of_shards<'r, 'c>(routes: &'r [Route<'c>]) -> Vec<&'r Route<'c>> {
    let start = routes.first().map_or(0, |first| first.shard);
    let of = |route: &Route<'_>| route.shard.wrapping_sub(start) % SHARDS;
    let mut ends = [0; SHARDS];
    routes.iter().for_each(|route| ends[of(route)] += 1);
    for at in 1..SHARDS {
        ends[at] += ends[at - 1];
    }
    let mut order: Vec<&Route<'_>> = routes.iter().collect();
    for route in routes.iter().rev() {
        let end = &mut ends[of(route)];
        *end -= 1;
        order[*end] = route;
    }
    order
}
