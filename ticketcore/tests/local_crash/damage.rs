//! Files that were harmed: refused with the place named, or nothing acknowledged is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use ticketcore::store::local::{LocalCanary, LocalError, LocalOptions, LocalStore};
use ticketcore::testkit::{Left, MemoryDisk};

use crate::workload::{Known, Life};

type Contents = BTreeMap<String, Vec<u8>>;

/// A small store with a log, archives and snapshots, closed or left by a crash.
fn small_store(seed: u64, closed: bool) -> (Contents, Known, LocalOptions) {
    let life = Life::new(seed, 25);
    let disk = MemoryDisk::new();
    let (known, ended) = life.live(&disk);
    ended.expect("nothing goes wrong");
    let disk = if closed { disk } else { disk.after_power_cut(Left::Nothing) };
    (disk.contents(), known, life.options)
}

/// Whether all that was acknowledged can be read; else what was said.
fn said(contents: &Contents, known: &Known, options: LocalOptions) -> Result<(), String> {
    let disk = MemoryDisk::with_contents(contents);
    match LocalStore::open_in(Arc::new(disk), options) {
        Ok(store) => known.clone().check(&store),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_flipped_bit_anywhere_is_said_or_harmless() {
    let (mut flips, mut refused) = (0u64, 0u64);
    for seed in [1, 2] {
        let (contents, known, options) = small_store(seed, true);
        assert_eq!(said(&contents, &known, options), Ok(()));
        assert!(contents.keys().any(|name| name.starts_with("archive/")), "{:?}", contents.keys());
        assert!(contents.keys().any(|name| name.starts_with("snapshots/")), "{:?}", contents.keys());
        for (name, bytes) in &contents {
            for at in 0..bytes.len() {
                let mut harmed = contents.clone();
                harmed.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
                flips += 1;
                if let Err(said) = said(&harmed, &known, options) {
                    refused += 1;
                    let folder = name.split('/').next().unwrap();
                    assert!(said.contains(folder), "bit {} of byte {at} of {name}: {said}", at % 8);
                    assert!(
                        !said.contains("were acknowledged"),
                        "byte {at} of {name} was lost silently: {said}"
                    );
                }
            }
        }
    }
    println!("{flips} flipped bits, {refused} refused");
    assert!(refused > 1_000);
}

#[test]
fn a_file_that_is_gone_or_cut_off_is_said() {
    let (contents, known, options) = small_store(1, true);
    for (name, bytes) in &contents {
        let mut without = contents.clone();
        without.remove(name);
        let gone = said(&without, &known, options);
        let mut short = contents.clone();
        short.get_mut(name).unwrap().truncate(bytes.len() / 2);
        let cut = said(&short, &known, options);
        for (what, outcome) in [("gone", gone), ("cut off", cut)] {
            if let Err(said) = outcome {
                assert!(!said.contains("were acknowledged"), "{name} {what}: {said}");
            } else {
                assert!(name.starts_with("wal/"), "{name} {what} went unnoticed");
            }
        }
    }
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (contents, _, options) = small_store(1, true);
    let mut newer = contents;
    newer.get_mut("MANIFEST").unwrap()[8] = 2;
    let error = LocalStore::open_in(Arc::new(MemoryDisk::with_contents(&newer)), options).err().unwrap();
    assert!(matches!(&error, LocalError::NewerFormat { found: 2, known: 1, file } if file == "MANIFEST"));
}

/// A batch that was acknowledged is harmed while others were written after it: an end of the log that no crash can have left.
#[test]
fn the_canary_that_cuts_acknowledged_facts_off_is_caught() {
    let lost = |canary| {
        (0..20).any(|seed| {
            let (contents, known, options) = small_store(seed, true);
            let options = LocalOptions { canary, ..options };
            contents.iter().filter(|(name, _)| name.starts_with("wal/")).any(|(name, bytes)| {
                (4_096..bytes.len()).step_by(512).any(|at| {
                    let mut harmed = contents.clone();
                    harmed.get_mut(name).unwrap()[at..at + 16].fill(0xee);
                    said(&harmed, &known, options).is_err_and(|said| said.contains("were acknowledged"))
                })
            })
        })
    };
    assert!(lost(Some(LocalCanary::CutAckedTail)), "cut_acked_tail was not caught");
    assert!(!lost(None), "facts were lost silently");
}
