//! [`CircuitBreaker`]: a gateway in trouble is left alone for a while.
//!
//! Michael Nygard, "Release It!" (2007), "Circuit Breaker". *Closed*: calls go out, and the last few outcomes are remembered. Too many
//! failures among them: *open*, no calls. After a while: *half-open*, a few calls go out, and if all go well it closes, else it opens again.

use crate::time::UtcMs;

/// When a breaker opens, and when it tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// How many of the last outcomes count: 1 to 64.
    pub window: u32,
    /// So many failures among them open it: 1 to `window`.
    pub failures: u32,
    /// How long it stays open, in milliseconds.
    pub open_ms: u64,
    /// So many calls, at least one, try the gateway when that time is over.
    pub probes: u32,
}

impl Default for BreakerOptions {
    /// Ten failures among twenty outcomes; five seconds; two calls.
    fn default() -> Self {
        Self { window: 20, failures: 10, open_ms: 5_000, probes: 2 }
    }
}

/// Leave to call a gateway once. Give it back with the outcome.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a breaker learns nothing from a call whose outcome it is not told"]
pub struct Pass {
    /// Outcomes of calls from before the breaker last changed say nothing about now.
    round: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The last outcomes, newest in the lowest bit, 1 for a failure.
    Closed {
        failed: u64,
    },
    Open {
        since: UtcMs,
    },
    /// `out` calls were let through, `well` of them went well.
    HalfOpen {
        since: UtcMs,
        out: u32,
        well: u32,
    },
}

/// See the module. One per gateway; pure: times are given in.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    options: BreakerOptions,
    state: State,
    round: u64,
}

