//! One run: people before the room, the real room and controller, the shop behind it.

use serde_json::json;
use ticketcore::admission::{
    Bound, Controller, Joined, Meter, Phase, Place, Room, RoomConfig, RoomFact, Tagger, WaitEstimate,
};
use ticketcore::{EventId, UserId, UtcMs};

use super::scenario::Scenario;
use super::shop::{Chance, Shop};

/// One second.
pub struct Point {
    pub called: u64,
    pub active: u32,
    pub limit: u32,
    pub free: u32,
    pub sold: u32,
    pub call: u64,
    pub bound: Bound,
}

impl Point {
    /// As a line for people.
    pub fn line(&self) -> String {
        let Self { called, active, limit, free, sold, call, bound } = self;
        format!(
            "{called} called ({call} now, {bound:?}), {active} inside of {limit}, {free} free, {sold} sold"
        )
    }
}

/// What came of a run.
pub struct Outcome {
    pub points: Vec<Point>,
    pub active_max: u32,
    pub ceiling: u32,
    pub came: u64,
    pub found_nothing: u32,
    pub sold: u32,
    pub free: u32,
    pub held: u32,
    /// Of waits that were told, how many were no longer than the median and the ninth decile that were told.
    pub told: (u64, u64, u64),
    /// Calls in the last minute of the gateway's trouble, and in the five after it.
    pub during: u64,
    pub after: u64,
}

/// Runs a scenario.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let mut chance = Chance(seed);
    let mut room = filled(scenario);
    let mut shop = Shop::new(scenario.seats);
    let mut controller = Controller::new(&room.config().control.clone());
    let (mut meter, mut pace) = (Meter::default(), WaitEstimate::default());
    let mut coming: Vec<(u64, u32)> = Vec::new();
    let mut quotes: Vec<(u64, u64, u64, u64)> = Vec::new();
    let (mut points, mut active_max) = (Vec::new(), 0);
    let mut told = (0, 0, 0);
    for second in 1..=scenario.seconds {
        let now = UtcMs(second * 1_000);
        let slower = match scenario.trouble {
            Some((from, until, slower)) if (from..until).contains(&second) => slower,
            _ => 1.0,
        };
        room.forget_ended(now);
        let measured = meter.measure(&room, now, Some(shop.health(now, slower)), Some(shop.stock()));
        let control = room.config().control;
        let step = controller.step(&control, &measured);
        let before = room.called();
        if let Ok(Some(fact)) = room.call(step.call) {
            room.apply(now, &fact);
        }
        for position in before..room.called() {
            if chance.permille(scenario.show_permille) {
                let number = room.number_at(position).unwrap_or_default();
                coming.push((second + chance.below(8), number));
            }
        }
        pace.record(now, room.called());
        quote(&room, &pace, second, &mut chance, &mut quotes, &mut told);
        coming.retain(|(at, number)| {
            *at > second || !enter(&mut room, &mut shop, (now, second), *number, &mut chance)
        });
        let mut decide = |_number: u32, chance: &mut Chance| {
            (chance.permille(scenario.bots_permille), chance.permille(scenario.buy_permille))
        };
        let (holds, leaves) = shop.step(second, (scenario.capacity, slower), &mut decide, &mut chance);
        for (number, tickets) in holds {
            if let Ok(fact) = room.use_tickets(number, tickets, now) {
                room.apply(now, &fact);
            }
        }
        for number in leaves {
            if let Ok(Some(fact)) = room.leave(number, now) {
                room.apply(now, &fact);
            }
        }
        active_max = active_max.max(room.active(now));
        points.push(Point {
            called: room.called(),
            active: room.active(now),
            limit: step.limit,
            free: shop.free,
            sold: shop.counts.sold,
            call: step.call,
            bound: step.bound,
        });
    }
    let calls = |from: u64, until: u64| {
        let within = points.iter().enumerate().filter(|(at, _)| (from..until).contains(&(*at as u64 + 1)));
        within.map(|(_, point)| point.call).sum()
    };
    let (from, until) = scenario.trouble.map_or((0, 0), |(from, until, _)| (from.max(until - 60), until));
    Outcome {
        during: calls(from, until),
        after: calls(until, until + 300),
        active_max,
        ceiling: room.config().control.ceiling(),
        came: room.turnover().came,
        found_nothing: shop.counts.found_nothing,
        sold: shop.counts.sold,
        free: shop.free,
        held: shop.held,
        told,
        points,
    }
}

