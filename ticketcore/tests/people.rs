//! What is known about people can be erased: it is in no file of the store afterwards, and the journal is as good as before.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ticketcore::order::Identity;
use ticketcore::people::{Contact, PeopleError};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{
    Capabilities, Completion, MemoryStore, ReadError, Record, SideRecords, Snapshot, Store, StoreFailure,
    StreamId, Tail,
};
use ticketcore::testkit::{Auditor, SmallSale};
use ticketcore::{BoxOffice, Options, Revision, UserId};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The names of all files under `folder` that have `needle` anywhere in them or in their name, and how many files there are.
fn find(folder: &Path, needle: &[u8], found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += find(&path, needle, found);
            continue;
        }
        files += 1;
        let name = path.to_string_lossy().into_owned();
        let there = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        if there(&std::fs::read(&path).unwrap()) || there(name.as_bytes()) {
            found.push(name);
        }
    }
    files
}

fn contact(email: &str) -> Contact {
    Contact {
        name: "Planted Person".to_owned(),
        email: email.to_owned(),
        phone: "+41 44 000 00 00".to_owned(),
        locale: "de-CH".to_owned(),
        fingerprints: vec![Identity(7), Identity(u128::MAX)],
    }
}

#[test]
fn what_was_erased_is_in_no_file_and_the_journal_is_as_good_as_before() {
    let folder = Folder(std::env::temp_dir().join(format!("ticketcore-people-{}", std::process::id())));
    let (old, planted) = ("before-4711@example.org", "planted-0815@example.org");
    let options = LocalOptions { segment_bytes: 16 << 10, manual: true, ..LocalOptions::default() };
    let store = Arc::new(LocalStore::open(&folder.0, options).unwrap());
    let sale = SmallSale::open(Arc::<LocalStore>::clone(&store), &SmallSale::definition(10, 20, 50));
    let (buyer, other) = (UserId::from(1), UserId::from(2));
    sale.office.save_contact(buyer, &contact(old)).unwrap();
    sale.office.save_contact(other, &contact("stays@example.org")).unwrap();
    sale.office.save_contact(buyer, &contact(planted)).unwrap();
    let order = sale.buy(1, &[0, 1]).unwrap();
    sale.office.save_snapshot(sale.event).unwrap();
    // Until segments of the log have gone to the archive.
    for user in 100..160 {
        let hold = sale.hold(user, &[5, 6]).wait().unwrap();
        sale.release(hold.id, hold.user).wait().unwrap();
        store.maintain().unwrap();
    }
    sale.office.save_snapshot(sale.event).unwrap();
    let named = |part: &str| find(&folder.0.join(part), part.as_bytes(), &mut Vec::new());
    assert!(named("archive") > 0 && named("snapshots") > 0 && named("wal") > 0);
    let where_is = |needle: &str| {
        let mut found = Vec::new();
        find(&folder.0, needle.as_bytes(), &mut found);
        found
    };
    // It would be found if it were there.
    assert_eq!(where_is(planted).len(), 1);
    assert!(where_is(planted)[0].contains("side"));
    assert_eq!(where_is(old), [""; 0], "what was replaced is erased, too");
    assert_eq!(sale.office.contact(buyer), Ok(Some(contact(planted))));

    sale.office.erase(buyer).unwrap();
    assert_eq!(where_is(planted), [""; 0]);
    assert_eq!(sale.office.contact(buyer), Ok(None));
    sale.office.erase(buyer).unwrap();
    assert_eq!(sale.office.state_bytes(sale.event), sale.office.folded_bytes(sale.event));
    let (event, state) = (sale.event, sale.office.state_bytes(sale.event).unwrap());
    drop(sale);
    drop(store);

    let store = Arc::new(LocalStore::open(&folder.0, options).unwrap());
    assert!(store.verify().found.is_empty());
    let summary = Auditor::audit(&*store, StreamId::Event(event)).unwrap();
    assert!(summary.revision > Revision(120));
    let shared: Arc<dyn Store> = Arc::<LocalStore>::clone(&store);
    let manual = Options { manual_expiry: true, ..Options::default() };
    let office = BoxOffice::open_shared(shared, manual).unwrap();
    assert_eq!(office.state_bytes(event), Ok(state.clone()));
    assert_eq!(office.folded_bytes(event), Ok(state));
    assert_eq!(office.find_order(order.id, buyer).unwrap().tickets().count(), 2);
    assert_eq!(office.contact(buyer), Ok(None));
    assert_eq!(office.contact(other), Ok(Some(contact("stays@example.org"))));
    drop(office);
    drop(store);
    assert_eq!(where_is(planted), [""; 0], "nor does opening bring it back");
    assert_eq!(where_is(old), [""; 0]);
}

#[test]
fn a_contact_that_is_refused_changes_nothing() {
    let office = BoxOffice::with_store(MemoryStore::new(), Options::default()).unwrap();
    let user = UserId::from(9);
    office.save_contact(user, &contact("a@example.org")).unwrap();
    let refused = office.save_contact(user, &contact("not an address"));
    assert_eq!(refused, Err(PeopleError::Malformed { field: "contact.email" }));
    let long = Contact { name: "x".repeat(201), ..contact("b@example.org") };
    assert!(matches!(office.save_contact(user, &long), Err(PeopleError::Limit(_))));
    assert_eq!(office.contact(user), Ok(Some(contact("a@example.org"))));
    assert_eq!(office.contact(UserId::from(8)), Ok(None));
}

/// A store that keeps journals only.
struct JournalsOnly(MemoryStore);

impl Store for JournalsOnly {
    fn submit(&self, append: Completion) {
        self.0.submit(append);
    }
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        self.0.read(stream, after, visit)
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.0.save_snapshot(stream, snapshot)
    }
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.0.load_snapshot(stream)
    }
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.0.streams()
    }
    fn side_records(&self) -> Option<&dyn SideRecords> {
        None
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

#[test]
fn a_store_without_side_records_says_so() {
    let office = BoxOffice::with_store(JournalsOnly(MemoryStore::new()), Options::default()).unwrap();
    let user = UserId::from(9);
    assert_eq!(office.save_contact(user, &contact("a@example.org")), Err(PeopleError::NoSideRecords));
    assert_eq!(office.contact(user), Err(PeopleError::NoSideRecords));
    assert_eq!(office.erase(user), Err(PeopleError::NoSideRecords));
}
