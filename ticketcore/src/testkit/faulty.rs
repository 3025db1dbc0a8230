//! [`FaultyStore`]: a store around a store that fails on purpose, the same way for the same seed and calls.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use super::fault::CALLS;
use super::{Call, Fault, FaultOdds, Rng};
use crate::id::Revision;
use crate::store::{
    Appended, Batch, BatchId, Capabilities, Completion, CompletionSink, Gather, ReadError, Record,
    SideRecords, Snapshot, Store, StoreFailure, StreamId, Tail,
};
use crate::sync::Mutex;

/// A store that wraps another and injects faults: those scripted first, then by odds from the seed.
///
/// * Every answer is one that an honest store in trouble could give; none is a lie.
/// * Held batches leave when the test says so. While an answer is owed to a writer (the node half of the batch's
///   name), its later batches for the same stream are held behind, so that its answers stay in order. Other
///   writers overtake freely.
/// * No lock is held while the inner store is called or an answer is given.
/// * Dropping the store drops what it holds, which answers `Unknown`.
pub struct FaultyStore<S> {
    inner: S,
    inline: bool,
    gather: OnceLock<Arc<dyn Gather>>,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: Rng,
    odds: FaultOdds,
    script: VecDeque<Fault>,
    fail_next: [u32; CALLS],
    held: Vec<Held>,
    /// Batches of which the inner store itself has said that nobody knows.
    doubtful: HashSet<BatchId>,
    next_token: u64,
    injected: [u64; Fault::ALL.len()],
}

/// A stream and the node half of the writer's batch names.
type Writer = (StreamId, u128);

struct Held {
    token: u64,
    writer: Writer,
    what: What,
}

enum What {
    /// Not yet submitted to the inner store.
    Before(Completion),
    /// Submitted; the inner store still owes its answer.
    Landing(Completion),
    /// Answered by the inner store.
    After(Completion, Appended),
    /// Already answered `Unknown`; not yet submitted to the inner store.
    Late(Batch),
}

impl<S: Store> FaultyStore<S> {
    /// Wraps `inner`; no faults until odds or a script are set. Its capabilities say that it is not inline.
    #[must_use]
    pub fn new(inner: S, seed: u64) -> Self {
        let state = State {
            rng: Rng::new(seed),
            odds: FaultOdds::default(),
            script: VecDeque::new(),
            fail_next: [0; CALLS],
            held: Vec::new(),
            doubtful: HashSet::new(),
            next_token: 0,
            injected: [0; Fault::ALL.len()],
        };
        Self { inner, inline: false, gather: OnceLock::new(), state: Arc::new(Mutex::new(state)) }
    }

    /// Wraps `inner` and stays inline if that is: the two delays become `Pass`.
    #[must_use]
    pub fn inline(inner: S, seed: u64) -> Self {
        let inline = inner.capabilities().inline;
        Self { inline, ..Self::new(inner, seed) }
    }

    /// The store inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Lets `gather` say when what has piled up is sent, for streams that are opened from now on. False if somebody does so already.
    pub fn set_gather(&self, gather: Arc<dyn Gather>) -> bool {
        self.gather.set(gather).is_ok()
    }

    /// Replaces the odds; `FaultOdds::default()` ends the faults.
    pub fn set_odds(&self, odds: FaultOdds) {
        self.state.lock().odds = odds;
    }

