//! [`Rules`]: what is suspicious and what follows, as plain data.
//!
//! Points add up to a score. From `challenge_at` on a caller must first solve a challenge; from `review_at` on an order that he opens is
//! looked at by staff. A score alone shuts nobody out: only a rule of the operator's that says `deny`, or a list of his, does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::default_rules;
use super::key::Subject;
use super::reputation::REPUTATION_MAX;
use super::velocity::WINDOW_SECONDS_MAX;

/// Rules about frequency at most.
pub const RULES_MAX: usize = 64;
/// Points of anything at most.
pub const POINTS_MAX: u32 = 10_000;

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Beginning a session without an account.
    Session,
    /// Joining a waiting room.
    Join,
    /// Placing a hold.
    Hold,
    /// Opening an order, or paying for one again.
    Order,
}

impl Activity {
    /// Everything that is judged.
    pub const ALL: [Activity; 4] = [Activity::Session, Activity::Join, Activity::Hold, Activity::Order];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Activity::Session => "session",
            Activity::Join => "join",
            Activity::Hold => "hold",
            Activity::Order => "order",
        }
    }
}

/// What a judge is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// A session without an account was begun.
    SessionBegun,
    /// A waiting room was joined.
    Joined,
    /// A hold was placed.
    HoldPlaced,
    /// A hold ended without an order.
    HoldAbandoned,
    /// An order was opened.
    OrderOpened,
    /// An order was paid, or cost nothing and is final.
    OrderPaid,
    /// An order ended unpaid.
    OrderUnpaid,
    /// A payment was declined.
    PaymentFailed,
    /// A challenge was solved.
    ChallengeSolved,
    /// What was sent for a challenge was no solution of it.
    ChallengeFailed,
    /// A request was refused for its rate.
    Limited,
}

/// What rules about frequency count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Sessions begun.
    Sessions,
    /// Waiting rooms joined.
    Joins,
    /// Holds placed.
    Holds,
    /// Holds that ended without an order.
    Abandons,
    /// Orders opened and not paid, those under way included.
    UnpaidOrders,
    /// Payments declined.
    PaymentFailures,
    /// Challenges answered wrongly.
    ChallengeFailures,
    /// Requests refused for their rate.
    Refusals,
}

impl Counted {
    /// What a happening counts for, and whether it takes back what was counted.
    pub(super) const fn of(happening: Happening) -> Option<(Counted, bool)> {
        Some(match happening {
            Happening::SessionBegun => (Counted::Sessions, false),
            Happening::Joined => (Counted::Joins, false),
            Happening::HoldPlaced => (Counted::Holds, false),
            Happening::HoldAbandoned => (Counted::Abandons, false),
            Happening::OrderOpened => (Counted::UnpaidOrders, false),
            Happening::OrderPaid => (Counted::UnpaidOrders, true),
            Happening::PaymentFailed => (Counted::PaymentFailures, false),
            Happening::ChallengeFailed => (Counted::ChallengeFailures, false),
            Happening::Limited => (Counted::Refusals, false),
            // It was counted when it was opened.
            Happening::OrderUnpaid | Happening::ChallengeSolved => return None,
        })
    }
}

/// What comes of what rules find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is counted or judged.
    Off,
    /// Everything is judged, counted and logged, and everybody is let through.
    DryRun,
    /// What rules say is done.
    #[default]
    Enforce,
}

/// A rule about how often something happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VelocityRule {
    /// Its name in explanations: lower case, digits and `_`.
    pub name: String,
    /// What is counted.
    pub counts: Counted,
    /// Of whom.
    pub by: Subject,
    /// Within so many seconds.
    pub seconds: u32,
    /// More often than this is suspicious.
    pub over: u32,
    /// Points for the first above it.
    pub points: u32,
    /// Points for each further one.
    #[serde(default)]
    pub each: u32,
    /// Points at most.
    #[serde(default = "points_max")]
    pub points_max: u32,
    /// For what it goes; for everything if empty.
    #[serde(default)]
    pub at: Vec<Activity>,
    /// Whether it shuts out, rather than giving points. No rule does by default.
    #[serde(default)]
    pub deny: bool,
}

fn points_max() -> u32 {
    POINTS_MAX
}

impl VelocityRule {
    /// Points for having happened so often.
    #[must_use]
    pub fn points_for(&self, times: u32) -> u32 {
        match times.checked_sub(self.over) {
            None | Some(0) => 0,
            Some(more) => self.points.saturating_add(self.each.saturating_mul(more - 1)).min(self.points_max),
        }
    }
}

