//! [`Guard::check`]: whether somebody may do what bots are after.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use ticketcore::guard::{
    Activity, Assessment, Block, Happening, Key, Mode, Signal, Solved, Subject, Verdict, Who,
};
use ticketcore::order::Identity;

use super::Guard;
use super::audit::{Entry, Reason};
use super::challenge::{Bound, Unsolved};
use super::metrics::{Answered, Decided};
use crate::api::shapes::rfc3339;
use crate::auth::{Principal, user_text};
use crate::http::{Call, Code, Problem};

/// The header that a solution may come in.
pub(crate) const SOLUTION: &str = "challenge-solution";
/// The header for what a page got of a captcha service.
const CAPTCHA: &str = "captcha-response";

/// What a request brings along beside its headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'a> {
    /// A solution in its body.
    pub solution: Option<&'a str>,
    /// Its idempotency key: sent again, it may bring the same solution.
    pub key: Option<&'a str>,
    /// With what is paid, if it pays.
    pub payment: Option<Paying<'a>>,
    /// Whether a challenge must be solved whoever it is.
    pub demanded: bool,
}

/// With what somebody pays.
#[derive(Clone, Copy, Debug)]
pub struct Paying<'a> {
    /// The payment method's id.
    pub method: &'a str,
    /// Whose instrument it is, if the gateway tells: the same under any method of it.
    pub instrument: Option<Identity>,
}

/// Somebody who may go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judged {
    /// In the keys of what is counted.
    pub(super) who: Who,
    /// The payment method's id, if he pays.
    pub(super) method: Option<Key>,
    /// Nothing is counted of him.
    pub(super) exempt: bool,
    /// Whether staff must look at what comes of it.
    pub review: bool,
}

/// What a client needs to know about the challenge.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Demand<'a> {
    url: &'static str,
    header: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    captcha_site_key: Option<&'a str>,
}

impl Guard {
    /// Whether somebody may do something: he may, or must solve a challenge first, or is shut out by the operator. Counted and logged; what
    /// comes of it is told by [`note`](Self::note) and its like.
    ///
    /// # Errors
    /// [`Code::ChallengeRequired`], [`Code::Denied`].
    pub async fn check(
        self: &Arc<Self>,
        activity: Activity,
        call: &Call,
        sent: Sent<'_>,
    ) -> Result<Judged, Problem> {
        let (who, method) = self.who_pays(call, sent);
        let exempt = self.is_exempt(call);
        if exempt && !sent.demanded {
            let label = Decided { activity: activity.name(), verdict: "exempt", enforced: "true" };
            self.metrics.decisions.get_or_create(&label).inc();
            return Ok(Judged { who, method, exempt, review: false });
        }
        let mut found = self.judge.assess(activity, &who, Solved::No, self.clock.now());
        let mut answered = None;
        if found.verdict == Verdict::Challenge || sent.demanded {
            let solved = self.solved(call, sent, &who).await;
            answered = solved.as_ref().map(|solved| solved.map_or_else(Unsolved::name, |_| "solved"));
            let solved = solved.and_then(Result::ok).unwrap_or(Solved::No);
            // The score with which he came: solving makes nobody's score better at once, nor failing worse.
            found = self.assess_again(activity, &who, solved, found);
            if sent.demanded && solved == Solved::No && found.verdict != Verdict::Deny {
                found.verdict = Verdict::Challenge;
                found.applied = Verdict::Challenge;
            }
        }
        self.tell(activity, call, &found, answered);
        match found.applied {
            Verdict::Allow => Ok(Judged { who, method, exempt, review: false }),
            Verdict::Review => Ok(Judged { who, method, exempt, review: true }),
            Verdict::Challenge => Err(self.demand(answered)),
            Verdict::Deny => Err(Problem::new(Code::Denied, "A rule of the operator's says no")),
        }
    }

    /// Whether it matters whose instrument a caller pays with.
    #[must_use]
    pub fn counts_instruments(&self, call: &Call) -> bool {
        !self.is_exempt(call) && self.judge.counts_by(Subject::Payment)
    }

