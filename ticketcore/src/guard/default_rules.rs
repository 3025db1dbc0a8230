//! The rules of a server that says nothing else.
//!
//! A person who buys for his family, changes his mind twice and mistypes his card meets none of them. Addresses weigh little, and only when
//! hundreds come: behind one may be an office or all of a mobile network.

use super::key::Subject;
use super::risk::{Counted, Mode, ReputationRules, Rules, VelocityRule};

/// What is counted, by whom, in how many seconds, over how many, points, for each more, at most.
type Row = (&'static str, Counted, Subject, u32, u32, u32, u32, u32);

const ROWS: &[Row] = &[
    ("sessions_device", Counted::Sessions, Subject::Device, 3_600, 5, 30, 10, 80),
    ("sessions_address", Counted::Sessions, Subject::Address, 600, 200, 30, 1, 60),
    ("joins_user", Counted::Joins, Subject::User, 600, 20, 30, 5, 60),
    ("joins_device", Counted::Joins, Subject::Device, 3_600, 5, 30, 10, 80),
    ("joins_address", Counted::Joins, Subject::Address, 600, 300, 30, 1, 60),
    ("holds_user", Counted::Holds, Subject::User, 600, 12, 30, 5, 60),
    ("holds_device", Counted::Holds, Subject::Device, 600, 15, 30, 5, 60),
    ("holds_address", Counted::Holds, Subject::Address, 600, 300, 20, 1, 50),
    ("abandons_user", Counted::Abandons, Subject::User, 3_600, 4, 30, 10, 70),
    ("abandons_device", Counted::Abandons, Subject::Device, 3_600, 5, 30, 10, 70),
    ("abandons_address", Counted::Abandons, Subject::Address, 3_600, 300, 20, 1, 40),
    ("unpaid_user", Counted::UnpaidOrders, Subject::User, 3_600, 3, 30, 15, 60),
    ("unpaid_device", Counted::UnpaidOrders, Subject::Device, 3_600, 4, 30, 15, 60),
    ("failures_user", Counted::PaymentFailures, Subject::User, 3_600, 4, 40, 10, 80),
    ("failures_device", Counted::PaymentFailures, Subject::Device, 3_600, 5, 40, 10, 80),
    ("failures_payment", Counted::PaymentFailures, Subject::Payment, 3_600, 5, 40, 10, 60),
    ("failures_address", Counted::PaymentFailures, Subject::Address, 3_600, 100, 20, 1, 40),
    ("wrong_answers_address", Counted::ChallengeFailures, Subject::Address, 600, 50, 20, 1, 40),
    ("refusals_address", Counted::Refusals, Subject::Address, 600, 1_000, 20, 0, 20),
];

pub(super) fn rules() -> Rules {
    let rule = |row: &Row| {
        let (name, counts, by, seconds, over, points, each, points_max) = *row;
        VelocityRule {
            name: name.to_owned(),
            counts,
            by,
            seconds,
            over,
            points,
            each,
            points_max,
            at: Vec::new(),
            deny: false,
        }
    };
    Rules {
        mode: Mode::Enforce,
        challenge_at: 50,
        review_at: 100,
        new_device: 10,
        velocity: ROWS.iter().map(rule).collect(),
        reputation: reputation(),
    }
}

pub(super) fn reputation() -> ReputationRules {
    ReputationRules {
        half_life_s: 7 * 86_400,
        worst: 40,
        best: 30,
        abandoned: 2,
        unpaid: 5,
        payment_failed: 4,
        challenge_failed: 3,
        challenge_solved: -2,
        paid: -10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_can_be_meant_and_shut_nobody_out() {
        let rules = rules();
        assert_eq!(rules.check(), Ok(()));
        assert!(rules.velocity.iter().all(|rule| !rule.deny));
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), rules);
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), rules);
    }

    #[test]
    fn nothing_that_one_rule_finds_about_an_address_is_a_challenge_by_itself_at_once() {
        let rules = rules();
        for rule in rules.velocity.iter().filter(|rule| rule.by == Subject::Address) {
            assert!(rule.points + rules.new_device < rules.challenge_at, "{}", rule.name);
        }
    }
}
