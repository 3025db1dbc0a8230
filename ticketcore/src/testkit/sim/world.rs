//! One run: offices, clients, store and clock on one thread, step by step as the seed says.

use super::ask::Handle;
use super::bank::Bank;
use super::beside::Besides;
use super::driver::Driver;
use super::history::{History, violation};
use super::judge::{DecidedOn, Judge, Sent};
use super::node::Node;
use super::paid::{PaidCommand, PaidHandle, PaidSent};
use super::payer::{self, Payers};
use super::place::Place;
use super::plan::{Plan, Step};
use super::propose::Crowd;
use super::tally::Tally;
use super::trace::{self, Trace};
use super::{Flaw, START, SimulationOptions, venue};
use crate::answer::CommandError;
use crate::canary::Canary;
use crate::event::{Outcome, Progress};
use crate::id::EventId;
use crate::invariant::{Invariant, Violation};
use crate::order::PaymentRulesRequest;
use crate::sale::SaleState;
use crate::testkit::{Command, Fault, FaultOdds, ManualClock, Rng};

/// See the module.
pub(super) struct World {
    pub rng: Rng,
    pub plan: Plan,
    pub event: EventId,
    pub place: Place,
    pub nodes: Vec<Node>,
    pub history: History,
    pub pending: Vec<(Sent, Handle)>,
    /// Commands whose outcome nobody knows.
    pub lost: Vec<Sent>,
    pub tally: Tally,
    pub trace: Trace,
    /// Commands about orders that the gateway pays.
    pub paid: Vec<(PaidSent, PaidHandle)>,
    /// Those whose outcome nobody knows.
    pub paid_lost: Vec<PaidSent>,
    pub payers: Payers,
    pub besides: Besides,
    pub bank: Bank,
    pub drivers: [Driver; 2],
    pub flaw: Option<Flaw>,
    pub sent: u64,
    pub crowd: Crowd,
    /// Commands that were said to be carried out.
    carried_out: u64,
}

