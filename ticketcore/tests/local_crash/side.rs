//! Side records: the power fails at every call; what was saved is there, what was erased is nowhere on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use ticketcore::store::local::LocalStore;
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
fn secret(rng: &mut Rng) -> Vec<u8> {
    let len = [24, 500, 5_000][rng.index(3)];
    (0..len / 8).flat_map(|_| (rng.next_u64() | 0x0101_0101_0101_0101).to_le_bytes()).collect()
}

fn live(disk: &MemoryDisk, seed: u64) -> Books {
    let mut books = Books::default();
    let mut rng = Rng::new(seed);
    let Ok(mut store) = LocalStore::open_in(Arc::new(disk.clone()), options()) else { return books };
    for _ in 0..25 {
        let id = u128::from(rng.below(4));
        let next = match rng.below(6) {
            0 => {
                drop(store);
                match LocalStore::open_in(Arc::new(disk.clone()), options()) {
                    Ok(again) => store = again,
                    Err(_) => return books,
                }
                continue;
            }
            1 | 2 => None,
            _ => Some(secret(&mut rng)),
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

#[test]
fn a_power_cut_at_any_call_keeps_what_was_saved_and_brings_back_nothing_erased() {
    let mut images = 0;
    for seed in 0..6 {
        let whole = MemoryDisk::new();
        check(&whole, &live(&whole, seed)).unwrap();
        for call in 0..whole.calls() {
            let disk = MemoryDisk::new();
            disk.set_trouble(Some(Trouble::PowerCut(call)));
            let books = live(&disk, seed);
            let sectors = disk.last_write_sectors();
            let torn = (0..sectors).map(Left::TornAfter).chain((0..sectors).map(Left::HoleAt));
            for left in [Left::Nothing, Left::Everything, Left::Random(call)].into_iter().chain(torn) {
                images += 1;
                check(&disk.after_power_cut(left), &books)
                    .unwrap_or_else(|why| panic!("seed {seed}, call {call}, {left:?}: {why}"));
            }
        }
    }
    println!("{images} images");
    assert!(images > 1_000);
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