    /// Says what happens to the next submits, one fault each, before the odds decide again.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().script.extend(faults);
    }

    /// Forgets what is left of the script.
    pub fn clear_script(&self) {
        self.state.lock().script.clear();
    }

    /// The next `times` calls of this kind fail.
    pub fn fail_next(&self, call: Call, times: u32) {
        self.state.lock().fail_next[call as usize] += times;
    }

    /// How many batches are held.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.state.lock().held.len()
    }

    /// How many submits met `fault` so far, held-behind ones not counted.
    #[must_use]
    pub fn injected(&self, fault: Fault) -> u64 {
        self.state.lock().injected[fault as usize]
    }

    /// Releases held batch `ix` (oldest first), or the one of the same writer that must leave before it. False if there
    /// is none, or the inner store still owes the answer.
    pub fn release_one(&self, ix: usize) -> bool {
        let Some(what) = self.state.lock().take(ix) else { return false };
        match what {
            What::Before(append) => self.relay(append.batch().clone(), Then::Answer(append)),
            What::After(append, outcome) => append.done(outcome),
            What::Late(batch) => self.relay(batch, Then::Nobody),
            What::Landing(_) => unreachable!("it stays held until the inner store has answered"),
        }
        true
    }

    /// Releases one held batch that `rng` picks; false as for [`FaultyStore::release_one`].
    pub fn release_random(&self, rng: &mut Rng) -> bool {
        match self.pending() {
            0 => false,
            pending => self.release_one(rng.index(pending)),
        }
    }

    /// Releases, oldest first, as many as are held now (answers may cause more to be held). Returns how many left.
    pub fn release_all(&self) -> usize {
        (0..self.pending()).filter(|_| (0..self.pending()).any(|ix| self.release_one(ix))).count()
    }

    /// Forgets what is held, as a crash of the path to the store would: what is not in the journal never gets there,
    /// and every answer owed is `Unknown`. Returns how many were held.
    pub fn drop_held(&self) -> usize {
        let held = std::mem::take(&mut self.state.lock().held);
        held.len()
    }

    /// What to do with this batch.
    fn decide(&self, batch: &Batch) -> Fault {
        let (fault, late_twin) = {
            let mut state = self.state.lock();
            if state.owes(writer(batch)) {
                return Fault::DelayBefore;
            }
            let scripted = state.script.pop_front();
            let late_twin = state.has_late(batch.id) || state.doubtful.contains(&batch.id);
            let State { odds, rng, .. } = &mut *state;
            (scripted.unwrap_or_else(|| odds.draw(rng)), late_twin)
        };
        let fault = match fault {
            Fault::Conflict if !self.inner.capabilities().shared => Fault::Pass,
            Fault::Fail | Fault::Conflict if late_twin || self.tail_before(batch).is_none() => Fault::Pass,
            Fault::DelayBefore | Fault::DelayAfter if self.inline => Fault::Pass,
            other => other,
        };
        self.state.lock().injected[fault as usize] += 1;
        fault
    }

    /// The journal's tail if `batch` is certainly not in it.
    fn tail_before(&self, batch: &Batch) -> Option<Tail> {
        let after = Revision(batch.first_revision.0.saturating_sub(1));
        let (_, tail) = self.inner.read(batch.stream, after, &mut |_| ControlFlow::Continue(())).ok()?;
        (tail.seq < batch.tail().seq).then_some(tail)
    }

    /// Submits a copy of the batch to the inner store; its answer goes to `then`.
    fn relay(&self, batch: Batch, then: Then) {
        let relay = Relay { state: Arc::clone(&self.state), then: Mutex::new(Some(then)) };
        self.inner.submit(Completion::new(Arc::new(relay), batch));
    }

    fn hold(&self, batch: &Batch, what: What) -> u64 {
        self.state.lock().hold(writer(batch), what)
    }

    fn fails(&self, call: Call) -> Result<(), StoreFailure> {
        let mut state = self.state.lock();
        let State { rng, odds, fail_next, .. } = &mut *state;
        let scripted = &mut fail_next[call as usize];
        if *scripted > 0 {
            *scripted -= 1;
            return Err(injected());
        }
        if odds.draw_call(call, rng) { Err(injected()) } else { Ok(()) }
    }
}

impl State {
    fn owes(&self, writer: Writer) -> bool {
        self.held.iter().any(|held| held.writer == writer && held.what.owes())
    }

    fn has_late(&self, id: BatchId) -> bool {
        self.held.iter().any(|held| matches!(&held.what, What::Late(batch) if batch.id == id))
    }

    fn hold(&mut self, writer: Writer, what: What) -> u64 {
        self.next_token += 1;
        self.held.push(Held { token: self.next_token, writer, what });
        self.next_token
    }

    fn take(&mut self, ix: usize) -> Option<What> {
        let asked = self.held.get(ix)?;
        let ix = if asked.what.owes() {
            self.held.iter().position(|held| held.writer == asked.writer && held.what.owes())?
        } else {
            ix
        };
        let ready = !matches!(self.held[ix].what, What::Landing(_));
        ready.then(|| self.held.remove(ix).what)
    }

