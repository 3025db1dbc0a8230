//! Side records: the power fails at every call; what was saved is there, what was erased is nowhere on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{SideId, Store};
use ticketcore::testkit::{Left, MemoryDisk, Rng, Trouble};

use crate::workload::options;

/// What each record must be, and what may never be seen again.
#[derive(Clone, Default)]
struct Books {
    kept: BTreeMap<u128, Vec<u8>>,
    erased: Vec<Vec<u8>>,
    /// The record that was being changed when the power failed, and what it was to become.
    unsure: Option<(u128, Option<Vec<u8>>)>,
}

/// Bytes that stand nowhere else.
fn secret(rng: &mut Rng, lens: [usize; 3]) -> Vec<u8> {
    let len = lens[rng.index(3)];
    (0..len / 8).flat_map(|_| (rng.next_u64() | 0x0101_0101_0101_0101).to_le_bytes()).collect()
}

/// Saves, erases, opens again, and lets the store keep house, which copies what is left once most is erased.
fn live(disk: &MemoryDisk, seed: u64, steps: u32, lens: [usize; 3]) -> Books {
    let mut books = Books::default();
    let mut rng = Rng::new(seed);
    let Ok(mut store) = LocalStore::open_in(Arc::new(disk.clone()), options()) else { return books };
    for _ in 0..steps {
        let id = u128::from(rng.below(4));
        let next = match rng.below(7) {
            0 => {
                drop(store);
                match LocalStore::open_in(Arc::new(disk.clone()), options()) {
                    Ok(again) => store = again,
                    Err(_) => return books,
                }
                continue;
            }
            1 | 2 => None,
            6 => {
                let _cut_off = store.maintain();
                continue;
            }
            _ => Some(secret(&mut rng, lens)),
        };
        let side = store.side_records().expect("it keeps some");
        let done = match &next {
            None => side.erase(SideId(id)),
            Some(bytes) => side.save(SideId(id), bytes),
        };
        if done.is_err() {
            books.unsure = Some((id, next));
            return books;
        }
        books.erased.extend(match next {
            None => books.kept.remove(&id),
            Some(bytes) => books.kept.insert(id, bytes),
        });
    }
    books
}

fn check(disk: &MemoryDisk, books: &Books) -> Result<(), String> {
    {
        let store =
            LocalStore::open_in(Arc::new(disk.clone()), options()).map_err(|error| error.to_string())?;
        let side = store.side_records().expect("it keeps some");
        for id in 0..4 {
            let found = side.load(SideId(id)).map_err(|error| error.to_string())?;
            let unsure = books.unsure.as_ref().filter(|(unsure, _)| *unsure == id);
            let fits =
                found.as_ref() == books.kept.get(&id) || unsure.is_some_and(|(_, next)| *next == found);
            if !fits {
                return Err(format!("record {id} is not what was saved: {found:?}"));
            }
        }
        side.save(SideId(9), b"goes on").map_err(|error| error.to_string())?;
    }
    for (name, bytes) in disk.contents() {
        let there = |erased: &Vec<u8>| bytes.windows(24).any(|window| window == &erased[..24]);
        if books.erased.iter().any(there) {
            return Err(format!("what was erased is in {name}"));
        }
    }
    Ok(())
}

/// Cuts the power at every call of such a life; how many images of the disk there were, and how often the file became shorter.
fn cut_everywhere(seed: u64, steps: u32, lens: [usize; 3], torn: bool) -> (u64, u64) {
    let (mut images, mut copied, mut longest) = (0, 0, 0);
    let whole = MemoryDisk::new();
    check(&whole, &live(&whole, seed, steps, lens)).expect("nothing goes wrong");
    for call in 0..whole.calls() {
        let disk = MemoryDisk::new();
        disk.set_trouble(Some(Trouble::PowerCut(call)));
        let books = live(&disk, seed, steps, lens);
        let len = disk.contents().get("side/records").map_or(0, Vec::len);
        copied += u64::from(len < longest);
        longest = len;
        let sectors = if torn { disk.last_write_sectors() } else { 0 };
        let torn = (0..sectors).map(Left::TornAfter).chain((0..sectors).map(Left::HoleAt));
        let random = (0..3).map(|at| Left::Random(call * 3 + at));
        for left in [Left::Nothing, Left::Everything].into_iter().chain(random).chain(torn) {
            images += 1;
            check(&disk.after_power_cut(left), &books)
                .unwrap_or_else(|why| panic!("seed {seed}, call {call}, {left:?}: {why}"));
        }
    }
    (images, copied)
}

#[test]
fn a_power_cut_at_any_call_keeps_what_was_saved_and_brings_back_nothing_erased() {
    let images: u64 = (0..6).map(|seed| cut_everywhere(seed, 25, [24, 500, 5_000], true).0).sum();
    println!("{images} images");
    assert!(images > 1_000);
}

#[test]
fn a_power_cut_while_side_records_are_copied_loses_none_and_brings_back_nothing_erased() {
    let tried = (0..4).map(|seed| cut_everywhere(seed, 60, [500, 2_000, 6_000], false));
    let (images, copied) = tried.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{images} images, copied {copied} times");
    assert!(images > 3_000 && copied > 3, "{images} {copied}");
}

/// The file does not grow without end, however often records are replaced, and what was erased is in none of the files.
#[test]
fn side_records_that_are_replaced_again_and_again_take_no_more_room() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
    let side = store.side_records().unwrap();
    let mut rng = Rng::new(1);
    let mut last = BTreeMap::new();
    for round in 0..2_000u64 {
        let id = u128::from(round % 10);
        let bytes = secret(&mut rng, [100, 400, 1_000]);
        side.save(SideId(id), &bytes).unwrap();
        last.insert(id, bytes);
        store.maintain().unwrap();
        let len = disk.contents()["side/records"].len();
        assert!(len < 40_000, "round {round}: {len} bytes");
    }
    for (id, bytes) in last {
        assert_eq!(side.load(SideId(id)).unwrap(), Some(bytes));
    }
    assert_eq!(store.verify().side_records, 10);
}

