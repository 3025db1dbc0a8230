//! Commands that are handed in together: sent together, told together, and each with an outcome of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;

use ticketcore::manifest::{Definition, Quota};
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultOdds, FaultyStore, ManualClock, START, SmallSale, key};
use ticketcore::{
    BoxOffice, CommandError, Done, Hold, HoldRequest, Options, Pending, Refusal, ReleaseRequest, SHARDS,
    SaleState, TicketTypeIndex, UserId,
};

type Way = Arc<FaultyStore<MemoryStore>>;

fn late_sale(seats: usize) -> (SmallSale, Way) {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    (SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(1, seats, 0)), way)
}

fn release_all(way: &Way) {
    way.set_odds(FaultOdds::default());
    while way.release_all() > 0 {}
}

/// One seat for each of so many users.
fn requests(sale: &SmallSale, count: u32) -> Vec<HoldRequest> {
    (0..count).map(|seat| sale.seats_request(u128::from(seat) + 1, &[seat])).collect()
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(pending: &mut Pending<Hold>, bell: &Arc<Bell>) -> Poll<Result<Hold, CommandError>> {
    let waker = Waker::from(Arc::clone(bell));
    Pin::new(pending).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_slice_is_one_append_and_its_outcomes_are_those_of_single_commands() {
    let (sale, way) = late_sale(10);
    let mut asked = requests(&sale, 3);
    asked.push(sale.seats_request(9, &[1, 5]));
    asked.push(sale.seats_request(9, &[]));
    way.script([Fault::DelayBefore]);
    let held = sale.office.hold_many(asked);
    assert_eq!(way.pending(), 1, "one append carries them");
    assert_eq!(held.iter().map(Pending::is_ready).collect::<Vec<_>>(), [false, false, false, false, true]);
    let Err(mut first) = held.into_iter().next().unwrap().try_take() else { panic!("not durable") };
    let bell = Arc::new(Bell::default());
    assert!(poll(&mut first, &bell).is_pending());
    release_all(&way);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(first.is_ready());
    let Poll::Ready(Ok(hold)) = poll(&mut first, &bell) else { panic!("it was woken") };
    assert_eq!(sale.office.find_hold(hold.id, hold.user).unwrap(), hold);
    assert!(matches!(first.wait(), Err(CommandError::Unknown { .. })), "taken before");
    let again = sale.office.hold_many(requests(&sale, 3));
    for refused in again {
        assert!(matches!(refused.wait(), Err(CommandError::Refused(Refusal::SeatsUnavailable(_)))));
    }
    sale.assert_equals_journal();
}

#[test]
fn every_member_of_a_slice_waits_as_it_likes() {
    let (sale, way) = late_sale(6);
    way.script([Fault::DelayAfter]);
    let mut held = sale.office.hold_many(requests(&sale, 6));
    let late = held.pop().unwrap().wait_timeout(Duration::from_millis(5));
    assert!(matches!(late, Err(CommandError::Unknown { .. })), "{late:?}");
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    let mut futures = [held.pop().unwrap(), held.pop().unwrap()];
    for (pending, bell) in futures.iter_mut().zip(&bells) {
        assert!(poll(pending, bell).is_pending());
        assert!(poll(pending, bell).is_pending());
    }
    drop(held.pop());
    std::thread::scope(|scope| {
        let waiting: Vec<_> = held.drain(..).map(|pending| scope.spawn(|| pending.wait())).collect();
        release_all(&way);
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
    });
    for (mut pending, bell) in futures.into_iter().zip(bells) {
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        assert!(poll(&mut pending, &bell).is_ready());
    }
    assert_eq!(sale.office.availability(sale.event).unwrap().holds, 6, "dropping a handle cancels nothing");
}

#[test]
fn what_was_durable_when_the_store_failed_is_told_so_and_the_rest_is_unknown() {
    let (sale, way) = late_sale(300);
    way.script([Fault::DelayBefore]);
    way.set_odds(FaultOdds::default().with(Fault::UnknownLost, 100));
    let held = sale.office.hold_many(requests(&sale, 300));
    assert!(held.iter().all(|pending| !pending.is_ready()));
    while way.release_all() > 0 {}
    let told: Vec<_> = held.into_iter().map(Pending::wait).collect();
    assert!(told[..256].iter().all(Result::is_ok), "they were durable before");
    assert!(told[256..].iter().all(|told| matches!(told, Err(CommandError::Unknown { .. }))));
    let later = sale.hold(1, &[299]).wait();
    assert!(matches!(later, Err(CommandError::Failed { .. })), "{later:?}");
}

#[test]
fn slices_over_two_events_and_of_holds_that_are_gone() {
    let (sale, way) = late_sale(4);
    let other = sale.office.add_event(&SmallSale::definition(1, 4, 0)).unwrap();
    sale.office.set_sale_state(other, ticketcore::SaleState::Onsale).wait().unwrap();
    let mut asked = requests(&sale, 4);
    asked[1].event = other;
    asked[3].event = other;
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    let held = sale.office.hold_many(asked);
    assert_eq!(way.pending(), 2);
    release_all(&way);
    let held: Vec<Hold> = held.into_iter().map(|hold| hold.wait().unwrap()).collect();
    let events: Vec<_> = held.iter().map(|hold| hold.id.event).collect();
    assert_eq!(events, [sale.event, other, sale.event, other]);
    for revisions in [[true; 4], [false; 4]] {
        let releases = held.iter().map(|hold| ReleaseRequest { hold: hold.id, user: hold.user, key: None });
        let ended = sale.office.release_many(releases.collect());
        let ended = ended.into_iter().map(|done| done.wait().unwrap().revision.is_some());
        assert!(ended.eq(revisions), "released once");
    }
    sale.assert_equals_journal();
}

/// Users of one shard: their commands are decided in runs.
const NEIGHBOURS: [u128; 8] = [1, 56, 90, 145, 234, 289, 323, 378];
const SEATS: u32 = 12;

/// A few seats, fewer tickets, and two of them a user.
fn scarce() -> Definition {
    let quota = Quota {
        name: "tickets".to_owned(),
        cap: SEATS - 3,
        ticket_types: vec![TicketTypeIndex(0)],
        categories: Vec::new(),
        areas: Vec::new(),
    };
    let mut definition = SmallSale::definition(1, SEATS as usize, 0);
    definition.rules.tickets_per_user_max = 2;
    Definition { quotas: vec![quota], ..definition }
}

/// Users by the order in which a slice decides their commands, if the first one's user is `first`.
fn turn(first: UserId, user: UserId) -> usize {
    user.shard().wrapping_sub(first.shard()) % SHARDS
}

/// What one user asks for: seats, perhaps under a key.
type Wish = (u128, Vec<u32>, Option<u8>);
/// Holds, and which of those granted so far are given back after them; perhaps by somebody else.
type Round = (Vec<Wish>, Vec<(usize, bool)>);

fn wish() -> impl Strategy<Value = Wish> {
    let user = prop_oneof![4 => prop::sample::select(&NEIGHBOURS[..]), 1 => 2u128..9];
    let seats = prop::collection::hash_set(0..SEATS + 1, 1..4).prop_map(|seats| seats.into_iter().collect());
    (user, seats, prop::option::weighted(0.4, 0u8..4))
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let given = prop::collection::vec((0usize..40, prop::bool::weighted(0.1)), 0..10);
    prop::collection::vec((prop::collection::vec(wish(), 1..20), given), 1..6)
}

/// An outcome without the counts that a refusal names: those of a slice may be refused after all that is granted.
fn kind(held: &Result<Hold, CommandError>) -> Result<Hold, String> {
    match held {
        Ok(hold) => Ok(hold.clone()),
        Err(CommandError::Refused(refusal)) => Err(refusal.code().to_owned()),
        Err(other) => Err(other.to_string()),
    }
}

/// Commands one at a time, in the order in which a slice decides them; their outcomes in the order of the slice.
fn one_by_one<R: Clone, T>(asked: &[R], user: impl Fn(&R) -> UserId, send: impl Fn(R) -> T) -> Vec<T> {
    let first = user(&asked[0]);
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by_key(|at| turn(first, user(&asked[*at])));
    let mut outcomes: Vec<(usize, T)> = order.into_iter().map(|at| (at, send(asked[at].clone()))).collect();
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_slice_decides_as_single_commands_do(rounds in rounds()) {
        let [together, apart] = [(); 2].map(|()| SmallSale::open(Arc::new(MemoryStore::new()), &scarce()));
        let mut granted: Vec<Hold> = Vec::new();
        for (wishes, given) in rounds {
            let request = |(user, seats, name): &Wish| HoldRequest {
                key: name.map(|name| key(&format!("k{name}"))),
                ..together.seats_request(*user, seats)
            };
            let asked: Vec<HoldRequest> = wishes.iter().map(request).collect();
            let singly = one_by_one(&asked, |r| r.user, |r| apart.office.hold(r).wait());
            let held: Vec<_> = together.office.hold_many(asked).into_iter().map(Pending::wait).collect();
            let alike = |held: &[Result<Hold, CommandError>]| held.iter().map(kind).collect::<Vec<_>>();
            prop_assert_eq!(alike(&held), alike(&singly));
            granted.extend(held.into_iter().flatten());
            let back = |(at, foreign): &(usize, bool)| {
                let hold = granted.get(at % granted.len().max(1))?;
                let user = if *foreign { UserId::from(56) } else { hold.user };
                Some(ReleaseRequest { hold: hold.id, user, key: None })
            };
            let back: Vec<ReleaseRequest> = given.iter().filter_map(back).collect();
            if !back.is_empty() {
                let singly = one_by_one(&back, |r| r.user, |r| apart.office.release(r).wait());
                let done: Vec<Result<Done, _>> =
                    together.office.release_many(back).into_iter().map(Pending::wait).collect();
                prop_assert_eq!(done, singly);
            }
        }
        prop_assert_eq!(together.journal(), apart.journal());
        together.assert_equals_journal();
    }
}

#[test]
fn what_there_is_no_room_for_is_refused_and_takes_nothing() {
    let (way, clock) = (Arc::new(FaultyStore::new(MemoryStore::new(), 1)), ManualClock::new(START));
    let store = Arc::clone(&way) as Arc<dyn Store>;
    let options = Options {
        clock: Arc::new(clock.clone()),
        manual_expiry: true,
        pending_bytes_max: 6_000,
        ..Options::default()
    };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).unwrap());
    let event = office.add_event(&scarce()).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    let sale = SmallSale { office, event, clock, store };
    let shard = |user: u128| UserId::from(user).shard();
    assert!(NEIGHBOURS.iter().all(|user| shard(*user) == shard(NEIGHBOURS[0])));
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    let asked = NEIGHBOURS.iter().zip(0..).map(|(user, seat)| sale.seats_request(*user, &[seat]));
    let held = sale.office.hold_many(asked.collect());
    release_all(&way);
    let held: Vec<_> = held.into_iter().map(Pending::wait).collect();
    let granted = held.iter().filter(|held| held.is_ok()).count();
    assert!((2..7).contains(&granted), "{granted} of 8 had room");
    let overloaded = Err(CommandError::Refused(Refusal::Overloaded { retry_after_ms: 100 }));
    assert!(held[granted..].iter().all(|held| *held == overloaded), "{held:?}");
    // Seats, and places of the quota, are as if they had never been asked for.
    for (user, seat) in NEIGHBOURS.into_iter().zip(0..).skip(granted) {
        let again = sale.hold(user, &[seat]).wait();
        assert!(again.is_ok(), "{again:?}");
    }
    let left = sale.hold(1_000, &[11]).wait();
    assert!(left.is_ok(), "{left:?}");
    let beyond = sale.hold(1_001, &[10]).wait();
    assert!(matches!(beyond, Err(CommandError::Refused(Refusal::QuotaExhausted { .. }))), "{beyond:?}");
    sale.assert_equals_journal();
}
