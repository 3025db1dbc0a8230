//! Waiting rooms in a store: what was told survives, what is damaged is said.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::sync::Arc;
use std::thread;

use ticketcore::admission::{
    EntrantTag, Joined, Phase, Place, RoomConfig, RoomError, RoomFact, RoomJournal, RoomKeys, RoomRefusal,
    Token, TokenError, TokenKind,
};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultyStore, Left, MemoryDisk, Trouble};
use ticketcore::{EventId, UserId, UtcMs};

const EVENT: EventId = EventId(3);

fn set_up(journal: &RoomJournal) {
    let config = RoomConfig { entropy_source: "a block to come".to_owned(), ..RoomConfig::default() };
    let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
    assert!(journal.set_up(UtcMs(1), first.clone()).unwrap().wait().unwrap());
    assert!(!journal.set_up(UtcMs(1), first).unwrap().wait().unwrap(), "it is there already");
    phase(journal, Phase::Prequeue);
}

fn phase(journal: &RoomJournal, phase: Phase) {
    let moved = journal.change(UtcMs(2), |room, _| Ok(((), Some(room.become_phase(phase)?))));
    moved.unwrap().wait().unwrap();
}

fn tag(journal: &RoomJournal, person: u32) -> EntrantTag {
    journal.look(|room| room.tagger().user(UserId::from(u128::from(person)))).unwrap()
}

fn join(journal: &RoomJournal, person: u32) -> Result<u32, RoomError> {
    let tag = tag(journal, person);
    let written = journal.change(UtcMs(10), |room, now| {
        let joined = room.join(tag, now)?;
        let number = joined.number();
        let fact = if let Joined::Now(_, fact) = joined { Some(fact) } else { None };
        Ok((number, fact))
    })?;
    written.wait()
}

#[test]
fn ten_thousand_who_joined_get_their_numbers_again_after_a_power_cut() {
    let disk = MemoryDisk::new();
    let open = |disk: &MemoryDisk| {
        let store = LocalStore::open_in(Arc::new(disk.clone()), LocalOptions::default()).unwrap();
        RoomJournal::open(Arc::new(store), EVENT, 1).unwrap()
    };
    let journal = open(&disk);
    set_up(&journal);
    let numbers: Vec<u32> = thread::scope(|scope| {
        let journal = &journal;
        let some = |from: u32| {
            scope.spawn(move || {
                (from..from + 1_250).map(|person| join(journal, person).unwrap()).collect::<Vec<_>>()
            })
        };
        let all: Vec<_> = (0..8).map(|thread| some(thread * 1_250)).collect();
        all.into_iter().flat_map(|some| some.join().unwrap()).collect()
    });
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..10_000).collect::<Vec<_>>(), "no number twice");
    let root = {
        let (store, event) = (&journal, EVENT);
        assert_eq!(store.event(), event);
        let mut root = None;
        let closed = journal.change(UtcMs(20), |room, _| {
            let fact = room.close_prequeue()?;
            root = Some(fact.clone());
            Ok(((), Some(fact)))
        });
        closed.unwrap().wait().unwrap();
        root
    };
    let cut = disk.after_power_cut(Left::Nothing);
    drop(journal);
    let journal = open(&cut);
    assert_eq!(journal.look(|room| (room.phase(), room.joined())), Some((Phase::Drawing, 10_000)));
    let again: Vec<u32> = (0..10_000).map(|person| join(&journal, person).unwrap()).collect();
    assert_eq!(again, numbers);
    let (entrants, hash) = journal.look(|room| room.entrants()).unwrap().unwrap();
    assert_eq!(root, Some(RoomFact::PrequeueClosed { entrants, root: hash }));
    let drawn = journal.change(UtcMs(30), |room, _| Ok(((), Some(room.draw("entropy")?))));
    drawn.unwrap().wait().unwrap();
    let places: Vec<_> =
        journal.look(|room| numbers.iter().map(|number| room.position(*number)).collect()).unwrap();
    let cut = cut.after_power_cut(Left::Nothing);
    drop(journal);
    let journal = open(&cut);
    let after: Vec<_> =
        journal.look(|room| numbers.iter().map(|number| room.position(*number)).collect()).unwrap();
    assert_eq!(places, after);
}

#[test]
fn ten_thousand_joins_of_one_person_at_once_are_one_place() {
    let journal = RoomJournal::open(Arc::new(MemoryStore::new()), EVENT, 1).unwrap();
    set_up(&journal);
    thread::scope(|scope| {
        for _thread in 0..8 {
            scope.spawn(|| (0..1_250).for_each(|_| assert_eq!(join(&journal, 7).unwrap(), 0)));
        }
    });
    assert_eq!(journal.look(|room| room.joined()), Some(1));
}

