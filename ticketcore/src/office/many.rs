//! Commands that are handed in together: all are decided before any is sent to the store, so that one append carries them, and who waits
//! for it is woken once.

use std::sync::Arc;

use super::commands::Checked;
use super::{BoxOffice, Pending};
use crate::answer::{FromAnswer, Logged};
use crate::command::Command;
use crate::event::{EventCore, Staged, Submitted};
use crate::id::{EventId, Revision};
use crate::limits::{self, within};
use crate::log::Together;
use crate::refusal::Refusal;

/// Commands that are decided before what they have logged is sent. Commands of others wait with it meanwhile: not for long.
const SENT_MAX: usize = 256;

/// An event that commands of the slice went to.
struct Touched {
    core: Arc<EventCore>,
    /// The last fact of the slice that nobody waits for yet.
    last: Option<Revision>,
    /// Where those facts wait; nowhere if they are durable.
    together: Option<Arc<Together>>,
}

/// What came of one command before anything was sent. Events are named by their place among those touched.
enum Decided<T> {
    /// It has a fact and waits for nothing else.
    Logged(usize, Logged),
    Staged(usize, Box<(EventId, Command, Staged)>),
    Pending(Pending<T>),
}

impl BoxOffice {
    /// Sends commands of one kind together. Outcomes come in the order of the requests; each stands alone.
    pub(super) fn send_many<T: FromAnswer>(
        &self,
        checked: impl ExactSizeIterator<Item = Checked>,
    ) -> Vec<Pending<T>> {
        if let Err(limit) = within("requests", checked.len() as u64, 0, limits::MANY_MAX as u64) {
            let refusal = Refusal::Limit(limit);
            return checked.map(|_| Pending::failed(refusal.clone().into())).collect();
        }
        let mut touched: Vec<Touched> = Vec::new();
        let mut decided: Vec<Decided<T>> = Vec::with_capacity(checked.len());
        for (index, checked) in checked.enumerate() {
            if index > 0 && index.is_multiple_of(SENT_MAX) {
                touched.iter().for_each(|touched| touched.core.log.pump());
            }
            decided.push(self.decide(checked, &mut touched));
        }
        touched.iter().for_each(|touched| touched.core.log.pump());
        for Touched { core, last, together } in &mut touched {
            *together = last.and_then(|last| core.wait_together(last));
        }
        let settled = decided.into_iter().enumerate().map(|(index, decided)| match decided {
            Decided::Logged(at, logged) => Pending::logged(logged, touched[at].together.as_ref(), index),
            Decided::Staged(at, staged) => {
                let (event, command, staged) = *staged;
                match touched[at].core.settle(staged, &command, None) {
                    Submitted::Closed => self.office.submit(event, command),
                    submitted => Pending::new(submitted),
                }
            }
            Decided::Pending(pending) => pending,
        });
        settled.collect()
    }

    fn decide<T: FromAnswer>(&self, checked: Checked, touched: &mut Vec<Touched>) -> Decided<T> {
        let (event, command) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return Decided::Pending(Pending::failed(refusal.into())),
        };
        // Nearly always the same one again.
        let at = touched.iter().rposition(|touched| touched.core.id == event).or_else(|| {
            let core = Arc::clone(self.office.events.load().get(&event)?);
            touched.push(Touched { core, last: None, together: None });
            Some(touched.len() - 1)
        });
        let Some(at) = at.filter(|at| touched[*at].core.log.stopped().is_none()) else {
            return Decided::Pending(self.office.submit(event, command));
        };
        let Touched { core, last, .. } = &mut touched[at];
        match core.stage(&command, None) {
            Staged::Accepted { logged, slot: None } => {
                *last = Some(logged.stamp.revision);
                Decided::Logged(at, logged)
            }
            staged => Decided::Staged(at, Box::new((event, command, staged))),
        }
    }
}