impl CircuitBreaker {
    /// A closed one. Options outside their bounds are moved to the nearest that is inside.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        let window = options.window.clamp(1, 64);
        let failures = options.failures.clamp(1, window);
        let options = BreakerOptions { window, failures, probes: options.probes.max(1), ..options };
        Self { options, state: State::Closed { failed: 0 }, round: 0 }
    }

    /// Asks whether a call may go out now.
    ///
    /// # Errors
    /// The time before which asking again is in vain.
    pub fn enter(&mut self, now: UtcMs) -> Result<Pass, UtcMs> {
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { since } | State::HalfOpen { since, .. } if now < *since => {
                // The clock stepped back: count from where it is now, or it could be for years.
                *since = now;
                return Err(now.plus_ms(self.options.open_ms));
            }
            State::Open { since } => {
                let until = since.plus_ms(self.options.open_ms);
                if now < until {
                    return Err(until);
                }
                self.change(State::HalfOpen { since: now, out: 1, well: 0 });
            }
            State::HalfOpen { out, .. } if *out < self.options.probes => *out += 1,
            State::HalfOpen { since, .. } => {
                // Who was let through may never come back to tell.
                let until = since.plus_ms(self.options.open_ms);
                if now < until {
                    return Err(until);
                }
                self.change(State::HalfOpen { since: now, out: 1, well: 0 });
            }
        }
        Ok(Pass { round: self.round })
    }

    /// Until when asking is in vain, if it is now; changes nothing.
    #[must_use]
    pub fn shut_until(&self, now: UtcMs) -> Option<UtcMs> {
        let (State::Open { since } | State::HalfOpen { since, .. }) = &self.state else { return None };
        if let State::HalfOpen { out, .. } = &self.state
            && *out < self.options.probes
        {
            return None;
        }
        let until = since.plus_ms(self.options.open_ms);
        (*since <= now && now < until).then_some(until)
    }

    /// Notes how a call ended: well if the gateway did its work ([`Answer::is_healthy`](super::Answer::is_healthy)).
    #[expect(clippy::needless_pass_by_value, reason = "a pass is good for one outcome")]
    pub fn leave(&mut self, pass: Pass, now: UtcMs, went_well: bool) {
        if pass.round != self.round {
            return;
        }
        match &mut self.state {
            State::Closed { failed } => {
                let mask = u64::MAX >> (64 - self.options.window);
                *failed = (*failed << 1 | u64::from(!went_well)) & mask;
                if failed.count_ones() >= self.options.failures {
                    self.change(State::Open { since: now });
                }
            }
            // Nobody is let through while it is open.
            State::Open { .. } => {}
            State::HalfOpen { .. } if !went_well => self.change(State::Open { since: now }),
            State::HalfOpen { well, .. } => {
                *well += 1;
                if *well >= self.options.probes {
                    self.change(State::Closed { failed: 0 });
                }
            }
        }
    }

    /// Whether calls go out as usual.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions { window: 4, failures: 2, open_ms: 100, probes: 2 };

    /// One row: at this time, do this, expect that.
    #[derive(Clone, Copy, Debug)]
    enum Row {
        /// A call goes out and is kept under this letter.
        Out(char),
        /// A call is refused until this time.
        No(u64),
        /// The call of this letter went well.
        Well(char),
        /// It did not.
        Bad(char),
        /// Whether it is closed.
        Closed(bool),
    }
    use Row::{Bad, Closed, No, Out, Well};

    fn run(name: &str, rows: &[(u64, Row)]) {
        let mut breaker = CircuitBreaker::new(OPTIONS);
        let mut out = std::collections::BTreeMap::new();
        for (at, (now, row)) in rows.iter().enumerate() {
            let now = UtcMs(*now);
            match *row {
                Out(letter) => {
                    assert_eq!(breaker.shut_until(now), None, "{name} {at}: {row:?}");
                    let pass = breaker.enter(now).unwrap_or_else(|_| panic!("{name} {at}: {row:?}"));
                    out.insert(letter, pass);
                }
                No(until) => {
                    let shut = breaker.shut_until(now);
                    assert_eq!(breaker.enter(now), Err(UtcMs(until)), "{name} {at}: {row:?}");
                    // Asked first, it says the same, but for a clock that has just stepped back.
                    assert!(shut.is_none_or(|shut| shut == UtcMs(until)), "{name} {at}: {shut:?}");
                    assert_eq!(breaker.shut_until(now), Some(UtcMs(until)), "{name} {at}: {row:?}");
                }
                Well(letter) => breaker.leave(out.remove(&letter).unwrap(), now, true),
                Bad(letter) => breaker.leave(out.remove(&letter).unwrap(), now, false),
                Closed(closed) => assert_eq!(breaker.is_closed(), closed, "{name} {at}: {row:?}"),
            }
        }
    }

    #[test]
    fn rows() {
        let opened = [
            (0, Out('a')),
            (0, Out('b')),
            (1, Bad('a')),
            (1, Closed(true)),
            (2, Bad('b')),
            (2, Closed(false)),
        ];
        let with = |rest: &[(u64, Row)]| [&opened[..], rest].concat();
        run("opens after two failures", &with(&[(2, No(102)), (101, No(102)), (102, Out('c'))]));
        run(
            "probes close it",
            &with(&[
                (102, Out('c')),
                (103, Out('d')),
                (104, No(202)),
                (105, Well('c')),
                (105, Closed(false)),
                (106, Well('d')),
                (106, Closed(true)),
                (107, Out('e')),
                (108, Bad('e')),
                (108, Closed(true)),
            ]),
        );
        run(
            "a failed probe opens it again",
            &with(&[
                (102, Out('c')),
                (103, Out('d')),
                (105, Well('c')),
                (110, Bad('d')),
                (110, No(210)),
                (210, Out('e')),
            ]),
        );
        run(
            "lost probes do not jam it",
            &with(&[
                (102, Out('c')),
                (103, Out('d')),
                (201, No(202)),
                (202, Out('e')),
                (203, Bad('c')),
                (204, Out('f')),
                (205, Well('e')),
                (205, Well('f')),
                (205, Closed(true)),
            ]),
        );
        run(
            "failures pass out of the window",
            &[
                (0, Out('a')),
                (0, Bad('a')),
                (0, Out('b')),
                (0, Well('b')),
                (0, Out('c')),
                (0, Well('c')),
                (0, Out('d')),
                (0, Well('d')),
                (0, Out('e')),
                (0, Bad('e')),
                (0, Closed(true)),
                (0, Out('f')),
                (0, Bad('f')),
                (0, Closed(false)),
            ],
        );
        run(
            "late outcomes change nothing",
            &[
                (0, Out('a')),
                (0, Out('b')),
                (0, Out('c')),
                (0, Out('d')),
                (0, Bad('a')),
                (0, Bad('b')),
                (50, Bad('c')),
                (60, No(100)),
                (100, Out('e')),
                (101, Bad('d')),
                (102, Out('f')),
                (103, Well('e')),
                (103, Well('f')),
                (103, Closed(true)),
            ],
        );
        run(
            "a clock that steps back shuts it for no longer than usual",
            &with(&[(1_000_000, Out('c')), (1_000_000, Bad('c')), (500, No(600)), (600, Out('d'))]),
        );
    }

    #[test]
    fn options_are_moved_into_their_bounds() {
        let mut breaker =
            CircuitBreaker::new(BreakerOptions { window: 900, failures: 0, open_ms: 1, probes: 0 });
        assert_eq!(breaker.options, BreakerOptions { window: 64, failures: 1, open_ms: 1, probes: 1 });
        let pass = breaker.enter(UtcMs(0)).unwrap();
        breaker.leave(pass, UtcMs(0), false);
        assert!(!breaker.is_closed());
    }
}