#[test]
fn who_was_admitted_is_inside_after_a_power_cut_and_nobody_is_called_twice() {
    let disk = MemoryDisk::new();
    let open = |disk: &MemoryDisk| {
        let store = LocalStore::open_in(Arc::new(disk.clone()), LocalOptions::default()).unwrap();
        RoomJournal::open(Arc::new(store), EVENT, 1).unwrap()
    };
    let journal = open(&disk);
    let first = RoomFact::RoomOpened { config: Box::default(), draw_key: [1; 32], tag_key: [2; 32] };
    assert!(journal.set_up(UtcMs(1), first).unwrap().wait().unwrap());
    phase(&journal, Phase::Open);
    (0..5).for_each(|person| assert_eq!(join(&journal, person).unwrap(), person));
    journal.change(UtcMs(20), |room, _| Ok(((), room.call(3)?))).unwrap().wait().unwrap();
    let admit = |journal: &RoomJournal| {
        let admitted = journal.change(UtcMs(30), |room, now| {
            let admission = room.admit(1, now)?;
            Ok((admission.until, admission.fact))
        });
        admitted.unwrap().wait().unwrap()
    };
    let until = admit(&journal);
    let cut = disk.after_power_cut(Left::Nothing);
    drop(journal);
    let journal = open(&cut);
    assert_eq!(admit(&journal), until, "the same admission");
    assert_eq!(journal.look(|room| room.called()), Some(3));
    let place = journal.look(|room| room.place(1, UtcMs(40))).unwrap().unwrap();
    assert_eq!(place, Place::Inside { position: 1, since: UtcMs(30), until, tickets: 10 });
}

#[test]
fn a_clock_that_jumps_ends_times_early_and_gives_nothing_twice() {
    let journal = RoomJournal::open(Arc::new(MemoryStore::new()), EVENT, 1).unwrap();
    let first = RoomFact::RoomOpened { config: Box::default(), draw_key: [1; 32], tag_key: [2; 32] };
    assert!(journal.set_up(UtcMs(1), first).unwrap().wait().unwrap());
    phase(&journal, Phase::Open);
    (0..4).for_each(|person| assert_eq!(join(&journal, person).unwrap(), person));
    let call = |at: UtcMs, count: u64| {
        journal.change(at, |room, _| Ok(((), room.call(count)?))).unwrap().wait().unwrap();
    };
    let admit = |number: u32, at: UtcMs| {
        let admitted = journal.change(at, |room, now| {
            let admission = room.admit(number, now)?;
            Ok((admission.until, admission.fact))
        });
        admitted.and_then(|written| written.wait())
    };
    call(UtcMs(1_000), 2);
    let until = admit(0, UtcMs(1_000)).unwrap();
    let ahead = UtcMs(until.0 * 1_000);
    let place = |number: u32, at: UtcMs| journal.look(|room| room.place(number, at)).unwrap().unwrap();
    assert!(matches!(place(1, ahead), Place::Lapsed { .. }), "his time to come is over");
    call(ahead, 1);
    let late = admit(2, ahead).unwrap();
    assert!(late > ahead);
    // The clock is set right. What was logged does not become undone: time goes on from where it was.
    for at in [UtcMs(0), UtcMs(2_000)] {
        assert_eq!(admit(2, at).unwrap(), late, "the same admission");
        let lost = RoomError::Refused(RoomRefusal::Lapsed { called: UtcMs(1_000), until: UtcMs(301_000) });
        assert_eq!(admit(1, at).unwrap_err(), lost);
        call(at, 1);
    }
    assert_eq!(journal.look(|room| room.called()), Some(4), "nobody is called twice");
    assert_eq!(admit(3, UtcMs(3_000)).unwrap(), late, "by the time that was logged");
}

