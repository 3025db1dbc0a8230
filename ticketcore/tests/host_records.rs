//! Host records: what the program around the engine keeps in the catalogue's journal.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketcore::limits::{HOST_RECORD_BYTES_MAX, HOST_RECORD_NAME_BYTES_MAX};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, MemoryStore, Records, Store, StreamId, Tail,
};
use ticketcore::testkit::{Call, Fault, FaultyStore, MemoryDisk};
use ticketcore::{BoxOffice, CommandError, Options, Refusal, Revision, UtcMs};

fn open(store: Arc<dyn Store>, node: u64) -> BoxOffice {
    BoxOffice::open_shared(store, Options { manual_expiry: true, node: Some(node), ..Options::default() })
        .unwrap()
}

fn pairs(found: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    found.iter().map(|(name, body)| ((*name).to_owned(), body.to_vec())).collect()
}

/// Saves, replaces, removes, and looks again after reopening.
fn last_writer_wins(store: impl Fn() -> Arc<dyn Store>) {
    let office = open(store(), 1);
    assert_eq!(office.host_record("key/a"), None);
    assert!(!office.remove_host_record("key/a").unwrap());
    let first = office.save_host_record("key/a", b"one").unwrap();
    office.save_host_record("key/b", b"").unwrap();
    office.save_host_record("plan/1", &[0, 255, 7]).unwrap();
    let venue = office.add_venue("Hall").unwrap();
    let second = office.save_host_record("key/a", b"two").unwrap();
    assert!(first < second);
    assert_eq!(office.save_host_record("key/a", b"two").unwrap(), second, "saying it again writes nothing");
    office.save_host_record("key/c", b"three").unwrap();
    assert!(office.remove_host_record("key/c").unwrap());
    drop(office);
    let office = open(store(), 1);
    assert_eq!(office.host_records("key/"), pairs(&[("key/a", b"two"), ("key/b", b"")]));
    assert_eq!(office.host_records("").len(), 3);
    assert_eq!(office.host_record("plan/1"), Some(vec![0, 255, 7]));
    assert_eq!(office.host_record("key/c"), None);
    assert_eq!(office.save_host_record("key/a", b"two").unwrap(), second);
    assert_eq!(office.venues()[0].id, venue, "venues and records are beside each other");
}

#[test]
fn the_last_record_of_a_name_is_there_after_a_local_store_was_opened_again() {
    let disk = MemoryDisk::new();
    last_writer_wins(|| {
        let options = LocalOptions { manual: true, ..LocalOptions::default() };
        Arc::new(LocalStore::open_in(Arc::new(disk.clone()), options).unwrap())
    });
}

#[test]
fn the_last_record_of_a_name_is_there_after_an_office_on_a_memory_store_was_opened_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    last_writer_wins(|| Arc::clone(&store));
}

#[test]
fn another_office_sees_a_record_once_it_has_refreshed_and_both_write_the_same_name() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::shared());
    let (one, two) = (open(Arc::clone(&store), 1), open(Arc::clone(&store), 2));
    one.save_host_record("key/a", b"one").unwrap();
    assert_eq!(two.host_record("key/a"), None);
    two.refresh_catalogue().unwrap();
    assert_eq!(two.host_record("key/a"), Some(b"one".to_vec()));
    two.save_host_record("key/a", b"two").unwrap();
    // One has not read that; what it says comes after it all the same.
    let last = one.save_host_record("key/a", b"one").unwrap();
    two.refresh_catalogue().unwrap();
    assert_eq!(two.host_record("key/a"), Some(b"one".to_vec()));
    assert_eq!(two.save_host_record("key/a", b"one").unwrap(), last);
    assert!(two.remove_host_record("key/a").unwrap());
    assert!(!one.remove_host_record("key/a").unwrap(), "it looks before it says so");
}

#[test]
fn the_maintenance_thread_reads_what_other_offices_have_saved() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::shared());
    let one = open(Arc::clone(&store), 1);
    let two =
        BoxOffice::open_shared(Arc::clone(&store), Options { node: Some(2), ..Options::default() }).unwrap();
    one.save_host_record("key/a", b"revoked").unwrap();
    let began = Instant::now();
    while two.host_record("key/a").is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it reads ten times a second");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn records_past_a_limit_are_refused_and_change_nothing() {
    let office = open(Arc::new(MemoryStore::new()), 1);
    let limit = |outcome: Result<_, CommandError>| match outcome {
        Err(CommandError::Refused(Refusal::Limit(limit))) => limit.what,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(office.save_host_record("", b"x")), "host_record.name");
    let long = "n".repeat(HOST_RECORD_NAME_BYTES_MAX + 1);
    assert_eq!(limit(office.save_host_record(&long, b"x")), "host_record.name");
    let large = vec![7; HOST_RECORD_BYTES_MAX + 1];
    assert_eq!(limit(office.save_host_record("plan", &large)), "host_record.body");
    assert_eq!(office.host_records(""), []);
    let name = &long[1..];
    office.save_host_record(name, &large[1..]).unwrap();
    assert_eq!(office.host_record(name).map(|body| body.len()), Some(HOST_RECORD_BYTES_MAX));
}

