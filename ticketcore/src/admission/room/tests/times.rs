//! Time that stands still, and numbers that are worth nothing any more.

use super::*;

const ADMISSION_MS: u64 = 60_000;

impl Tried {
    /// A room that is open, with so many who wait.
    fn open_for(people: u64) -> Self {
        let mut tried = Self::new();
        tried.phase(Phase::Open);
        (0..people).for_each(|person| assert_eq!(u64::from(tried.join(person)), person));
        tried
    }

    fn change(&mut self, change: impl FnOnce(&mut RoomConfig)) {
        let mut config = RoomConfig::clone(self.room.config());
        change(&mut config);
        let changed = self.room.change(config).unwrap();
        self.happen(changed);
    }

    /// The operator says how many may be inside.
    fn fix(&mut self, active: Option<u32>) {
        self.change(|config| config.control.fixed_active = active);
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    fn place(&self, number: u32) -> Place {
        self.room.place(number, self.now).unwrap()
    }

    /// The room that a fold of the facts gives is the same.
    fn is_told_again(&self) {
        let mut again = opened();
        for (at, fact) in &self.facts {
            again.apply(*at, fact);
        }
        assert_eq!(again.active(self.now), self.room.active(self.now));
        for number in 0..u32::try_from(self.room.joined()).unwrap() {
            assert_eq!(again.place(number, self.now), self.room.place(number, self.now), "{number}");
        }
    }
}

#[test]
fn a_pause_takes_no_time_from_who_is_inside() {
    let mut tried = Tried::open_for(1);
    tried.call(1);
    let since = tried.now;
    assert_eq!(tried.admit(0).unwrap().until, since.plus_ms(ADMISSION_MS));
    tried.pass(50_000);
    tried.phase(Phase::Queue);
    tried.pass(1_000_000);
    tried.room.forget_ended(tried.now);
    let left = tried.now.plus_ms(10_000);
    assert!(matches!(tried.place(0), Place::Inside { until, .. } if until == left));
    assert_eq!(tried.admit(0).unwrap().until, left, "as if it went on now");
    assert_eq!((tried.room.active(tried.now), tried.room.browsing(tried.now)), (1, 1));
    tried.is_told_again();
    tried.phase(Phase::Open);
    assert_eq!(tried.admit(0).unwrap().until, left);
    tried.pass(9_999);
    tried.room.forget_ended(tried.now);
    assert_eq!((tried.room.active(tried.now), tried.room.browsing(tried.now)), (1, 1));
    assert!(tried.room.use_tickets(0, 1, tried.now).is_ok());
    tried.is_told_again();
    tried.pass(1);
    assert_eq!((tried.place(0), tried.room.active(tried.now)), (Place::Over, 0));
    tried.room.forget_ended(tried.now);
    assert_eq!(tried.room.turnover(), Turnover { came: 1, went: 1, taken: 0 });
}

#[test]
fn a_pause_brings_nobody_back_whose_time_had_ended() {
    let mut tried = Tried::open_for(1);
    tried.call(1);
    tried.admit(0).unwrap();
    tried.pass(ADMISSION_MS);
    for phase in [Phase::Queue, Phase::Open, Phase::Queue, Phase::Ended] {
        tried.phase(phase);
        assert_eq!((tried.place(0), tried.room.active(tried.now)), (Place::Over, 0));
        tried.pass(1_000);
        assert_eq!((tried.place(0), tried.room.active(tried.now)), (Place::Over, 0));
    }
    tried.is_told_again();
}

#[test]
fn who_is_called_keeps_his_place_while_nobody_may_be_inside() {
    let mut tried = Tried::open_for(3);
    tried.call(1);
    tried.pass(1_000);
    tried.fix(Some(0));
    tried.pass(100 * ABSENCE_MS);
    assert_eq!(tried.admit(0), Err(RoomRefusal::Crowded));
    let left = tried.now.plus_ms(ABSENCE_MS - 1_000);
    assert!(matches!(tried.place(0), Place::Called { until, .. } if until == left));
    // Who is called meanwhile has all his time before him.
    tried.call(1);
    // Of two causes either is enough.
    tried.phase(Phase::Queue);
    tried.pass(ABSENCE_MS);
    tried.fix(None);
    tried.pass(ABSENCE_MS);
    assert!(matches!(tried.place(0), Place::Called { .. }));
    tried.fix(Some(0));
    tried.phase(Phase::Open);
    tried.pass(ABSENCE_MS);
    assert_eq!(tried.admit(0), Err(RoomRefusal::Crowded));
    tried.is_told_again();
    tried.fix(Some(5));
    tried.pass(ABSENCE_MS - 1_001);
    assert!(tried.admit(0).is_ok());
    tried.pass(1_000);
    assert!(matches!(tried.place(1), Place::Called { .. }));
    tried.pass(1);
    assert!(matches!(tried.place(1), Place::Lapsed { .. }));
    tried.is_told_again();
}

#[test]
fn who_is_inside_has_no_more_time_for_that_nobody_else_may_come_in() {
    let mut tried = Tried::open_for(1);
    tried.call(1);
    tried.admit(0).unwrap();
    tried.fix(Some(0));
    tried.pass(ADMISSION_MS);
    assert_eq!(tried.place(0), Place::Over);
}

#[test]
fn who_has_joined_again_has_one_number_however_long_places_are_kept() {
    let mut tried = Tried::open_for(2);
    tried.call(2);
    tried.pass(ABSENCE_MS);
    assert!(matches!(tried.place(0), Place::Lapsed { .. }));
    assert_eq!(tried.join(0), 2);
    tried.change(|config| config.absence_ms = 100 * ABSENCE_MS);
    assert_eq!(tried.place(0), Place::Over);
    assert_eq!(tried.admit(0), Err(RoomRefusal::NotInside));
    assert_eq!(tried.room.leave(0, tried.now), Ok(None));
    assert!(matches!(tried.place(2), Place::Waiting { .. }));
    // Who has not joined again has what he had.
    assert!(tried.admit(1).is_ok());
    tried.call(1);
    assert!(tried.admit(2).is_ok());
    assert_eq!(tried.room.active(tried.now), 2);
    tried.is_told_again();
}
