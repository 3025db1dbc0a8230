//! [`Challenges`]: proof of work in the protocol of ALTCHA, version 2, with its official crate. Nobody else is asked.
//!
//! A challenge is signed, so that none need be remembered: it says for whom it is (a keyed hash of the buyer, or of the address of who has no
//! name), for how high a score, and until when. A solution is remembered until its challenge is over, and is good once. The same
//! request sent again, by its idempotency key, is the same use.

use std::collections::BTreeMap;

use altcha::{
    Challenge, CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge, verify_solution,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketcore::UtcMs;
use ticketcore::guard::Watch;

use super::config::ChallengeConfig;
use super::device::{derive, mac};
use crate::http::{Code, Problem};

const ALGORITHM: &str = "PBKDF2/SHA-256";
/// The derived key begins with this: one of 256 tries is right.
const PREFIX: &str = "00";
/// Bytes of a solution's text at most.
const SOLUTION_BYTES_MAX: usize = 4_096;
/// A challenge that was made for a score is good for one so much higher: a score may rise while somebody solves.
const SCORE_SLACK: u32 = 30;
/// The score for which the cost is that of who is suspected most.
const SCORE_WORST: u32 = 200;

/// Why a solution is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsolved {
    /// It can't be read.
    Malformed,
    /// The challenge is not one of ours.
    Forged,
    /// Its time is over.
    Expired,
    /// The work was not done.
    Wrong,
    /// It was used.
    Used,
    /// It is somebody else's.
    Foreign,
}

impl Unsolved {
    pub const fn name(self) -> &'static str {
        match self {
            Unsolved::Malformed => "malformed",
            Unsolved::Forged => "forged",
            Unsolved::Expired => "expired",
            Unsolved::Wrong => "wrong",
            Unsolved::Used => "used",
            Unsolved::Foreign => "foreign",
        }
    }
}

/// A name of whoever a challenge is for.
pub(super) type Bound = [u8; 16];

/// Solutions that were used.
struct Used {
    /// By their nonces: what was right, and for what; and when their challenges end.
    known: Watch<u128, (Option<Right>, UtcMs)>,
    /// Challenges that end by then are refused: what was used of them is no longer known.
    forgotten_until: UtcMs,
}

/// A solution that was right.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Right {
    /// The request it came with...
    purpose: u64,
    /// ...and every byte of it: what is not signed anew must not have changed.
    text: [u8; 32],
    /// The score up to which it is good.
    level: u32,
}

/// Makes challenges and checks solutions.
pub(super) struct Challenges {
    secret: String,
    bind: [u8; 32],
    config: ChallengeConfig,
    used: Mutex<Used>,
}

impl Challenges {
    pub fn new(secret: &[u8; 32], config: ChallengeConfig) -> Self {
        let signs = derive(secret, b"challenge");
        Self {
            secret: signs.iter().map(|byte| format!("{byte:02x}")).collect(),
            bind: derive(secret, b"challenge bound"),
            used: Mutex::new(Used { known: Watch::new(config.used_max), forgotten_until: UtcMs(0) }),
            config,
        }
    }

    /// The name of somebody a challenge may be for.
    pub fn bound(&self, kind: u8, name: &[u8]) -> Bound {
        let whole = mac(&self.bind, &[&[kind], name].concat());
        let mut bound = [0; 16];
        bound.copy_from_slice(&whole[..16]);
        bound
    }

    /// Rounds of a try: they rise evenly with the score.
    pub fn cost(&self, score: u32) -> u32 {
        let (least, most) = (u64::from(self.config.cost), u64::from(self.config.cost_max));
        let risen = (most - least) * u64::from(score.min(SCORE_WORST)) / u64::from(SCORE_WORST);
        u32::try_from(least + risen).unwrap_or(self.config.cost_max)
    }

    /// A challenge for somebody with a score.
    ///
    /// # Errors
    /// [`Code::Internal`].
    pub fn make(&self, bound: Bound, score: u32, now: UtcMs) -> Result<Challenge, Problem> {
        let data = BTreeMap::from([
            ("for".to_owned(), Value::from(hex(&bound))),
            ("level".to_owned(), Value::from(score)),
        ]);
        let options = CreateChallengeOptions {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost(score),
            data: Some(data),
            // In whole seconds, of which the last one counts.
            expires_at: i64::try_from(now.plus_ms(self.config.ttl_ms).0 / 1_000).ok(),
            hmac_signature_secret: Some(self.secret.clone()),
            key_prefix: PREFIX.to_owned(),
            ..CreateChallengeOptions::default()
        };
        create_challenge(options).map_err(|error| Problem::new(Code::Internal, error.to_string()))
    }