    /// Somebody who was let through before and asks the same again. Nothing is decided.
    #[must_use]
    pub fn again(&self, call: &Call, sent: Sent<'_>) -> Judged {
        let (who, method) = self.who_pays(call, sent);
        Judged { who, method, exempt: self.is_exempt(call), review: false }
    }

    /// Somebody who was let through did something, or something came of it.
    pub fn note(&self, happening: Happening, judged: &Judged) {
        if !judged.exempt {
            self.judge.note(happening, &judged.who, self.clock.now());
        }
    }

    /// A challenge for whoever is calling, as hard as he is suspected.
    ///
    /// # Errors
    /// [`Code::Internal`].
    pub fn challenge(&self, call: &Call) -> Result<altcha::Challenge, Problem> {
        let who = self.who(call.remote, &call.principal, call.known.device);
        let now = self.clock.now();
        let score = if call.known.exempt {
            0
        } else {
            self.judge.assess(Activity::Order, &who, Solved::No, now).score
        };
        let bound = self.bound(call);
        let challenge = self.challenges.make(bound[0], score, now)?;
        self.metrics.challenges.get_or_create(&Answered { outcome: "given" }).inc();
        Ok(challenge)
    }

    /// Whoever has an API key answers for his customers himself: he can't pass a challenge on in the middle of a sale, and the key has its
    /// limits.
    fn is_exempt(&self, call: &Call) -> bool {
        let by_key = matches!(call.principal, Principal::Key(..));
        call.known.exempt || by_key || self.judge.rules().mode == Mode::Off
    }

    /// Who is calling, and the payment method by its id.
    fn who_pays(&self, call: &Call, sent: Sent<'_>) -> (Who, Option<Key>) {
        let mut who = self.who(call.remote, &call.principal, call.known.device);
        let method = sent.payment.map(|paying| self.method(paying.method));
        let instrument = sent.payment.and_then(|paying| paying.instrument);
        let instrument = instrument.map(|of| self.keyed.key(Subject::Payment, 1, &of.0.to_be_bytes()));
        who.payment = instrument.or(method);
        (who, method)
    }

    /// A payment method by its id.
    pub(super) fn method(&self, id: &str) -> Key {
        self.keyed.key(Subject::Payment, 0, id.as_bytes())
    }

    fn assess_again(&self, activity: Activity, who: &Who, solved: Solved, before: Assessment) -> Assessment {
        if solved == Solved::No {
            return before;
        }
        let after = self.judge.assess(activity, who, solved, self.clock.now());
        Assessment { score: before.score, signals: before.signals, ..after }
    }

    /// What was brought along for a challenge, if anything was.
    async fn solved(
        self: &Arc<Self>,
        call: &Call,
        sent: Sent<'_>,
        who: &Who,
    ) -> Option<Result<Solved, Unsolved>> {
        let outcome = match (sent.solution.or_else(|| call.header(SOLUTION)), call.header(CAPTCHA)) {
            (Some(solution), _) => self.worked(call, sent, solution.to_owned()).await,
            (None, Some(token)) => self.asked(call, token).await?,
            (None, None) => return None,
        };
        let (happening, outcome_name) = match outcome {
            Ok(_) => (Happening::ChallengeSolved, "solved"),
            Err(unsolved) => (Happening::ChallengeFailed, unsolved.name()),
        };
        self.metrics.challenges.get_or_create(&Answered { outcome: outcome_name }).inc();
        self.judge.note(happening, who, self.clock.now());
        Some(outcome)
    }

