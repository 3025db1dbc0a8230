//! Timed loops.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use ticketcore::manifest::{Definition, Rules};
use ticketcore::store::MemoryStore;
use ticketcore::{CommandError, Options};
use ticketcore_benches::{Opened, open, stadium};

/// Rounds of every figure.
pub const ROUNDS: usize = 5;
/// How long one round takes.
pub const ROUND: Duration = Duration::from_millis(400);
/// How long a round is warmed up.
pub const WARM_UP: Duration = Duration::from_millis(100);

const CALLS_PER_LOOK: u32 = 64;

/// Calls `call` for so long and says how often a second that went.
pub fn per_second(time: Duration, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0u64;
    loop {
        for _ in 0..CALLS_PER_LOOK {
            call();
        }
        calls += u64::from(CALLS_PER_LOOK);
        let taken = start.elapsed();
        if taken >= time {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            return calls as f64 / taken.as_secs_f64();
        }
    }
}

/// Warms up, then measures.
pub fn warm_per_second(mut call: impl FnMut()) -> f64 {
    let _warm = per_second(WARM_UP, &mut call);
    per_second(ROUND, call)
}

/// Two threads begin together; what each of them returns.
pub fn two_threads<R: Send>(work: impl Fn(u64, &dyn Fn()) -> R + Sync) -> [R; 2] {
    let barrier = Barrier::new(2);
    let begin = || {
        let _leader = barrier.wait();
    };
    std::thread::scope(|scope| {
        let (work, begin) = (&work, &begin);
        let other = scope.spawn(move || work(1, begin));
        let own = work(0, begin);
        match other.join() {
            Ok(other) => [own, other],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// The options of a measured box office.
pub fn options() -> Options {
    Options { snapshot_every: 0, ..Options::default() }
}

/// The stadium with the usual rules.
pub fn usual() -> Definition {
    stadium(Rules::new("Final"))
}

/// The stadium on sale in a fresh memory store.
pub fn fresh(definition: &Definition) -> Result<Opened, CommandError> {
    open(Arc::new(MemoryStore::new()), options(), definition)
}