#[test]
fn all_records_together_have_a_limit_and_replacing_one_is_not_adding_one() {
    let office = open(Arc::new(MemoryStore::new()), 1);
    let body = vec![7; HOST_RECORD_BYTES_MAX];
    let names: Vec<String> = (0..63).map(|at| format!("{at}")).collect();
    for name in &names {
        office.save_host_record(name, &body).unwrap();
    }
    // 63 of 64 times 8 MiB are used up, and the names of them.
    let refused = office.save_host_record("last", &body);
    assert!(matches!(refused, Err(CommandError::Refused(Refusal::Limit(_)))), "{refused:?}");
    office.save_host_record("0", &body[1..]).unwrap();
    assert!(office.remove_host_record("1").unwrap());
    office.save_host_record("last", &body).unwrap();
    assert_eq!(office.host_records("last").len(), 1);
}

#[test]
fn a_record_whose_outcome_was_unknown_is_never_mistaken_for_the_next_one() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let office = open(Arc::clone(&store) as Arc<dyn Store>, 1);
    // Every answer is lost, and what was asked for cannot be looked up.
    store.script([Fault::UnknownLanded; 16]);
    let lost = office.save_host_record("key/a", b"one");
    assert!(matches!(lost, Err(CommandError::Unknown { .. })), "{lost:?}");
    office.save_host_record("key/b", b"two").unwrap();
    assert_eq!(office.host_records(""), pairs(&[("key/a", b"one"), ("key/b", b"two")]));
}

#[test]
fn a_venue_whose_outcome_was_unknown_is_never_mistaken_for_the_next_one() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let office = open(Arc::clone(&store) as Arc<dyn Store>, 1);
    store.script([Fault::UnknownLanded; 16]);
    assert!(matches!(office.add_venue("Hall"), Err(CommandError::Unknown { .. })));
    let second = office.add_venue("Arena").unwrap();
    let venues = office.venues();
    assert_eq!(venues.iter().find(|venue| venue.id == second).map(|venue| &*venue.name), Some("Arena"));
    assert_eq!(venues.len(), 2, "the first is there too, once");
}

/// Whatever is in the catalogue's journal, opening says what is wrong with it and where.
#[test]
fn a_catalogue_that_is_not_understood_is_said_and_never_believed() {
    let saved = {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        open(Arc::clone(&store), 1).save_host_record("key/a", b"one").unwrap();
        let mut body = Vec::new();
        store
            .read(StreamId::System, Revision::ZERO, &mut |record| {
                body = record.body.to_vec();
                ControlFlow::Continue(())
            })
            .unwrap();
        body
    };
    let mut bodies: Vec<Vec<u8>> = (0..saved.len()).map(|end| saved[..end].to_vec()).collect();
    bodies.extend((0..saved.len()).map(|at| {
        let mut harmed = saved.clone();
        harmed[at] = 0xff;
        harmed
    }));
    bodies.push([&saved[..], b"more"].concat());
    let mut refused = 0;
    for body in bodies {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut records = Records::default();
        records.push(UtcMs(1), &body);
        let first_revision = Revision(1);
        let batch = Batch {
            stream: StreamId::System,
            expected: Tail::default(),
            id: BatchId(7),
            first_revision,
            records,
        };
        store.submit(Completion::new(Arc::new(Nobody), batch));
        let options = Options { manual_expiry: true, ..Options::default() };
        match BoxOffice::open_shared(store, options) {
            // A letter of a name or of a body may be any.
            Ok(office) => assert_eq!(office.host_records("").len(), 1, "{body:?}"),
            Err(CommandError::Failed { reason }) => {
                assert!(reason.starts_with("system r1: "), "{reason}");
                refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > saved.len(), "{refused} refused");
}

struct Nobody;

impl CompletionSink for Nobody {
    fn complete(&self, _: Batch, outcome: Appended) {
        assert_eq!(outcome, Appended::Yes);
    }
}

#[test]
fn a_store_that_cannot_be_read_says_so_and_nothing_is_forgotten() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let office = open(Arc::clone(&store) as Arc<dyn Store>, 1);
    office.save_host_record("key/a", b"one").unwrap();
    store.fail_next(Call::Read, 1);
    assert!(office.refresh_catalogue().is_err());
    assert_eq!(office.host_record("key/a"), Some(b"one".to_vec()));
}
