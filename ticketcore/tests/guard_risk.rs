//! What is judged how: stories in a small language. A line is a happening (`hold`, `abandon`, `opened`, `paid`, `unpaid`, `declined`, `session`,
//! `join`, `solved`, `wrong`, `limited`), how often and by whom; `wait` and seconds; or `asks` and an activity, and what comes of it.
//! Who: a user `u..`, a device `d..`, an address `a..`, a card `p..`, in any combination; without a device he is new.

#![cfg(not(shuttle))]

use ticketcore::UtcMs;
use ticketcore::guard::{
    Activity, Assessment, Counted, Happening, Judge, Keyed, Mode, Rules, Solved, Subject, VelocityRule, Who,
};

fn who(words: &[&str]) -> Who {
    let keyed = Keyed::new([4; 16]);
    let find = |letter: char, subject: Subject| {
        let word = words.iter().find(|word| word.starts_with(letter) && word[1..].parse::<u32>().is_ok())?;
        Some(keyed.key(subject, 0, word.as_bytes()))
    };
    let device = find('d', Subject::Device);
    Who {
        user: find('u', Subject::User),
        device,
        address: find('a', Subject::Address),
        payment: find('p', Subject::Payment),
        new_device: device.is_none(),
    }
}

fn happening(word: &str) -> Option<Happening> {
    Some(match word {
        "session" => Happening::SessionBegun,
        "join" => Happening::Joined,
        "hold" => Happening::HoldPlaced,
        "abandon" => Happening::HoldAbandoned,
        "opened" => Happening::OrderOpened,
        "paid" => Happening::OrderPaid,
        "unpaid" => Happening::OrderUnpaid,
        "declined" => Happening::PaymentFailed,
        "solved" => Happening::ChallengeSolved,
        "wrong" => Happening::ChallengeFailed,
        "limited" => Happening::Limited,
        _ => return None,
    })
}

fn told(found: &Assessment) -> String {
    let signals: Vec<String> =
        found.signals.iter().map(|signal| format!("{}={}", signal.name, signal.points)).collect();
    let applied = if found.applied == found.verdict { "" } else { " (not applied)" };
    format!("{} {} [{}]{applied}", found.verdict.name(), found.score, signals.join(" "))
}

#[track_caller]
fn story(rules: Rules, lines: &str) {
    let judge = Judge::new(rules, 65_536).expect("good rules");
    let mut now = 1_800_000_000_000;
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, expected) = line.split_once(" -> ").map_or((line, None), |(a, b)| (a, Some(b)));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "wait" => now += words[1].parse::<u64>().expect("seconds") * 1_000,
            "asks" => {
                let activity = Activity::ALL
                    .into_iter()
                    .find(|activity| activity.name() == words[1])
                    .expect("an activity");
                let solved = if line.contains("solving-up-to-60") {
                    Solved::Up(60)
                } else if line.contains("solving") {
                    Solved::Yes
                } else {
                    Solved::No
                };
                let found = judge.assess(activity, &who(&words), solved, UtcMs(now));
                assert_eq!(told(&found), expected.expect("what comes of it"), "{line}");
            }
            word => {
                let happening = happening(word).unwrap_or_else(|| panic!("{line}"));
                let times = words
                    .get(1)
                    .and_then(|word| word.strip_prefix('x'))
                    .map_or(1, |n| n.parse().expect("a number"));
                for _ in 0..times {
                    judge.note(happening, &who(&words), UtcMs(now));
                }
            }
        }
    }
}

#[test]
fn a_person_is_let_through() {
    story(
        Rules::default(),
        "asks session a1 -> allow 10 [new_device=10]
         session a1 d1
         asks hold u1 d1 a1 -> allow 0 []
         hold x5 u1 d1 a1
         abandon x2 u1 d1 a1
         opened u1 d1 a1 p1
         declined x2 u1 d1 a1 p1
         asks order u1 d1 a1 p1 -> allow 24 [reputation_user=12 reputation_device=12]
         paid u1 d1 a1 p1
         asks hold u1 d1 a1 -> allow 4 [reputation_user=2 reputation_device=2]",
    );
}

#[test]
fn who_holds_and_abandons_is_challenged_and_after_a_while_forgotten() {
    story(
        Rules::default(),
        "abandon x6 u1 a1
         asks hold u1 a1 -> challenge 62 [abandons_user=40 new_device=10 reputation_user=12]
         asks hold u1 a1 solving-up-to-60 -> challenge 62 [abandons_user=40 new_device=10 reputation_user=12]
         asks hold u1 a1 solving -> allow 62 [abandons_user=40 new_device=10 reputation_user=12]
         asks hold u2 a1 -> allow 10 [new_device=10]
         wait 7200
         asks hold u1 a1 -> allow 21 [new_device=10 reputation_user=11]",
    );
}