/// How reputations come about and what they weigh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReputationRules {
    /// Half of a reputation is forgotten in so many seconds.
    pub half_life_s: u32,
    /// What a bad one adds to a score at most.
    pub worst: u32,
    /// What a good one takes off a score at most.
    pub best: u32,
    /// For a hold that ended without an order.
    pub abandoned: i32,
    /// For an order that ended unpaid.
    pub unpaid: i32,
    /// For a payment that was declined.
    pub payment_failed: i32,
    /// For a challenge answered wrongly.
    pub challenge_failed: i32,
    /// For a challenge solved.
    pub challenge_solved: i32,
    /// For an order that was paid.
    pub paid: i32,
}

/// What is suspicious and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// What comes of what they find.
    pub mode: Mode,
    /// The score from which on a challenge must be solved first.
    pub challenge_at: u32,
    /// The score from which on staff looks at an order.
    pub review_at: u32,
    /// Points for a caller without a device that was seen before.
    pub new_device: u32,
    /// Frequencies.
    pub velocity: Vec<VelocityRule>,
    /// Reputations.
    pub reputation: ReputationRules,
}

impl Default for Rules {
    fn default() -> Self {
        default_rules::rules()
    }
}

impl Default for ReputationRules {
    fn default() -> Self {
        default_rules::reputation()
    }
}

/// Rules that can't be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct BadRule {
    /// Which.
    pub place: String,
    /// Why.
    pub reason: String,
}

impl Rules {
    /// Whether they can be meant.
    ///
    /// # Errors
    /// [`BadRule`], with the first that can't.
    pub fn check(&self) -> Result<(), BadRule> {
        let bad =
            |place: &str, reason: &str| Err(BadRule { place: place.to_owned(), reason: reason.to_owned() });
        if !(1..=POINTS_MAX).contains(&self.challenge_at) {
            return bad("challenge_at", &format!("from 1 to {POINTS_MAX}"));
        }
        if !(self.challenge_at..=POINTS_MAX).contains(&self.review_at) {
            return bad("review_at", &format!("from challenge_at to {POINTS_MAX}"));
        }
        if self.new_device >= self.challenge_at {
            return bad("new_device", "everybody is new once: less than challenge_at");
        }
        if self.velocity.len() > RULES_MAX {
            return bad("velocity", &format!("at most {RULES_MAX} rules"));
        }
        let mut names = BTreeSet::new();
        for rule in &self.velocity {
            let place = format!("velocity.{}", rule.name);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if rule.name.is_empty() || rule.name.len() > 48 || !rule.name.bytes().all(plain) {
                return bad(&place, "a name has 1 to 48 lower-case letters, digits or `_`");
            }
            if !names.insert(&rule.name) {
                return bad(&place, "two rules have this name");
            }
            if !(1..=WINDOW_SECONDS_MAX).contains(&rule.seconds) {
                return bad(&place, &format!("from 1 to {WINDOW_SECONDS_MAX} seconds"));
            }
            if rule.points > POINTS_MAX || rule.points_max > POINTS_MAX {
                return bad(&place, &format!("at most {POINTS_MAX} points"));
            }
        }
        self.reputation.check()
    }
}

impl ReputationRules {
    fn check(&self) -> Result<(), BadRule> {
        let bad = |place: &str, reason: String| Err(BadRule { place: format!("reputation.{place}"), reason });
        if !(1..=WINDOW_SECONDS_MAX * 52).contains(&self.half_life_s) {
            return bad("half_life_s", format!("from 1 to {}", WINDOW_SECONDS_MAX * 52));
        }
        if self.worst > POINTS_MAX || self.best > POINTS_MAX {
            return bad("worst, best", format!("at most {POINTS_MAX} points"));
        }
        let all = [
            self.abandoned,
            self.unpaid,
            self.payment_failed,
            self.challenge_failed,
            self.challenge_solved,
            self.paid,
        ];
        if all.iter().any(|points| points.abs() > REPUTATION_MAX) {
            return bad("points", format!("at most {REPUTATION_MAX}"));
        }
        Ok(())
    }

    /// What a happening adds to a reputation.
    pub(super) const fn points(&self, happening: Happening) -> i32 {
        match happening {
            Happening::HoldAbandoned => self.abandoned,
            Happening::OrderUnpaid => self.unpaid,
            Happening::PaymentFailed => self.payment_failed,
            Happening::ChallengeFailed => self.challenge_failed,
            Happening::ChallengeSolved => self.challenge_solved,
            Happening::OrderPaid => self.paid,
            _ => 0,
        }
    }
}
