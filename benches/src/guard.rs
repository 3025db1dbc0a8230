//! How busy others keep the machine, from `/proc/stat`. Where that can't be read, nothing is known and nothing is waited for.

use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(4);
const BUSY_MAX: f64 = 0.06;

/// Ticks of all processors so far.
#[derive(Clone, Copy)]
struct Ticks {
    total: f64,
    idle: f64,
    own: f64,
}

impl Ticks {
    fn read(children: &[u32]) -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let cpu: Vec<f64> =
            stat.lines().next()?.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        // A child that has ended is in its parent's count.
        let children = children.iter().filter_map(|child| process_ticks(&child.to_string())).sum::<f64>();
        // user nice system idle iowait irq softirq steal
        let total = cpu.iter().take(8).sum();
        Some(Self { total, idle: cpu.get(3)? + cpu.get(4)?, own: process_ticks("self")? + children })
    }

    /// The share of all processors that others used since `earlier`.
    fn others_since(self, earlier: Self) -> f64 {
        let total = self.total - earlier.total;
        let busy = total - (self.idle - earlier.idle) - (self.own - earlier.own);
        if total > 0.0 { (busy / total).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// What a process and those of its children that have ended have used of the processors, in ticks of a hundredth of a second.
#[must_use]
pub fn process_ticks(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After the name in brackets: state, then fields 4 and on; user and system time of the process and its children are 14 to 17.
    let words = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    Some(words.filter_map(|word| word.parse::<f64>().ok()).sum())
}

/// Watches others during one measurement.
pub struct Watch {
    before: Option<Ticks>,
    children: Vec<u32>,
}

impl Watch {
    /// Waits until others are quiet, a few seconds at most, and begins to watch.
    #[must_use]
    pub fn when_quiet() -> Self {
        Self::when_quiet_but_for(&[])
    }

    /// The same when processes of our own are still running: they are not others.
    #[must_use]
    pub fn when_quiet_but_for(children: &[u32]) -> Self {
        let until = Instant::now() + WAIT_MAX;
        let mut before = Ticks::read(children);
        while let Some(earlier) = before {
            std::thread::sleep(LOOK);
            let now = Ticks::read(children);
            before = now;
            if now.is_none_or(|now| now.others_since(earlier) <= BUSY_MAX) || Instant::now() > until {
                break;
            }
        }
        Self { before, children: children.to_vec() }
    }

    /// The share of all processors that others have used since, in percent.
    #[must_use]
    pub fn others_percent(&self) -> f64 {
        match (self.before, Ticks::read(&self.children)) {
            (Some(before), Some(now)) => 100.0 * now.others_since(before),
            _ => f64::NAN,
        }
    }
}
