//! What keeps one caller from taking what is meant for all: rate limits, and judging who behaves like a bot.
//!
//! Pure logic. Nothing here reads a clock, draws a random number, does I/O or starts a thread: who calls says what time it is and under
//! which secret keys are hashed, so that the same calls give the same answers. Everything is safe to share between threads, and nothing
//! grows: every memory has the size that it was made with.
//!
//! * [`Keyed`] makes [`Key`]s of whoever is counted: addresses ([`Block`]), users, devices, API keys.
//! * [`rate`]: a [`Limiter`] by the generic cell rate algorithm, bursts and sustained use together.
//! * [`address`] and [`forwarded`]: whose address a request comes from when proxies stand between, and lists of networks.
//! * [`velocity`] and [`reputation`]: how often something happened of late, and what to think of whom.
//! * [`risk`]: [`Rules`] as plain data, and a [`Judge`] that goes by them: allow, challenge, review, deny, with the reasons.
//! * [`watch`]: what must be looked at again later, a hold that may be abandoned say.
//!
//! ```
//! use ticketcore::UtcMs;
//! use ticketcore::guard::{Answer, Keyed, Limit, Limiter, Subject};
//!
//! let keyed = Keyed::new([7; 16]);
//! let limiter = Limiter::new(1_024);
//! let limit = Limit::new((2, 1), (100, 3_600))?;
//! let ann = keyed.key(Subject::User, 0, b"ann");
//! assert!(matches!(limiter.check(ann, &limit, UtcMs(0)), Answer::Allowed(left) if left.remaining == 1));
//! assert!(matches!(limiter.check(ann, &limit, UtcMs(0)), Answer::Allowed(_)));
//! assert!(matches!(limiter.check(ann, &limit, UtcMs(0)), Answer::Limited(until) if until.retry_after_ms == 500));
//! # Ok::<(), ticketcore::guard::BadLimit>(())
//! ```

pub mod address;
mod default_rules;
pub mod forwarded;
mod judge;
mod key;
pub mod rate;
pub mod reputation;
pub mod risk;
mod steady;
mod table;
pub mod velocity;
pub mod watch;

pub use address::{BadNetwork, Block, Networks};
pub use forwarded::{ForwardedHeader, client_address};
pub use judge::{Assessment, Judge, Signal, Solved, Verdict, Who};
pub use key::{Key, Keyed, Subject};
pub use rate::{Allowed, Answer, BadLimit, Limit, Limited, Limiter, Quota};
pub use reputation::Reputations;
pub use risk::{Activity, BadRule, Counted, Happening, Mode, ReputationRules, Rules, VelocityRule};
pub use table::Fullness;
pub use velocity::{Counters, KeptCounter};
pub use watch::Watch;
