mod times;

use proptest::prelude::*;

use super::*;
use crate::admission::{DrawError, Entry};

const ABSENCE_MS: u64 = 10_000;

fn config() -> RoomConfig {
    let mut config = RoomConfig {
        entropy_source: "a block to come".to_owned(),
        absence_ms: ABSENCE_MS,
        claim_ms: 2_000,
        admission_ms: 60_000,
        tickets_per_admission: 4,
        ..RoomConfig::default()
    };
    config.control.target_active = 10;
    config
}

fn opened() -> Room {
    let first = RoomFact::RoomOpened { config: Box::new(config()), draw_key: [1; 32], tag_key: [2; 32] };
    Room::open(EventId(5), &first).unwrap()
}

fn tag(person: u64) -> EntrantTag {
    Tagger::new(&[2; 32]).user(crate::id::UserId::from(u128::from(person)))
}

/// A room and all that has happened in it.
struct Tried {
    room: Room,
    facts: Vec<(UtcMs, RoomFact)>,
    now: UtcMs,
}

impl Tried {
    fn new() -> Self {
        let first = RoomFact::RoomOpened { config: Box::new(config()), draw_key: [1; 32], tag_key: [2; 32] };
        Self { room: opened(), facts: vec![(UtcMs(0), first)], now: UtcMs(1_000) }
    }

    fn happen(&mut self, fact: RoomFact) {
        self.room.apply(self.now, &fact);
        self.facts.push((self.now, fact));
    }

    fn phase(&mut self, phase: Phase) {
        let fact = self.room.become_phase(phase).unwrap();
        self.happen(fact);
    }

    fn join(&mut self, person: u64) -> u32 {
        let joined = self.room.join(tag(person), self.now).unwrap();
        if let Joined::Now(_, fact) = &joined {
            self.happen(fact.clone());
        }
        joined.number()
    }

    fn draw(&mut self) {
        let closed = self.room.close_prequeue().unwrap();
        self.happen(closed);
        let drawn = self.room.draw("entropy").unwrap();
        self.happen(drawn);
    }

    fn call(&mut self, count: u64) {
        if let Some(fact) = self.room.call(count).unwrap() {
            self.happen(fact);
        }
    }

    fn admit(&mut self, number: u32) -> Result<Admission, RoomRefusal> {
        let admission = self.room.admit(number, self.now)?;
        if let Some(fact) = admission.fact.clone() {
            self.happen(fact);
        }
        Ok(admission)
    }
}

#[test]
fn joining_again_never_changes_a_place() {
    let mut tried = Tried::new();
    tried.phase(Phase::Prequeue);
    for person in 0..100 {
        assert_eq!(u64::from(tried.join(person)), person);
    }
    let before = tried.facts.len();
    for person in (0..100).rev() {
        assert_eq!(u64::from(tried.join(person)), person);
    }
    assert_eq!(tried.facts.len(), before, "nothing happened");
    tried.draw();
    let places: Vec<_> = (0..100).map(|number| tried.room.position(number)).collect();
    for person in 0..100 {
        tried.join(person);
    }
    assert_eq!((0..100).map(|number| tried.room.position(number)).collect::<Vec<_>>(), places);
}

#[test]
fn who_leaves_before_the_draw_and_comes_back_has_one_entry() {
    let mut tried = Tried::new();
    tried.phase(Phase::Prequeue);
    tried.join(1);
    tried.join(2);
    let left = tried.room.leave(0, tried.now).unwrap().unwrap();
    tried.happen(left);
    assert_eq!(tried.room.place(0, tried.now), Ok(Place::Over));
    assert_eq!(tried.room.leave(0, tried.now), Ok(None));
    assert_eq!(tried.join(1), 0);
    assert_eq!(tried.room.place(0, tried.now), Ok(Place::Undrawn));
    assert_eq!(tried.room.joined(), 2);
}

#[test]
fn late_joiners_queue_behind_the_lottery_in_order() {
    let mut tried = Tried::new();
    tried.phase(Phase::Prequeue);
    (0..20).for_each(|person| assert!(u64::from(tried.join(person)) <= person));
    let closed = tried.room.close_prequeue().unwrap();
    tried.happen(closed);
    assert_eq!(tried.join(20), 20);
    assert_eq!(tried.room.position(20), Some(20), "known before the draw");
    assert_eq!(tried.room.position(3), None);
    let drawn = tried.room.draw("entropy").unwrap();
    tried.happen(drawn);
    assert_eq!(tried.join(21), 21);
    assert_eq!(tried.room.position(21), Some(21));
    let mut places: Vec<_> = (0..20).map(|number| tried.room.position(number).unwrap()).collect();
    for (number, place) in places.iter().enumerate() {
        assert_eq!(tried.room.number_at(*place).map(|found| found as usize), Some(number));
    }
    places.sort_unstable();
    assert_eq!(places, (0..20).collect::<Vec<_>>());
    let record = tried.room.draw_record().unwrap();
    for number in 0..20 {
        let proof = tried.room.proof(number).unwrap();
        let place = record.check(number, tag(u64::from(number)), &proof).unwrap();
        assert_eq!(Some(u64::from(place)), tried.room.position(number));
    }
    assert_eq!(tried.room.proof(20), None, "not in the lottery");
    assert_eq!(record.check(20, tag(20), &[]), Err(DrawError::NoSuchEntrant));
}