#[test]
fn a_device_that_begins_sessions_without_end_is_the_same_device() {
    story(
        Rules::default(),
        "session x9 d1 a1
         asks session d1 a1 -> challenge 60 [sessions_device=60]
         asks session d2 a1 -> allow 0 []
         asks join u7 d1 a1 -> challenge 60 [sessions_device=60]",
    );
}

#[test]
fn an_address_alone_is_never_enough_at_once() {
    story(
        Rules::default(),
        "session x201 a1
         asks session a1 -> allow 40 [sessions_address=30 new_device=10]
         session x10 a1
         asks session a1 -> challenge 50 [sessions_address=40 new_device=10]
         asks session d1 a1 -> allow 40 [sessions_address=40]",
    );
}

#[test]
fn who_tries_cards_is_challenged_then_reviewed_and_never_denied() {
    story(
        Rules::default(),
        "declined x8 u1 d1 a1 p1
         asks order u1 d1 a1 p1 -> challenge 254 [failures_user=70 failures_device=60 failures_payment=60 reputation_user=32 reputation_device=32]
         asks order u1 d1 a1 p1 solving -> review 254 [failures_user=70 failures_device=60 failures_payment=60 reputation_user=32 reputation_device=32]
         asks hold u1 d1 a1 solving -> allow 194 [failures_user=70 failures_device=60 reputation_user=32 reputation_device=32]
         asks order u2 d2 a1 p1 -> challenge 60 [failures_payment=60]",
    );
}

#[test]
fn orders_that_are_paid_do_not_count_as_opened_and_unpaid() {
    story(
        Rules::default(),
        "opened x5 u1 a1
         asks order u1 a1 -> challenge 55 [unpaid_user=45 new_device=10]
         paid x2 u1 a1
         asks order u1 a1 -> allow 0 [new_device=10 reputation_user=-20]
         unpaid x3 u1 a1
         asks order u1 a1 -> allow 5 [new_device=10 reputation_user=-5]",
    );
}

#[test]
fn in_a_dry_run_everything_is_found_and_nothing_done() {
    story(
        Rules { mode: Mode::DryRun, ..Rules::default() },
        "abandon x6 u1 d1 a1
         asks hold u1 d1 a1 -> challenge 94 [abandons_user=40 abandons_device=30 reputation_user=12 reputation_device=12] (not applied)",
    );
    story(
        Rules { mode: Mode::Off, ..Rules::default() },
        "abandon x60 u1 d1 a1
         asks hold u1 d1 a1 -> allow 0 []",
    );
}

#[test]
fn only_a_rule_of_the_operators_denies_and_only_where_it_goes() {
    let rule = VelocityRule {
        name: "no_scalpers".to_owned(),
        counts: Counted::Holds,
        by: Subject::User,
        seconds: 60,
        over: 2,
        points: 5,
        each: 0,
        points_max: 5,
        at: vec![Activity::Hold],
        deny: true,
    };
    story(
        Rules { velocity: vec![rule], ..Rules::default() },
        "hold x2 u1 d1
         asks hold u1 d1 -> allow 0 []
         hold u1 d1
         asks hold u1 d1 solving -> deny 5 [no_scalpers=5]
         asks order u1 d1 -> allow 0 []
         wait 120
         asks hold u1 d1 -> allow 0 []",
    );
}

#[test]
fn rules_that_can_not_be_meant_are_refused_with_their_place() {
    let rule = |change: fn(&mut VelocityRule)| {
        let mut rules = Rules::default();
        change(&mut rules.velocity[0]);
        rules.check().unwrap_err().place
    };
    assert_eq!(rule(|rule| rule.name = "A b".to_owned()), "velocity.A b");
    assert_eq!(rule(|rule| rule.name = "holds_user".to_owned()), "velocity.holds_user");
    assert_eq!(rule(|rule| rule.seconds = 0), "velocity.sessions_device");
    assert_eq!(rule(|rule| rule.points = 10_001), "velocity.sessions_device");
    let place = |rules: Rules| rules.check().unwrap_err().place;
    assert_eq!(place(Rules { challenge_at: 0, ..Rules::default() }), "challenge_at");
    assert_eq!(place(Rules { review_at: 10, ..Rules::default() }), "review_at");
    assert_eq!(place(Rules { new_device: 50, ..Rules::default() }), "new_device");
    assert!(serde_json::from_str::<Rules>(r#"{"chalenge_at":50}"#).is_err());
    assert!(serde_json::from_str::<Rules>(r#"{"velocity":[{"name":"a"}]}"#).is_err());
}