    /// The score up to which a solution is good. It takes the time of one try, up to some milliseconds: not for the reactor. `purpose` is the
    /// same for the same request sent again.
    pub fn redeem(&self, text: &str, bound: &[Bound], purpose: u64, now: UtcMs) -> Result<u32, Unsolved> {
        let payload = read(text).ok_or(Unsolved::Malformed)?;
        let parameters = &payload.challenge.parameters;
        let nonce = u128::from_str_radix(&parameters.nonce, 16).map_err(|_| Unsolved::Malformed)?;
        let until = parameters.expires_at.and_then(|at| u64::try_from(at).ok()).ok_or(Unsolved::Forged)?;
        let until = UtcMs(until.saturating_mul(1_000));
        if now > until {
            return Err(Unsolved::Expired);
        }
        let member = |name: &str| parameters.data.as_ref().and_then(|data| data.get(name));
        let named = member("for").and_then(Value::as_str).ok_or(Unsolved::Forged)?;
        let level = member("level").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok());
        let level = level.ok_or(Unsolved::Forged)?.saturating_add(SCORE_SLACK);
        if !bound.iter().any(|bound| hex(bound) == named) {
            return Err(Unsolved::Foreign);
        }
        let right = Right { purpose, text: Sha256::digest(text.trim()).into(), level };
        match self.before(nonce, until, now) {
            Some(Some(before)) if before == right => return Ok(level),
            Some(_) => return Err(Unsolved::Used),
            None => {}
        }
        let options = VerifySolutionOptions::new(&payload.challenge, &payload.solution, self.secret.as_str());
        let found = verify_solution(options).map_err(|_| Unsolved::Forged)?;
        if found.expired {
            return Err(Unsolved::Expired);
        }
        if found.invalid_signature != Some(false) {
            return Err(Unsolved::Forged);
        }
        // One try a challenge: else it could be used to have us reckon.
        let right = found.verified.then_some(right);
        let mut used = self.used.lock();
        if used.known.get(nonce).is_some() {
            return Err(Unsolved::Used);
        }
        if let Some((_, (_, ended))) = used.known.put(nonce, (right, until), until) {
            used.forgotten_until = used.forgotten_until.max(ended);
        }
        if found.verified { Ok(level) } else { Err(Unsolved::Wrong) }
    }

    /// What a challenge was used for before, if it was.
    fn before(&self, nonce: u128, until: UtcMs, now: UtcMs) -> Option<Option<Right>> {
        let mut used = self.used.lock();
        // What is over can't be used in any case.
        let _over = used.known.due(UtcMs(now.0.saturating_sub(1)), 16);
        let known = used.known.get(nonce).map(|(right, _)| *right);
        if known.is_none() && until <= used.forgotten_until { Some(None) } else { known }
    }
}