#[test]
fn who_is_called_has_his_time_and_who_misses_it_joins_behind() {
    let mut tried = Tried::new();
    tried.phase(Phase::Open);
    (0..5).for_each(|person| assert!(u64::from(tried.join(person)) <= person));
    assert_eq!(tried.admit(0), Err(RoomRefusal::NotCalled));
    tried.call(2);
    assert_eq!(tried.admit(2), Err(RoomRefusal::NotCalled));
    let first = tried.admit(0).unwrap();
    assert_eq!(tried.admit(0).unwrap(), Admission { fact: None, ..first.clone() }, "a lost answer");
    tried.now = tried.now.plus_ms(ABSENCE_MS - 1);
    assert!(matches!(tried.room.place(1, tried.now), Ok(Place::Called { .. })));
    tried.now = tried.now.plus_ms(1);
    assert!(matches!(tried.admit(1), Err(RoomRefusal::Lapsed { .. })));
    assert_eq!(tried.join(1), 5, "at the end");
    assert_eq!(tried.room.number_of(tag(1)), Some(5));
    tried.call(100);
    assert!(tried.admit(5).is_ok());
    // Out again: the admission is used up.
    let out = tried.room.leave(5, tried.now).unwrap().unwrap();
    tried.happen(out);
    assert_eq!(tried.admit(5), Err(RoomRefusal::NotInside));
    assert_eq!(tried.join(1), 6);
}

#[test]
fn a_pause_takes_no_time_from_who_was_called() {
    let mut tried = Tried::new();
    tried.phase(Phase::Open);
    (0..3).for_each(|person| assert!(u64::from(tried.join(person)) <= person));
    tried.call(1);
    tried.now = tried.now.plus_ms(1_000);
    tried.phase(Phase::Queue);
    tried.now = tried.now.plus_ms(100 * ABSENCE_MS);
    assert!(matches!(tried.room.place(0, tried.now), Ok(Place::Called { .. })));
    assert_eq!(tried.admit(0), Err(RoomRefusal::Phase { phase: Phase::Queue }));
    tried.phase(Phase::Open);
    tried.now = tried.now.plus_ms(ABSENCE_MS - 1_001);
    assert!(tried.admit(0).is_ok());
}

#[test]
fn no_more_are_inside_than_the_ceiling_and_the_place_of_who_waits_is_kept() {
    let mut tried = Tried::new();
    tried.phase(Phase::Open);
    (0..30).for_each(|person| assert!(u64::from(tried.join(person)) <= person));
    tried.call(30);
    let ceiling = tried.room.config().control.ceiling();
    assert_eq!(ceiling, 11);
    (0..ceiling).for_each(|number| assert!(tried.admit(number).is_ok()));
    assert_eq!(tried.admit(ceiling), Err(RoomRefusal::Crowded));
    assert!(matches!(tried.room.place(ceiling, tried.now), Ok(Place::Called { .. })));
    let out = tried.room.leave(0, tried.now).unwrap().unwrap();
    tried.happen(out);
    assert!(tried.admit(ceiling).is_ok());
    tried.now = tried.now.plus_ms(60_000);
    assert_eq!(tried.room.active(tried.now), 0, "admissions end");
    tried.room.forget_ended(tried.now);
    assert_eq!(tried.room.active(tried.now), 0);
}

#[test]
fn tickets_of_an_admission_are_used_up_and_given_back() {
    let mut tried = Tried::new();
    tried.phase(Phase::Open);
    tried.join(0);
    tried.call(1);
    tried.admit(0).unwrap();
    let used = tried.room.use_tickets(0, 3, tried.now).unwrap();
    tried.happen(used);
    assert_eq!(tried.room.use_tickets(0, 2, tried.now), Err(RoomRefusal::TooManyTickets { left: 1 }));
    let back = tried.room.give_tickets_back(0, 100, tried.now).unwrap();
    tried.happen(back);
    assert!(matches!(tried.room.place(0, tried.now), Ok(Place::Inside { tickets: 4, .. })));
    assert_eq!(tried.room.use_tickets(1, 1, tried.now), Err(RoomRefusal::NotInside));
}

#[test]
fn what_people_relied_on_is_fixed_once_they_could_join() {
    let mut tried = Tried::new();
    let other = RoomConfig { entropy_source: "another".to_owned(), ..config() };
    assert!(tried.room.change(other.clone()).is_ok());
    tried.phase(Phase::Prequeue);
    assert_eq!(tried.room.change(other), Err(RoomRefusal::Fixed { member: "entropySource" }));
    let other = RoomConfig { entry: Entry::Account, ..config() };
    assert_eq!(tried.room.change(other), Err(RoomRefusal::Fixed { member: "entry" }));
    let other = RoomConfig { absence_ms: 20_000, ..config() };
    assert!(tried.room.change(other).is_ok());
}