impl World {
    /// Draws everything from `seed` and defines the event.
    pub fn new(seed: u64, options: &SimulationOptions) -> Result<Self, Violation> {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng);
        let definition = venue::definition(&mut rng);
        let place = Place::new(&plan, options.canary, &mut rng)?;
        let inner = place.store();
        let canary = options.canary.and_then(Flaw::of_engine);
        let node = |name: usize, odds: &FaultOdds, rng: &mut Rng| {
            let clock = ManualClock::new(START.plus_ms(rng.below(2_000)));
            let mut node = Node::new(name as u64, &inner, clock, odds.clone(), canary, rng);
            node.start();
            node
        };
        let nodes: Vec<Node> = (0..plan.offices).map(|name| node(name + 1, &plan.faults, &mut rng)).collect();
        let nothing = |what: &str| violation(Invariant::I8SameFacts, Default::default(), what);
        let first = nodes[0].office.as_ref().ok_or_else(|| nothing("the office does not open"))?;
        let event = first.add_event(&definition).map_err(|error| nothing(&error.to_string()))?;
        let crowd = Crowd::new(event, &plan);
        let bank = Bank::new(event, START.plus_ms(rng.below(2_000)), plan.hasty, &mut rng);
        let mut world = Self {
            rng,
            plan,
            event,
            place,
            nodes,
            history: History::new(event),
            pending: Vec::new(),
            lost: Vec::new(),
            tally: Tally::default(),
            trace: Trace::default(),
            paid: Vec::new(),
            paid_lost: Vec::new(),
            payers: Payers::default(),
            besides: Besides::default(),
            bank,
            drivers: Default::default(),
            flaw: options.canary,
            sent: 0,
            crowd,
            carried_out: 0,
        };
        world.follow()?;
        let to = if world.rng.chance(85) { SaleState::Onsale } else { SaleState::Presale };
        if world.rng.chance(95) {
            world.send(0, Command::SaleState(crate::request::SaleStateRequest { event, to }))?;
        }
        world.sync_store();
        if world.plan.paid && world.rng.chance(95) {
            let rules = payer::rules(&mut world.rng);
            world.send_paid(0, PaidCommand::Rules(PaymentRulesRequest { event, rules }))?;
        }
        world.nodes.iter().for_each(|node| node.set_faults(true));
        Ok(world)
    }

    /// Takes `steps` steps.
    pub fn run(&mut self, steps: u32) -> Result<(), Violation> {
        for _ in 0..steps {
            let step = self.plan.step(&mut self.rng);
            let node = self.rng.index(self.nodes.len());
            self.step(step, node)?;
            self.look_for_stops()?;
            self.look_at_disk(step)?;
        }
        Ok(())
    }

    fn step(&mut self, step: Step, at: usize) -> Result<(), Violation> {
        if self.nodes[at].office.is_none() {
            self.nodes[at].start();
            return Ok(());
        }
        match step {
            Step::Command => {
                let command = self.crowd.next(&mut self.rng, &self.plan, self.history.model());
                let mut commands = vec![command];
                // What a defect breaks has a sharper name when one command is decided at a time.
                let slices = self.flaw.is_none() || self.is_on(Canary::MixedRun);
                if slices && self.rng.chance(25) {
                    let (rng, model) = (&mut self.rng, self.history.model());
                    commands.extend(self.crowd.beside(rng, model, &commands[0]));
                }
                self.send_all(at, commands)
            }
            Step::Poll => self.poll(),
            Step::Paid => self.ask_paid(at),
            Step::Beside => self.ask_beside(at),
            Step::Drive => {
                let driver = self.rng.index(self.drivers.len());
                for _ in 0..1 + self.rng.below(4) {
                    self.drive(driver)?;
                }
                Ok(())
            }
            Step::Gateway => self.gateway_step(at),
            Step::Land => {
                self.nodes[at].store.release_random(&mut self.rng);
                self.follow()
            }
            Step::Maintain => self.maintain(at),
            Step::Clock => {
                self.move_clock(at);
                Ok(())
            }
            Step::Look => self.look(at),
            Step::Audit => self.audit(),
            Step::Snapshot => {
                self.cut_soon(5);
                if let Some(office) = &self.nodes[at].office
                    && let Ok(revision) = office.save_snapshot(self.event)
                {
                    self.tally.event("snapshot saved");
                    self.place.saved_snapshot(revision);
                }
                Ok(())
            }
            Step::Close => self.close(at),
            Step::Outage => {
                let fault =
                    *self.rng.pick(&[Fault::Fail, Fault::UnknownLost, Fault::DropLost, Fault::UnknownLate]);
                self.trace.line(format!("n{at} the store fails: {fault:?}"));
                self.nodes[at].store.script([fault; crate::limits::APPEND_ATTEMPTS_MAX as usize]);
                Ok(())
            }
            Step::Crash if self.plan.local => self.kill(),
            Step::Crash => self.crash(at),
            of_the_disk => self.disk_step(of_the_disk),
        }
    }

    /// Reads what is new in the journal.
    pub fn follow(&mut self) -> Result<(), Violation> {
        let Self { place, history, bank, tally, .. } = self;
        place.judged(|store| history.follow(store, tally))?;
        bank.follow(history.facts())
    }

    /// Sends a command and looks for its outcome at once.
    pub fn send(&mut self, at: usize, command: Command) -> Result<(), Violation> {
        self.send_all(at, vec![command])
    }

    /// Sends commands together and looks for their outcomes at once.
    fn send_all(&mut self, at: usize, commands: Vec<Command>) -> Result<(), Violation> {
        self.follow()?;
        let node = &mut self.nodes[at];
        let before = node.progress(self.event);
        if before.is_none() {
            node.begins_anew();
        }
        let Some(office) = &node.office else { return Ok(()) };
        let (stopped, carried_out, first) = (office.stopped(self.event), self.carried_out, self.sent + 1);
        let stands = before.as_ref().map_or_else(|| "closed".to_owned(), trace::progress);
        for command in &commands {
            self.sent += 1;
            self.trace.line(format!("#{} n{at} [{stands}] {}", self.sent, trace::command(command)));
        }
        let handles = Handle::send_all(office, self.event, commands.clone());
        let after = office.progress(self.event);
        let decided = match (before, after) {
            // The others of a slice may have been decided on what one of them changed.
            (Some(before), Some(after)) if before.epoch == after.epoch && commands.len() == 1 => {
                Some((after.sequenced, after.epoch))
            }
            _ => None,
        };
        let known = before.map_or(self.history.end(), |before| before.durable);
        let times = [before, after].into_iter().flatten().map(|progress| progress.now);
        let times: Vec<_> = times.chain([crate::time::Clock::now(&node.clock)]).collect();
        // On a shared store an office looks at the journal's end before it answers.
        let from = if self.plan.shared { self.history.end() } else { known };
        let life = node.life;
        let sent = (first..).zip(commands).map(|(number, command)| {
            let times = times.clone();
            Sent { number, node: at, life, command, from, known, decided, times }
        });
        let sent: Vec<_> = sent.collect();
        self.note_rebase(at, before, after)?;
        if let Some(before) = before {
            self.check_time(at, before)?;
        }
        self.follow()?;
        if let (None, Some(after)) = (before, after) {
            // It opened the event. What time it sees there may be that of a fact which is not durable for long yet.
            self.check_time(at, after)?;
        }
        for (sent, handle) in sent.into_iter().zip(handles) {
            if let Some(still) = self.take(sent, handle, false)? {
                self.pending.push(still);
            }
        }
        let office = self.nodes[at].office.as_ref();
        let still_stopped =
            office.and_then(|office| office.stopped(self.event)).filter(|_| stopped.is_some());
        match still_stopped {
            Some(reason) if self.carried_out != carried_out => {
                let what = format!("#{} was carried out after the event had stopped: {reason}", self.sent);
                Err(violation(Invariant::I9FailStop, self.history.end(), what))
            }
            _ => Ok(()),
        }
    }

    /// Asks for every outcome.
    pub fn poll(&mut self) -> Result<(), Violation> {
        self.follow()?;
        for (sent, handle) in std::mem::take(&mut self.pending) {
            if let Some(still) = self.take(sent, handle, true)? {
                self.pending.push(still);
            }
        }
        self.poll_paid()
    }

    fn take(&mut self, sent: Sent, handle: Handle, late: bool) -> Result<Option<(Sent, Handle)>, Violation> {
        let outcome = match handle.try_take() {
            Ok(outcome) => outcome,
            Err(handle) => return Ok(Some((sent, handle))),
        };
        self.trace.line(format!("#{} -> {}", sent.number, trace::outcome(&outcome)));
        self.tally.outcome(&outcome);
        self.note_full_disk(&outcome);
        self.carried_out += u64::from(outcome.is_ok());
        if late {
            self.tally.event("answered late");
        }
        self.judge(&sent, &outcome)?;
        if matches!(outcome, Err(CommandError::Unknown { .. })) {
            self.lost.push(sent);
        }
        Ok(None)
    }

    fn judge(&mut self, sent: &Sent, outcome: &Outcome) -> Result<(), Violation> {
        let node = &self.nodes[sent.node];
        let progress = node.office.as_ref().and_then(|office| office.progress(self.event));
        let epoch = progress.map(|progress| progress.epoch);
        let same = |(_, decided): &(_, u64)| epoch == Some(*decided) && node.life == sent.life;
        let durable = progress.map(|progress| progress.durable).unwrap_or_default();
        let decided = match sent.decided.filter(same) {
            Some((at, _)) if at <= durable => DecidedOn::Journal(at),
            Some(_) => DecidedOn::Unsent,
            None => DecidedOn::Unknown,
        };
        if decided == DecidedOn::Unsent && matches!(outcome, Err(CommandError::Refused(_))) {
            self.tally.event("refused before durable");
        }
        Judge { event: self.event, history: &mut self.history, decided }.judge(sent, outcome)
    }

    /// One round of maintenance. If it rebased, everything unanswered has been decided again.
    pub fn maintain(&mut self, at: usize) -> Result<(), Violation> {
        let node = &self.nodes[at];
        let Some(office) = &node.office else { return Ok(()) };
        let before = office.progress(self.event);
        let maintained = office.maintain();
        let after = office.progress(self.event);
        let stands = after.as_ref().map_or_else(|| "closed".to_owned(), trace::progress);
        self.trace.line(format!("n{at} [{stands}] {maintained:?}"));
        self.note_rebase(at, before, after)?;
        self.follow()?;
        after.map_or(Ok(()), |after| self.check_time(at, after))
    }

    /// If an office has rebased, or has stopped while it did, everything unanswered there has been decided again.
    pub fn note_rebase(
        &mut self,
        at: usize,
        before: Option<Progress>,
        after: Option<Progress>,
    ) -> Result<(), Violation> {
        let Some(before) = before else { return Ok(()) };
        if after.is_some_and(|after| after.epoch == before.epoch) {
            return Ok(());
        }
        let clock = crate::time::Clock::now(&self.nodes[at].clock);
        let times = [before.now, after.map_or(clock, |after| after.now)];
        let mine = self.pending.iter_mut().filter(|(sent, _)| sent.node == at);
        mine.for_each(|(sent, _)| sent.times.extend(times));
        if after.is_none() {
            return Ok(());
        }
        self.tally.event("rebased");
        self.follow()?;
        self.compare_state(at)
    }
}