    async fn worked(
        self: &Arc<Self>,
        call: &Call,
        sent: Sent<'_>,
        solution: String,
    ) -> Result<Solved, Unsolved> {
        let bound = self.bound(call);
        let (purpose, now) = (purpose(call, sent.key, bound.first()), self.clock.now());
        let guard = Arc::clone(self);
        let work = move || guard.challenges.redeem(&solution, &bound, purpose, now);
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unsolved::Malformed)).map(Solved::Up)
    }

    /// `None` if there is no service or it does not say: the proof of work is open to everybody.
    async fn asked(&self, call: &Call, token: &str) -> Option<Result<Solved, Unsolved>> {
        match self.captcha.as_ref()?.verify(token, call.remote).await {
            Ok(true) => Some(Ok(Solved::Yes)),
            Ok(false) => Some(Err(Unsolved::Wrong)),
            Err(error) => {
                tracing::warn!(%error, "nobody can be verified");
                self.metrics.challenges.get_or_create(&Answered { outcome: "unavailable" }).inc();
                None
            }
        }
    }

    /// Whom a challenge may be for: first whom a new one is for.
    fn bound(&self, call: &Call) -> Vec<Bound> {
        let address = || self.challenges.bound(0, &Block::of(call.remote).bytes());
        match &call.principal {
            Principal::Buyer(user) | Principal::Key(_, Some(user)) => {
                // Solved before he had a name.
                vec![self.challenges.bound(1, &user.0), address()]
            }
            Principal::Key(grant, None) => vec![self.challenges.bound(2, grant.id.as_bytes())],
            Principal::Anonymous => vec![address()],
        }
    }

    fn demand(&self, answered: Option<&str>) -> Problem {
        let told = match answered {
            None => "Solve the challenge and send the same request again with the solution",
            Some("used") => "The solution was used: solve another challenge",
            Some("expired") => "The time of the challenge was over: solve another",
            Some("solved") => "The challenge was easier than it must be by now: solve another",
            Some(_) => "That was no solution of a challenge for this caller: solve another",
        };
        let captcha_site_key = self.captcha.as_ref().map(|captcha| captcha.site_key());
        let demand = Demand { url: "/v1/challenge", header: "Challenge-Solution", captcha_site_key };
        Problem::new(Code::ChallengeRequired, told).with("challenge", demand)
    }

    /// Counts and logs a decision.
    fn tell(&self, activity: Activity, call: &Call, found: &Assessment, answered: Option<&str>) {
        let enforced = found.applied == found.verdict;
        let label = Decided {
            activity: activity.name(),
            verdict: found.verdict.name(),
            enforced: if enforced { "true" } else { "false" },
        };
        self.metrics.decisions.get_or_create(&label).inc();
        if !self.audit.is_kept() {
            return;
        }
        let signals = found.signals.iter().map(reason).collect();
        let (user, api_key) = match &call.principal {
            Principal::Buyer(user) => (Some(*user), None),
            Principal::Key(grant, user) => (*user, Some(grant.id.as_str())),
            Principal::Anonymous => (None, None),
        };
        let block = Block::of(call.remote);
        let device = call.known.device.map(|device| {
            let plain = || device.0.iter().map(|byte| format!("{byte:02x}")).collect();
            self.audit.name("device", &device.0, plain)
        });
        let entry = Entry {
            time: rfc3339(self.clock.now()),
            request_id: call.request_id.as_str(),
            activity: activity.name(),
            verdict: found.verdict.name(),
            enforced,
            score: found.score,
            signals,
            challenge: answered,
            user: user.map(|user| self.audit.name("user", &user.0, || user_text(user))),
            device,
            address: Some(self.audit.name("address", &block.bytes(), || call.remote.to_string())),
            api_key,
        };
        if !self.audit.note(&entry) {
            self.metrics.audit_dropped.inc();
        }
    }
}

fn reason(signal: &Signal) -> Reason<'_> {
    Reason { name: &signal.name, points: signal.points, seen: signal.seen }
}

/// The same for the same request of the same caller sent again; by chance only for others. Without a key no request is another's twin.
fn purpose(call: &Call, key: Option<&str>, caller: Option<&Bound>) -> u64 {
    let mut hasher = DefaultHasher::new();
    caller.hash(&mut hasher);
    call.uri.path().hash(&mut hasher);
    match key.or_else(|| call.header("idempotency-key")) {
        Some(key) => key.trim_matches('"').hash(&mut hasher),
        None => call.request_id.as_str().hash(&mut hasher),
    }
    hasher.finish()
}