/// Copying is under way while a record that has been copied is erased, or replaced: the new file has neither.
#[test]
fn a_record_erased_while_records_are_copied_is_in_no_file() {
    for call in 0..400 {
        let disk = MemoryDisk::new();
        let options = LocalOptions { manual: false, ..options() };
        let store = LocalStore::open_in(Arc::new(disk.clone()), options).unwrap();
        let side = store.side_records().unwrap();
        let mut rng = Rng::new(call);
        let mut gone = Vec::new();
        // The keeper copies meanwhile, on its own thread.
        for id in 0..40u128 {
            let bytes = secret(&mut rng, [2_000, 2_000, 2_000]);
            side.save(SideId(id % 7), &bytes).unwrap();
            gone.push(bytes);
        }
        for id in 0..7 {
            side.erase(SideId(id)).unwrap();
        }
        for (name, bytes) in disk.contents() {
            for erased in &gone {
                let there = bytes.chunks_exact(8).any(|eight| eight == &erased[..8]);
                assert!(!there, "run {call}: what was erased is in {name}");
            }
        }
    }
}

/// A record that was saved after a failure, and one that was saved again, outlive a loss of power: what an earlier try had left to see was not
/// on the disk.
#[test]
fn a_record_saved_after_a_failed_sync_is_on_the_disk() {
    for (call, again) in (0..12).flat_map(|call| [(call, false), (call, true)]) {
        let disk = MemoryDisk::new();
        let mut store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        let mut may_be = vec![None];
        disk.set_trouble(Some(Trouble::Error(call)));
        for byte in 1..4u8 {
            if again && byte == 2 {
                drop(store);
                store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap_or_else(|_| {
                    LocalStore::open_in(Arc::new(disk.clone()), options()).expect("one error only")
                });
            }
            let value = Some(vec![byte; 100]);
            match store.side_records().unwrap().save(SideId(1), &[byte; 100]) {
                Ok(()) => may_be = vec![value],
                Err(_) => may_be.push(value),
            }
        }
        let image = disk.after_power_cut(Left::Nothing);
        let store = LocalStore::open_in(Arc::new(image), options()).unwrap();
        let found = store.side_records().unwrap().load(SideId(1)).unwrap();
        assert!(may_be.contains(&found), "call {call}, again {again}: {found:?}");
    }
}

/// An erasure that a crash has cut in two is finished when the store is opened, whether or not anybody asks for side records.
#[test]
fn a_half_done_erasure_is_finished_by_opening() {
    let disk = MemoryDisk::new();
    let secret = secret(&mut Rng::new(1), [500; 3]);
    {
        let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        store.side_records().unwrap().save(SideId(1), &secret).unwrap();
        disk.set_trouble(Some(Trouble::PowerCut(2)));
        assert!(store.side_records().unwrap().erase(SideId(1)).is_err());
    }
    let disk = disk.after_power_cut(Left::Nothing);
    let there =
        |disk: &MemoryDisk| disk.contents()["side/records"].windows(24).any(|bytes| bytes == &secret[..24]);
    assert!(there(&disk), "the erasure was cut in two");
    drop(LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap());
    assert!(!there(&disk));
}

/// The first crash leaves a long file whose end is zero; the second tears a shorter record in the middle of that. What was saved before stays.
#[test]
fn a_torn_record_before_a_zero_end_does_not_erase_the_one_it_was_to_replace() {
    for (first, second) in (0..9).flat_map(|first| (0..9).map(move |second| (first, second))) {
        let disk = MemoryDisk::new();
        let open = |disk: &MemoryDisk| LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
        let save = |disk: &MemoryDisk, id, bytes: &[u8], call| {
            let store = open(disk);
            store.side_records().unwrap().load(SideId(0)).unwrap();
            disk.set_trouble(call);
            store.side_records().unwrap().save(SideId(id), bytes).is_ok()
        };
        assert!(save(&disk, 1, &[1; 3_000], None));
        assert!(!save(&disk, 2, &[2; 9_000], Some(Trouble::PowerCut(1))));
        let disk = disk.after_power_cut(Left::HoleAt(first));
        assert!(!save(&disk, 1, &[3; 4_000], Some(Trouble::PowerCut(1))));
        let disk = disk.after_power_cut(Left::TornAfter(second));
        let found = open(&disk).side_records().unwrap().load(SideId(1)).unwrap();
        assert!(
            found == Some(vec![1; 3_000]) || found == Some(vec![3; 4_000]),
            "{first} {second}: {found:?}"
        );
    }
}

/// What is not there can be asked for on a disk that takes nothing any more.
#[test]
fn reading_and_erasing_where_nothing_was_saved_writes_nothing() {
    let disk = MemoryDisk::new();
    let store = LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap();
    let side = store.side_records().unwrap();
    // Calls are counted anew.
    disk.set_trouble(Some(Trouble::Error(0)));
    assert_eq!(side.load(SideId(3)), Ok(None));
    assert_eq!(side.erase(SideId(3)), Ok(()));
    assert_eq!(disk.calls(), 0, "nothing was changed");
    assert!(side.save(SideId(3), b"x").is_err(), "the next change is the one that fails");
    assert_eq!(side.load(SideId(3)), Ok(None));
    disk.set_trouble(None);
    side.save(SideId(3), b"x").unwrap();
    assert_eq!(side.load(SideId(3)), Ok(Some(b"x".to_vec())));
}