#[test]
fn a_clock_set_back_leaves_a_fresh_admission_good() {
    let journal = RoomJournal::open(Arc::new(MemoryStore::new()), EVENT, 1).unwrap();
    assert_eq!(journal.now(UtcMs(7)), UtcMs(7), "nothing was logged");
    let first = RoomFact::RoomOpened { config: Box::default(), draw_key: [1; 32], tag_key: [2; 32] };
    assert!(journal.set_up(UtcMs(1), first).unwrap().wait().unwrap());
    phase(&journal, Phase::Open);
    assert_eq!(join(&journal, 0).unwrap(), 0);
    let (logged, back) = (UtcMs(1_000_000), UtcMs(1_000));
    journal.change(logged, |room, _| Ok(((), room.call(1)?))).unwrap().wait().unwrap();
    let admitted = journal.change(back, |room, now| {
        let admission = room.admit(0, now)?;
        Ok(((admission.since, admission.until, admission.tickets), admission.fact))
    });
    let (issued, until, tickets) = admitted.unwrap().wait().unwrap();
    assert_eq!(issued, logged);
    let (kind, tag) = (TokenKind::Admission, tag(&journal, 0));
    let token = Token { kind, event: EVENT, tag, device: [0; 8], number: 0, issued, until, tickets };
    let keys = RoomKeys::new(1, &[9; 32]);
    let text = keys.sign(&token);
    assert_eq!(keys.check(&text, kind, EVENT, back), Err(TokenError::NotYet), "by the clock");
    assert_eq!(keys.check(&text, kind, EVENT, journal.now(back)), Ok(token), "by the room's time");
    assert_eq!(journal.now(UtcMs(2_000_000)), UtcMs(2_000_000));
}

#[test]
fn a_room_that_was_read_again_has_its_whole_tree_before_anybody_asks() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let journal = RoomJournal::open(Arc::clone(&store), EVENT, 1).unwrap();
    set_up(&journal);
    (0..10_000).for_each(|person| assert_eq!(join(&journal, person).unwrap(), person));
    drop(journal);
    let journal = RoomJournal::open(store, EVENT, 2).unwrap();
    let grown = journal.change(UtcMs(20), |room, _| {
        let before = room.bytes();
        room.grow_tree();
        Ok(((before, room.bytes()), None))
    });
    let (before, after) = grown.unwrap().wait().unwrap();
    assert_eq!(before, after, "nothing was left to hash");
}

#[test]
fn nothing_is_told_that_the_store_did_not_keep() {
    for fault in [Fault::Fail, Fault::UnknownLanded, Fault::UnknownLost, Fault::DropLanded, Fault::DropLost] {
        let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
        let journal = RoomJournal::open(Arc::clone(&store) as Arc<dyn Store>, EVENT, 1).unwrap();
        set_up(&journal);
        assert_eq!(join(&journal, 1).unwrap(), 0);
        store.script([fault]);
        assert!(matches!(join(&journal, 2), Err(RoomError::Stopped(_))), "{fault:?}");
        assert!(matches!(join(&journal, 1), Err(RoomError::Stopped(_))), "nothing more is told");
        assert!(journal.stopped().is_some());
        let journal = RoomJournal::open(Arc::clone(&store) as Arc<dyn Store>, EVENT, 2).unwrap();
        assert_eq!(join(&journal, 1).unwrap(), 0);
        let number = join(&journal, 2).unwrap();
        assert_eq!((number, join(&journal, 3).unwrap()), (1, 2), "{fault:?}");
    }
}

#[test]
fn a_full_disk_stops_the_room_and_says_so() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), LocalOptions::default()).unwrap();
    let journal = RoomJournal::open(Arc::new(store), EVENT, 1).unwrap();
    set_up(&journal);
    disk.set_trouble(Some(Trouble::Full(0)));
    let full = (0..1_000_000).find_map(|person| join(&journal, person).err()).unwrap();
    assert!(matches!(full, RoomError::Stopped(_)), "{full}");
}

#[test]
fn a_journal_that_is_none_of_a_room_is_refused_with_its_place() {
    let store = Arc::new(MemoryStore::new());
    let journal = RoomJournal::open(Arc::clone(&store) as Arc<dyn Store>, EVENT, 1).unwrap();
    assert_eq!(journal.look(|_| ()), None);
    let refused = journal.change(UtcMs(1), |room, _| Ok(((), room.call(1)?))).err();
    assert_eq!(refused, Some(RoomError::Refused(RoomRefusal::NoRoom)));
    let not_first = RoomFact::PhaseMoved { phase: Phase::Open };
    assert!(!journal.set_up(UtcMs(1), not_first).unwrap().wait().unwrap());
    set_up(&journal);
    let other = Arc::new(MemoryStore::new());
    let mut records = ticketcore::store::Records::default();
    records.push(UtcMs(1), b"\x01\xff");
    let batch = ticketcore::store::Batch {
        stream: ticketcore::store::StreamId::Room(EVENT),
        expected: ticketcore::store::Tail::default(),
        id: ticketcore::store::BatchId(1),
        first_revision: ticketcore::Revision(1),
        records,
    };
    assert_eq!(other.append_at_once(&batch), Some(ticketcore::store::Appended::Yes));
    let damaged = RoomJournal::open(other, EVENT, 1).err();
    assert_eq!(damaged, Some(RoomError::Damaged { at: ticketcore::Revision(1) }));
}
