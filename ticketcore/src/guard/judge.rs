//! [`Judge`]: counts what happens and says what to think of who asks for something.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::key::{Key, Subject};
use super::reputation::Reputations;
use super::risk::{Activity, BadRule, Counted, Happening, Mode, Rules, VelocityRule};
use super::table::Fullness;
use super::velocity::Counters;
use crate::time::UtcMs;

/// Who does something, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user.
    pub user: Option<Key>,
    /// The device, if it showed a cookie of ours.
    pub device: Option<Key>,
    /// The address.
    pub address: Option<Key>,
    /// With what is paid.
    pub payment: Option<Key>,
    /// Whether the device was not seen before, or is not told.
    pub new_device: bool,
}

impl Who {
    fn key(&self, subject: Subject) -> Option<Key> {
        match subject {
            Subject::User => self.user,
            Subject::Device => self.device,
            Subject::Address => self.address,
            Subject::Payment => self.payment,
            Subject::ApiKey => None,
        }
    }
}

/// Whether the challenge that may be demanded was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solved {
    /// No.
    No,
    /// One for so high a score.
    Up(u32),
    /// One that is worth any score.
    Yes,
}

/// What to do about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Let him.
    Allow,
    /// Let him, and have staff look at the order.
    Review,
    /// Let him once he has solved a challenge.
    Challenge,
    /// Do not let him: the operator says so.
    Deny,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 4] = [Verdict::Allow, Verdict::Review, Verdict::Challenge, Verdict::Deny];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Review => "review",
            Verdict::Challenge => "challenge",
            Verdict::Deny => "deny",
        }
    }
}

/// One reason of a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The rule's name.
    pub name: Arc<str>,
    /// What it adds; below 0 if it speaks for the caller.
    pub points: i32,
    /// How often it was, or the reputation.
    pub seen: i64,
}

/// What was found about somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The sum of the points, not below 0.
    pub score: u32,
    /// What it consists of.
    pub signals: Vec<Signal>,
    /// What the rules say.
    pub verdict: Verdict,
    /// What is done: everybody is let through in a dry run.
    pub applied: Verdict,
}

struct Rule {
    name: Arc<str>,
    rule: VelocityRule,
}

/// Counts and judges by [`Rules`], in memories of fixed size.
pub struct Judge {
    rules: Rules,
    velocity: Vec<Rule>,
    counters: Counters,
    reputations: Reputations,
    /// Who may be shut out by which rule has a name of its own there.
    names: [Arc<str>; 3],
}

impl Judge {
    /// A judge by rules, with room for so many counters and half as many reputations.
    ///
    /// # Errors
    /// [`BadRule`].
    pub fn new(rules: Rules, counters_max: usize) -> Result<Self, BadRule> {
        rules.check()?;
        let named = |rule: &VelocityRule| Rule { name: rule.name.as_str().into(), rule: rule.clone() };
        Ok(Self {
            velocity: rules.velocity.iter().map(named).collect(),
            counters: Counters::new(counters_max),
            reputations: Reputations::new(counters_max / 2, rules.reputation.half_life_s),
            names: ["new_device", "reputation_user", "reputation_device"].map(Arc::from),
            rules,
        })
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Something happened.
    pub fn note(&self, happening: Happening, who: &Who, clock: UtcMs) {
        if self.rules.mode == Mode::Off {
            return;
        }
        if let Some((counted, back)) = Counted::of(happening) {
            for (at, Rule { rule, .. }) in self.velocity.iter().enumerate() {
                let counted_by = |other: &Rule| same_counter(&other.rule, rule);
                // Rules that count the same share the counter.
                if rule.counts != counted || self.velocity[..at].iter().any(counted_by) {
                    continue;
                }
                let Some(key) = who.key(rule.by) else { continue };
                let key = key.with(counted as u64 + 1);
                if back {
                    self.counters.take_back(key, rule.seconds, 1, clock);
                } else {
                    self.counters.add(key, rule.seconds, 1, clock);
                }
            }
        }
        let points = self.rules.reputation.points(happening);
        if points != 0 {
            for key in [who.user, who.device].into_iter().flatten() {
                self.reputations.add(key, points, clock);
            }
        }
    }

    /// What to think of who asks for something. Nothing is counted.
    #[must_use]
    pub fn assess(&self, activity: Activity, who: &Who, solved: Solved, clock: UtcMs) -> Assessment {
        if self.rules.mode == Mode::Off {
            let (verdict, applied) = (Verdict::Allow, Verdict::Allow);
            return Assessment { score: 0, signals: Vec::new(), verdict, applied };
        }
        let (mut signals, mut denied) = (Vec::new(), false);
        for Rule { name, rule } in &self.velocity {
            if !rule.at.is_empty() && !rule.at.contains(&activity) {
                continue;
            }
            let Some(key) = who.key(rule.by) else { continue };
            let seen = self.counters.count(key.with(rule.counts as u64 + 1), rule.seconds, clock);
            if seen > rule.over {
                denied |= rule.deny;
                let points = rule.points_for(seen).cast_signed();
                signals.push(Signal { name: Arc::clone(name), points, seen: i64::from(seen) });
            }
        }
        self.known_of(who, clock, &mut signals);
        let sum: i64 = signals.iter().map(|signal| i64::from(signal.points)).sum();
        let score = u32::try_from(sum.max(0)).unwrap_or(u32::MAX);
        let verdict = if denied { Verdict::Deny } else { self.verdict(activity, score, solved) };
        let applied = if self.rules.mode == Mode::Enforce { verdict } else { Verdict::Allow };
        Assessment { score, signals, verdict, applied }
    }

    /// How often what happened.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether anything is counted by a kind of somebody.
    #[must_use]
    pub fn counts_by(&self, subject: Subject) -> bool {
        self.rules.mode != Mode::Off && self.rules.velocity.iter().any(|rule| rule.by == subject)
    }

    /// What is remembered of users and devices for longer than any window.
    #[must_use]
    pub const fn reputations(&self) -> &Reputations {
        &self.reputations
    }

    /// How full its memories are: counters, reputations.
    #[must_use]
    pub fn fullness(&self) -> [Fullness; 2] {
        [self.counters.fullness(), self.reputations.fullness()]
    }

    /// What does not depend on how often something was of late.
    fn known_of(&self, who: &Who, clock: UtcMs, signals: &mut Vec<Signal>) {
        let [new_device, user, device] = &self.names;
        if who.new_device && self.rules.new_device > 0 {
            let points = self.rules.new_device.cast_signed();
            signals.push(Signal { name: Arc::clone(new_device), points, seen: 1 });
        }
        let (best, worst) = (self.rules.reputation.best, self.rules.reputation.worst);
        for (key, name) in [(who.user, user), (who.device, device)] {
            let Some(key) = key else { continue };
            let found = self.reputations.of(key, clock);
            let points = found.clamp(-best.cast_signed(), worst.cast_signed());
            if points != 0 {
                signals.push(Signal { name: Arc::clone(name), points, seen: i64::from(found) });
            }
        }
    }

    fn verdict(&self, activity: Activity, score: u32, solved: Solved) -> Verdict {
        let met = match solved {
            Solved::No => false,
            Solved::Up(to) => score <= to,
            Solved::Yes => true,
        };
        if score >= self.rules.challenge_at && !met {
            Verdict::Challenge
        } else if score >= self.rules.review_at && activity == Activity::Order {
            Verdict::Review
        } else {
            Verdict::Allow
        }
    }
}

fn same_counter(one: &VelocityRule, other: &VelocityRule) -> bool {
    (one.counts, one.by, one.seconds) == (other.counts, other.by, other.seconds)
}
