//! The power fails at every call that changes something, and every part of what was not synced may be left.

use ticketcore::store::local::{Durability, LocalCanary, LocalOptions, LocalStore};
use ticketcore::testkit::{Left, MemoryDisk, Trouble};

use crate::workload::{Known, Life, goes_on};

/// How many images of a disk one crash point has been tried with.
#[derive(Default, Debug)]
struct Tried {
    crash_points: u64,
    images: u64,
    crashed_recoveries: u64,
}

/// What may be left of the disk after a power cut.
fn left_after(disk: &MemoryDisk, seed: u64) -> Vec<Left> {
    let sectors = disk.last_write_sectors();
    let mut left = vec![Left::Nothing, Left::Everything];
    left.extend((0..sectors).map(Left::TornAfter));
    left.extend((0..sectors).map(Left::HoleAt));
    left.extend((0..3).map(|at| Left::Random(seed * 31 + at)));
    left
}

/// Cuts the power at every call of a life. The first image that is not as it must be is the error.
fn cut_everywhere(life: Life, tried: &mut Tried) -> Result<(), String> {
    let whole = MemoryDisk::new();
    let (mut known, ended) = life.live(&whole);
    ended.map_err(|error| format!("without trouble: {error}"))?;
    let calls = whole.calls();
    let store = LocalStore::open_in(std::sync::Arc::new(whole), life.options);
    known.check(&store.map_err(|error| error.to_string())?)?;
    for call in 0..calls {
        let disk = MemoryDisk::new();
        disk.set_trouble(Some(Trouble::PowerCut(call)));
        let (known, _) = life.live(&disk);
        tried.crash_points += 1;
        for left in left_after(&disk, life.seed * 1_000 + call) {
            let image = disk.after_power_cut(left);
            tried.images += 1;
            goes_on(&image, &known, life.options)
                .map_err(|why| format!("{life:?}, power cut at call {call}, {left:?}: {why}"))?;
        }
        if call % 5 != life.seed % 5 {
            continue;
        }
        let left = Left::Random(call);
        crash_recovery(&disk, &known, left, life.options, tried)
            .map_err(|why| format!("{life:?}, power cut at call {call}, {left:?}: {why}"))?;
    }
    Ok(())
}

/// Cuts the power at every call of the opening, too.
fn crash_recovery(
    disk: &MemoryDisk,
    known: &Known,
    left: Left,
    options: LocalOptions,
    tried: &mut Tried,
) -> Result<(), String> {
    for call in 0.. {
        let image = disk.after_power_cut(left);
        image.set_trouble(Some(Trouble::PowerCut(call)));
        let opened = LocalStore::open_in(std::sync::Arc::new(image.clone()), options).is_ok();
        if opened && !image.is_dead() {
            return Ok(());
        }
        for left in [Left::Nothing, Left::Everything, Left::Random(call)] {
            tried.crashed_recoveries += 1;
            let again = image.after_power_cut(left);
            goes_on(&again, known, options)
                .map_err(|why| format!("and at call {call} of opening it, {left:?}: {why}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    let mut tried = Tried::default();
    for seed in 0..6 {
        cut_everywhere(Life::new(seed, 30), &mut tried).unwrap();
    }
    println!("{tried:?}");
    assert!(tried.crash_points > 500 && tried.images > 5_000, "{tried:?}");
}

/// Every byte at which the last write may be torn: in the middle of a length, a checksum, a record, the filling.
fn tear_everywhere(life: Life, tried: &mut Tried) -> Result<(), String> {
    let whole = MemoryDisk::new();
    life.live(&whole).1.map_err(|error| format!("without trouble: {error}"))?;
    for call in 0..whole.calls() {
        let disk = MemoryDisk::new();
        disk.set_trouble(Some(Trouble::PowerCut(call)));
        let (known, _) = life.live(&disk);
        tried.crash_points += u64::from(disk.last_write_bytes() > 0);
        for kept in 0..disk.last_write_bytes() {
            let image = disk.after_power_cut(Left::TornAt(kept));
            tried.images += 1;
            let torn = |why| format!("{life:?}, power cut at call {call}, torn at byte {kept}: {why}");
            // That it goes on afterwards does not hang on every byte.
            if kept % 61 == 0 {
                goes_on(&image, &known, life.options).map_err(torn)?;
            } else {
                let store = LocalStore::open_in(std::sync::Arc::new(image), life.options);
                let store = store.map_err(|error| torn(format!("open: {error}")))?;
                known.clone().check(&store).map_err(torn)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_write_torn_at_any_byte_loses_nothing_acknowledged() {
    let mut tried = Tried::default();
    tear_everywhere(Life::new(1, 8), &mut tried).unwrap();
    println!("{tried:?}");
    assert!(tried.crash_points > 20 && tried.images > 50_000, "{tried:?}");
}

/// With these, what was acknowledged since the last sync may be lost, but never something in the middle, and the store opens.
#[test]
fn weaker_durability_loses_the_end_at_most() {
    for durability in [Durability::Interval(1_000_000), Durability::None] {
        for seed in 0..4 {
            let life = Life::new(seed, 30);
            let life = Life { options: LocalOptions { durability, ..life.options }, ..life };
            let whole = MemoryDisk::new();
            life.live(&whole).1.unwrap();
            for call in 0..whole.calls() {
                let disk = MemoryDisk::new();
                disk.set_trouble(Some(Trouble::PowerCut(call)));
                let (known, _) = life.live(&disk);
                for left in [Left::Nothing, Left::Everything, Left::Random(call)] {
                    let image = disk.after_power_cut(left);
                    ends_early_at_most(&image, &known, life.options)
                        .unwrap_or_else(|why| panic!("{life:?}, call {call}, {left:?}: {why}"));
                }
            }
        }
    }
}

fn ends_early_at_most(disk: &MemoryDisk, known: &Known, options: LocalOptions) -> Result<(), String> {
    let store =
        LocalStore::open_in(std::sync::Arc::new(disk.clone()), options).map_err(|error| error.to_string())?;
    for (stream, journal) in &known.0 {
        use ticketcore::store::Store;
        let loaded = store.load_snapshot(*stream).map_err(|error| error.to_string())?;
        let covered = loaded.map_or(ticketcore::Revision::ZERO, |snapshot| snapshot.revision);
        let (facts, _) = crate::workload::read(&store, *stream, covered)?;
        let skipped = usize::try_from(covered.0).unwrap_or(usize::MAX);
        let all: Vec<_> = journal.facts.iter().chain(&journal.unknown).cloned().collect();
        if all.get(skipped..skipped + facts.len()) != Some(&facts[..]) {
            return Err(format!("{stream:?} holds {} facts that are not those it was given", facts.len()));
        }
    }
    Ok(())
}

/// Each fault must be found by what it breaks.
#[test]
fn every_canary_is_caught() {
    for canary in LocalCanary::ALL {
        if canary == LocalCanary::CutAckedTail {
            continue; // No power cut leads to a loss that it hides: see `damage`.
        }
        let caught = (0..60).find_map(|seed| {
            let life = Life::new(seed, 60);
            let life = Life { options: LocalOptions { canary: Some(canary), ..life.options }, ..life };
            cut_everywhere(life, &mut Tried::default()).err()
        });
        println!("{}: {caught:?}", canary.name());
        assert!(caught.is_some(), "{} was not caught", canary.name());
    }
}
