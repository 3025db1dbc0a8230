//! Many callers, single holds: 64 threads that wait, beside one; 1,000 tasks on one thread, beside the 64 threads.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use ticketcore::ReleaseRequest;
use ticketcore::store::local::LocalOptions;
use ticketcore_benches::{SEATS, key, user};

use super::{CROWD, Durable, Figures};
use crate::rounds::ROUNDS;
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

const THREADS: u32 = 64;
const TASKS: u32 = 1_000;
const ROUND: Duration = Duration::from_secs(1);

/// Two seats that only caller `number` uses.
fn seats(number: u32) -> [u32; 2] {
    let first = number * 2 % SEATS;
    [first, first + 1]
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(holds: u64, begun: Instant) -> f64 {
    holds as f64 / begun.elapsed().as_secs_f64()
}

fn threads(durable: &Durable, count: u32) -> f64 {
    let holds = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..count {
            let holds = &holds;
            scope.spawn(move || {
                let mut number = u64::from(caller) << 32;
                while begun.elapsed() < ROUND {
                    number += 1;
                    let user = user(number);
                    let hold = durable.opened.hold(user, Some(key(number)), &seats(caller)).expect("free");
                    durable.opened.release(user, None, hold).expect("held");
                    holds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    rate(holds.load(Ordering::Relaxed), begun)
}

async fn task(durable: &Durable, caller: u32, begun: Instant, holds: &AtomicU64) {
    let mut number = u64::from(caller) << 32;
    while begun.elapsed() < ROUND {
        number += 1;
        let user = user(number);
        let request = durable.opened.request(user, Some(key(number)), &seats(caller));
        let hold = durable.opened.office.hold(request).await.expect("free");
        let release = ReleaseRequest { hold: hold.id, user, key: None };
        durable.opened.office.release(release).await.expect("held");
        holds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tasks that can go on.
#[derive(Default)]
struct Ready {
    tasks: Mutex<VecDeque<usize>>,
    some: Condvar,
}

struct Woken(Arc<Ready>, usize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.tasks.lock().push_back(self.1);
        self.0.some.notify_one();
    }
}

/// The smallest executor: one thread, a queue of tasks that were woken.
fn run_all(mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    let ready = Arc::new(Ready::default());
    ready.tasks.lock().extend(0..tasks.len());
    let wakers: Vec<Waker> =
        (0..tasks.len()).map(|at| Waker::from(Arc::new(Woken(Arc::clone(&ready), at)))).collect();
    let mut left = tasks.len();
    while left > 0 {
        let now = {
            let mut woken = ready.tasks.lock();
            while woken.is_empty() {
                ready.some.wait(&mut woken);
            }
            std::mem::take(&mut *woken)
        };
        for at in now {
            if let Poll::Ready(()) = tasks[at].as_mut().poll(&mut Context::from_waker(&wakers[at])) {
                left -= 1;
                tasks[at] = Box::pin(std::future::pending());
            }
        }
    }
}

fn tasks(durable: &Durable) -> f64 {
    let holds = AtomicU64::new(0);
    let begun = Instant::now();
    let task = |caller| Box::pin(task(durable, caller, begun, &holds)) as Pin<Box<dyn Future<Output = ()>>>;
    run_all((0..TASKS).map(task).collect());
    rate(holds.load(Ordering::Relaxed), begun)
}

/// See the module.
pub fn measure() -> Figures {
    let mut rounds: [Vec<f64>; 3] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        rounds[0].push(threads(&Durable::new(LocalOptions::default())?, 1));
        rounds[1].push(threads(&Durable::new(LocalOptions::default())?, THREADS));
        rounds[2].push(tasks(&Durable::new(LocalOptions::default())?));
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let many = Figure::new(CROWD[0], "1/s").goal(Goal::RatioAtLeast(20.0));
    let tasks = Figure::new(CROWD[1], "1/s").goal(Goal::RatioAtLeast(1.0));
    Ok(vec![many.rounds(&rounds[1], &rounds[0], others), tasks.rounds(&rounds[2], &rounds[1], others)])
}