fn read(text: &str) -> Option<Payload> {
    if text.len() > SOLUTION_BYTES_MAX {
        return None;
    }
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use altcha::{SolveChallengeOptions, solve_challenge};
    use ticketcore::{Clock, SystemClock};

    use super::*;

    fn challenges(used_max: usize) -> Challenges {
        let config = ChallengeConfig { cost: 1, cost_max: 11, used_max, ..ChallengeConfig::default() };
        Challenges::new(&[7; 32], config)
    }

    fn solved(challenge: &Challenge) -> Payload {
        let solution = solve_challenge(SolveChallengeOptions::new(challenge)).unwrap().unwrap();
        Payload { challenge: challenge.clone(), solution }
    }

    fn text(payload: &Payload) -> String {
        BASE64_STANDARD.encode(serde_json::to_vec(payload).unwrap())
    }

    #[test]
    fn a_solution_is_good_once_for_whom_it_is_and_the_same_request_again() {
        let challenges = challenges(8);
        let now = SystemClock.now();
        let (ann, bob) = (challenges.bound(1, b"ann"), challenges.bound(1, b"bob"));
        let challenge = challenges.make(ann, 60, now).unwrap();
        assert_eq!(challenge.parameters.cost, 4);
        let solution = text(&solved(&challenge));
        assert_eq!(challenges.redeem(&solution, &[bob], 1, now), Err(Unsolved::Foreign));
        assert_eq!(challenges.redeem(&solution, &[bob, ann], 1, now), Ok(90));
        assert_eq!(challenges.redeem(&solution, &[ann], 1, now), Ok(90));
        assert_eq!(challenges.redeem(&solution, &[ann], 2, now), Err(Unsolved::Used));
        let late = now.plus_ms(challenges.config.ttl_ms + 1_000);
        assert_eq!(challenges.redeem(&solution, &[ann], 1, late), Err(Unsolved::Expired));
    }

    #[test]
    fn what_was_changed_or_not_worked_for_is_refused_and_uses_the_challenge_up() {
        let challenges = challenges(8);
        let now = SystemClock.now();
        let ann = challenges.bound(1, b"ann");
        let good = solved(&challenges.make(ann, 0, now).unwrap());
        let redeem = |payload: &Payload| challenges.redeem(&text(payload), &[ann], 1, now);
        let changed = |change: fn(&mut Payload)| {
            let mut payload = good.clone();
            change(&mut payload);
            payload
        };
        let cheaper = changed(|payload| payload.challenge.parameters.key_prefix = String::new());
        assert_eq!(redeem(&cheaper), Err(Unsolved::Forged));
        let higher = changed(|payload| {
            payload.challenge.parameters.data.as_mut().unwrap().insert("level".to_owned(), 999.into());
        });
        assert_eq!(redeem(&higher), Err(Unsolved::Forged));
        let unsigned = changed(|payload| payload.challenge.signature = None);
        assert_eq!(redeem(&unsigned), Err(Unsolved::Forged));
        let longer = changed(|payload| *payload.challenge.parameters.expires_at.as_mut().unwrap() += 1);
        assert_eq!(redeem(&longer), Err(Unsolved::Forged));
        let other = Challenges::new(&[8; 32], challenges.config.clone());
        assert_eq!(other.redeem(&text(&good), &[other.bound(1, b"ann")], 1, now), Err(Unsolved::Foreign));
        assert_eq!(other.redeem(&text(&good), &[ann], 1, now), Err(Unsolved::Forged));
        let wrong = changed(|payload| payload.solution.counter += 1);
        assert_eq!(redeem(&wrong), Err(Unsolved::Wrong));
        assert_eq!(redeem(&good), Err(Unsolved::Used), "one try");
        for bad in ["", "?", "e30=", &"A".repeat(5_000)] {
            assert_eq!(challenges.redeem(bad, &[ann], 1, now), Err(Unsolved::Malformed), "{bad}");
        }
    }

    #[test]
    fn what_was_right_for_one_is_right_for_nobody_else_and_no_better_than_it_was() {
        let challenges = challenges(8);
        let now = SystemClock.now();
        let (ann, bob) = (challenges.bound(1, b"ann"), challenges.bound(1, b"bob"));
        let good = solved(&challenges.make(ann, 0, now).unwrap());
        assert_eq!(challenges.redeem(&text(&good), &[ann], 1, now), Ok(30));
        let mut changed = good.clone();
        let data = changed.challenge.parameters.data.as_mut().unwrap();
        data.insert("for".to_owned(), hex(&bob).into());
        assert_eq!(challenges.redeem(&text(&changed), &[bob], 1, now), Err(Unsolved::Used));
        let mut changed = good.clone();
        let data = changed.challenge.parameters.data.as_mut().unwrap();
        data.insert("level".to_owned(), 999.into());
        assert_eq!(challenges.redeem(&text(&changed), &[ann], 1, now), Err(Unsolved::Used));
        assert_eq!(challenges.redeem(&text(&good), &[ann], 1, now), Ok(30), "the same again");
    }

    #[test]
    fn nothing_is_good_twice_even_if_more_is_used_than_is_remembered() {
        let challenges = challenges(4);
        let now = SystemClock.now();
        let ann = challenges.bound(1, b"ann");
        let all: Vec<String> = (0..12_u64)
            .map(|n| text(&solved(&challenges.make(ann, 0, now.plus_ms(n * 1_000)).unwrap())))
            .collect();
        for (n, solution) in (0..).zip(&all) {
            assert_eq!(challenges.redeem(solution, &[ann], n, now), Ok(30));
        }
        for solution in &all {
            assert_eq!(challenges.redeem(solution, &[ann], 99, now), Err(Unsolved::Used));
        }
    }
}