    /// What may be answered to `batch` when the inner store has said `outcome`.
    fn honest(&mut self, batch: BatchId, outcome: Appended) -> Appended {
        match outcome {
            Appended::Unknown(_) => _ = self.doubtful.insert(batch),
            // It failed now, but its twin may still get there.
            Appended::Failed(failure) if self.has_late(batch) => return Appended::Unknown(failure),
            _ => {}
        }
        outcome
    }

    /// The inner store has answered the held batch `token`.
    fn landed(&mut self, token: u64, outcome: Appended) {
        let Some(at) = self.held.iter().position(|held| held.token == token) else { return };
        let Held { token, writer, what } = self.held.remove(at);
        let what = match what {
            What::Landing(append) => What::After(append, outcome),
            other => other,
        };
        self.held.insert(at, Held { token, writer, what });
    }
}

impl What {
    const fn owes(&self) -> bool {
        !matches!(self, What::Late(_))
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn submit(&self, append: Completion) {
        let batch = append.batch().clone();
        match self.decide(&batch) {
            Fault::Pass => self.relay(batch, Then::Answer(append)),
            Fault::Fail => append.done(Appended::Failed(injected())),
            Fault::UnknownLanded => self.relay(batch, Then::Unknown(append)),
            Fault::UnknownLost => append.done(Appended::Unknown(injected())),
            Fault::UnknownLate => {
                self.hold(&batch, What::Late(batch.clone()));
                append.done(Appended::Unknown(injected()));
            }
            Fault::DelayBefore => {
                self.hold(&batch, What::Before(append));
            }
            Fault::DelayAfter => {
                let token = self.hold(&batch, What::Landing(append));
                self.relay(batch, Then::Hold(token));
            }
            Fault::Conflict => match self.tail_before(&batch) {
                Some(tail) => append.done(Appended::Conflict { tail }),
                None => self.relay(batch, Then::Answer(append)),
            },
            Fault::DropLanded => self.relay(batch, Then::Drop(append)),
            Fault::DropLost => drop(append),
        }
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        self.fails(Call::Read)?;
        let Err(midway) = self.fails(Call::ReadMidway) else { return self.inner.read(stream, after, visit) };
        self.inner.read(stream, after, &mut |record| {
            let _seen_enough = visit(record);
            ControlFlow::Break(())
        })?;
        Err(midway.into())
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.fails(Call::SaveSnapshot)?;
        self.inner.save_snapshot(stream, snapshot)
    }

    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.fails(Call::LoadSnapshot)?;
        self.inner.load_snapshot(stream)
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.fails(Call::Streams)?;
        self.inner.streams()
    }

    fn side_records(&self) -> Option<&dyn SideRecords> {
        self.inner.side_records()
    }

    fn gather(&self) -> Option<Arc<dyn Gather>> {
        self.gather.get().cloned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inline: self.inline, ..self.inner.capabilities() }
    }
}

/// What to do with the inner store's answer.
enum Then {
    Answer(Completion),
    Unknown(Completion),
    Drop(Completion),
    Hold(u64),
    /// Its writer was told `Unknown` long ago.
    Nobody,
}

struct Relay {
    state: Arc<Mutex<State>>,
    then: Mutex<Option<Then>>,
}

impl CompletionSink for Relay {
    fn complete(&self, batch: Batch, outcome: Appended) {
        let outcome = self.state.lock().honest(batch.id, outcome);
        let then = self.then.lock().take();
        match then {
            Some(Then::Answer(append)) => append.done(outcome),
            Some(Then::Unknown(append)) => append.done(Appended::Unknown(injected())),
            Some(Then::Hold(token)) => self.state.lock().landed(token, outcome),
            Some(Then::Drop(append)) => drop(append),
            Some(Then::Nobody) | None => {}
        }
    }
}

fn writer(batch: &Batch) -> Writer {
    (batch.stream, batch.id.0 >> 64)
}

fn injected() -> StoreFailure {
    StoreFailure::new("injected by the test")
}

#[cfg(test)]
mod tests;