/// A room in which everybody waits.
fn filled(scenario: &Scenario) -> Room {
    let mut config = RoomConfig { absence_ms: 60_000, claim_ms: 10_000, ..RoomConfig::default() };
    config.control.target_active = scenario.target;
    config.control.calls_per_s_max = 100;
    let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
    let mut room = Room::open(EventId(1), &first).expect("it is the first fact");
    let tagger = Tagger::new(&[2; 32]);
    room.apply(UtcMs(0), &RoomFact::PhaseMoved { phase: Phase::Open });
    for person in 0..scenario.people {
        let joined = room.join(tagger.user(UserId::from(u128::from(person))), UtcMs(0));
        if let Ok(Joined::Now(_, fact)) = joined {
            room.apply(UtcMs(0), &fact);
        }
    }
    room
}

/// Whether he has come in, or never will.
fn enter(
    room: &mut Room,
    shop: &mut Shop,
    (now, second): (UtcMs, u64),
    number: u32,
    chance: &mut Chance,
) -> bool {
    match room.admit(number, now) {
        Ok(admission) => {
            if let Some(fact) = admission.fact {
                room.apply(now, &fact);
                shop.enter(second, number, chance);
            }
            true
        }
        Err(_) => !matches!(room.place(number, now), Ok(Place::Called { .. })),
    }
}

/// Tells somebody how long he will wait, and judges what others were told.
fn quote(
    room: &Room,
    pace: &WaitEstimate,
    second: u64,
    chance: &mut Chance,
    quotes: &mut Vec<(u64, u64, u64, u64)>,
    told: &mut (u64, u64, u64),
) {
    quotes.retain(|(at, position, p50, p90)| {
        let came = *position < room.called();
        if came {
            let waited = (second - at) * 1_000;
            *told = (told.0 + 1, told.1 + u64::from(waited <= *p50), told.2 + u64::from(waited <= *p90));
        }
        !came
    });
    let ahead = chance.below((room.joined() - room.called()).min(20_000));
    if let Some(wait) = pace.wait(ahead).filter(|_| second > 60 && ahead > 0) {
        quotes.push((second, room.called() + ahead, wait.p50_ms, wait.p90_ms));
    }
}

impl Outcome {
    /// What is not as it must be.
    pub fn wrong(&self, scenario: &Scenario) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |good: bool, what: String| {
            if !good {
                wrong.push(what);
            }
        };
        must(
            self.active_max <= self.ceiling,
            format!("{} inside, {} at most", self.active_max, self.ceiling),
        );
        let nothing = u64::from(self.found_nothing) * 10;
        must(nothing <= self.came, format!("{} of {} found nothing", self.found_nothing, self.came));
        must(
            self.sold + self.free + self.held == scenario.seats,
            format!("{} + {} + {} seats", self.sold, self.free, self.held),
        );
        if let Some((.., slower)) = scenario.trouble {
            must(
                slower.is_finite() || self.during == 0,
                format!("{} called while the gateway was out", self.during),
            );
            must(self.after > 0, "nobody was called after the trouble".to_owned());
        }
        if scenario.name == "sell-out" {
            must(self.free + self.held <= scenario.seats / 100, format!("{} seats are left", self.free));
        }
        wrong
    }

    /// As a line for people.
    pub fn line(&self, scenario: &Scenario, wrong: &[String]) -> String {
        format!(
            "{:<17} inside at most {} of {}; {} came in, {} found nothing; {} sold, {} free, {} held; waits within p50 {} %, p90 {} % of {}{}{}",
            scenario.name,
            self.active_max,
            self.ceiling,
            self.came,
            self.found_nothing,
            self.sold,
            self.free,
            self.held,
            percent(self.told.1, self.told.0),
            percent(self.told.2, self.told.0),
            self.told.0,
            if wrong.is_empty() { "" } else { " WRONG: " },
            wrong.join("; "),
        )
    }

    /// As JSON.
    pub fn json(&self, scenario: &Scenario, wrong: &[String]) -> String {
        json!({
            "scenario": scenario.name,
            "active_max": self.active_max,
            "ceiling": self.ceiling,
            "came": self.came,
            "found_nothing": self.found_nothing,
            "sold": self.sold,
            "free": self.free,
            "held": self.held,
            "waits": self.told.0,
            "within_p50": percent(self.told.1, self.told.0),
            "within_p90": percent(self.told.2, self.told.0),
            "wrong": wrong,
        })
        .to_string()
    }
}

fn percent(some: u64, all: u64) -> u64 {
    some * 100 / all.max(1)
}