#[test]
fn every_phase_refuses_what_it_does_not_do() {
    let room = opened();
    let closed = Err(RoomRefusal::Phase { phase: Phase::Closed });
    assert_eq!(room.join(tag(1), UtcMs(0)), closed);
    assert_eq!(room.call(1), Err(RoomRefusal::Phase { phase: Phase::Closed }));
    assert_eq!(room.draw("x"), Err(RoomRefusal::Phase { phase: Phase::Closed }));
    assert_eq!(room.place(0, UtcMs(0)), Err(RoomRefusal::NotInside));
    assert_eq!(room.become_phase(Phase::Drawing), Err(RoomRefusal::Phase { phase: Phase::Closed }));
    let config = RoomConfig { entropy_source: String::new(), ..config() };
    let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
    let plain = Room::open(EventId(5), &first).unwrap();
    assert_eq!(plain.become_phase(Phase::Prequeue), Err(RoomRefusal::NoLottery));
    assert!(plain.become_phase(Phase::Queue).is_ok());
    assert!(Room::open(EventId(5), &RoomFact::Left { number: 0 }).is_none());
}

#[test]
fn a_person_takes_less_than_a_hundred_bytes() {
    let mut tried = Tried::new();
    tried.phase(Phase::Prequeue);
    for person in 0..100_000u64 {
        tried.room.apply(tried.now, &RoomFact::Joined { tag: tag(person) });
        tried.room.grow_tree();
    }
    assert!(tried.room.bytes() / 100_000 <= 100, "{}", tried.room.bytes() / 100_000);
}

#[derive(Clone, Debug)]
enum Act {
    Join(u64),
    Leave(u64),
    Admit(u64),
    Call(u64),
    Wait(u64),
    Pause,
    Resume,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..40u64).prop_map(Act::Join),
        1 => (0..40u64).prop_map(Act::Leave),
        5 => (0..40u64).prop_map(Act::Admit),
        3 => (0..6u64).prop_map(Act::Call),
        2 => (0..8_000u64).prop_map(Act::Wait),
        1 => Just(Act::Pause),
        1 => Just(Act::Resume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 2_000 }))]

    /// I11, over whatever people do: a number's place never changes once it has one, a person's place only gets worse, nobody is let in who
    /// was not called, calls go strictly in order, no more are inside than the ceiling, and a fold of the facts gives the same room.
    #[test]
    fn nobody_overtakes(early in 0..30u64, acts in prop::collection::vec(act(), 1..150)) {
        let mut tried = Tried::new();
        tried.phase(Phase::Prequeue);
        (0..early).for_each(|person| assert!(u64::from(tried.join(person)) <= person));
        tried.draw();
        tried.phase(Phase::Open);
        let mut places: Vec<u64> = (0..early).map(|at| tried.room.position(u32::try_from(at).unwrap()).unwrap()).collect();
        let mut best = std::collections::HashMap::<u64, u64>::new();
        for act in acts {
            match act {
                Act::Join(person) => {
                    let number = tried.join(person);
                    let place = tried.room.position(number).unwrap();
                    let before = best.insert(person, place);
                    prop_assert!(before.is_none_or(|before| place >= before), "{person} has improved his place");
                    if number as usize == places.len() {
                        places.push(place);
                    }
                }
                Act::Leave(person) => {
                    if let Some(number) = tried.room.number_of(tag(person))
                        && let Some(fact) = tried.room.leave(number, tried.now).unwrap() {
                        tried.happen(fact);
                    }
                }
                Act::Admit(person) => {
                    if let Some(number) = tried.room.number_of(tag(person))
                        && let Ok(admission) = tried.admit(number) {
                        prop_assert!(tried.room.position(number).unwrap() < tried.room.called());
                        prop_assert!(admission.until > tried.now);
                    }
                }
                Act::Call(count) => {
                    let before = tried.room.called();
                    if tried.room.phase() == Phase::Open {
                        tried.call(count);
                    }
                    prop_assert!(tried.room.called() >= before && tried.room.called() - before <= count);
                }
                Act::Wait(ms) => tried.now = tried.now.plus_ms(ms),
                Act::Pause => if tried.room.phase() == Phase::Open { tried.phase(Phase::Queue) },
                Act::Resume => if tried.room.phase() == Phase::Queue { tried.phase(Phase::Open) },
            }
            prop_assert!(tried.room.active(tried.now) <= tried.room.config().control.ceiling());
            for (number, place) in places.iter().enumerate() {
                prop_assert_eq!(tried.room.position(u32::try_from(number).unwrap()), Some(*place));
            }
        }
        let mut again = opened();
        for (at, fact) in &tried.facts {
            again.apply(*at, &RoomFact::decode(&fact.encode()).unwrap());
        }
        for number in 0..=u32::try_from(tried.room.joined()).unwrap() {
            prop_assert_eq!(again.place(number, tried.now), tried.room.place(number, tried.now));
        }
        prop_assert_eq!(again.active(tried.now), tried.room.active(tried.now));
        prop_assert_eq!(again.called(), tried.room.called());
    }
}
