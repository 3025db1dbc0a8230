//! A store that an earlier version wrote is opened and says what it said then. The files in `tests/golden/` never change; a new format gets
//! files of its own beside them (`WRITE_GOLDEN=1 cargo test --features testkit --test golden` writes those that are not there).

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ticketcore::order::{
    CheckoutRequest, DisputeState, ExtraLine, Identity, News, ObserveRequest, PayRequest, PaymentSeen,
    RedeemRequest, RefundSeen, RefundWhat, StaffAction, StaffOrderRequest, TicketStatus, TransferRequest,
    Way,
};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{SideId, Store};
use ticketcore::testkit::{Auditor, ManualClock, MemoryDisk, START, SmallSale, key};
use ticketcore::{
    BoxOffice, Hold, HoldRequest, Options, Order, OrderDetails, OrderId, OrderState, TicketId, Word,
};

/// Stores of all versions; the last one has the formats of this version.
const STORES: &[&str] = &["store-1", SECOND, NEWEST];
/// It has orders that a gateway pays, with one dispute at a time.
const SECOND: &str = "store-2";
/// Disputes have names and amounts, and a refund that went through has failed.
const NEWEST: &str = "store-3";

type Contents = BTreeMap<String, Vec<u8>>;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn options() -> LocalOptions {
    LocalOptions { segment_bytes: 16 << 10, manual: true, ..LocalOptions::default() }
}

/// What people were told when it was written, as JSON lines.
#[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Told {
    hold: Hold,
    request: HoldRequest,
    orders: Vec<Order>,
    free: u32,
    held: u32,
    sold: u32,
    facts: u64,
    /// Since the second store.
    #[serde(default)]
    details: Vec<OrderDetails>,
    #[serde(default)]
    due: usize,
}

/// A sale with an archive, a snapshot, facts after it in the log, and a side record.
fn write() -> (Contents, Told) {
    let disk = MemoryDisk::new();
    let open = || Arc::new(LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap());
    let definition = SmallSale::definition(3, 10, 20);
    let sale = SmallSale::open(open(), &definition);
    let event = sale.event;
    let mut orders = vec![sale.buy(1, &[0, 1]).unwrap()];
    let mut paid = pay_through_a_gateway(&sale, 4, &[10, 11]);
    let expired = sale.hold(2, &[5]).wait().unwrap();
    sale.office.save_snapshot(event).unwrap();
    paid.extend(pay_through_a_gateway(&sale, 5, &[12, 13]));
    drop(sale);
    let store = open();
    store.side_records().unwrap().save(SideId(7), b"somebody's name").unwrap();
    let clock = Arc::new(ManualClock::new(START.plus_ms(10 * 60_000)));
    let office = BoxOffice::open_shared(
        Arc::<LocalStore>::clone(&store),
        Options { clock, manual_expiry: true, node: Some(2), ..Options::default() },
    )
    .unwrap();
    assert!(expired.deadline < START.plus_ms(10 * 60_000));
    office.maintain();
    let key = ticketcore::IdempotencyKey::new("golden").ok();
    let seats = vec![ticketcore::SeatIndex(5), ticketcore::SeatIndex(6)];
    let items = vec![ticketcore::Item::Seats { seats, ticket_type: ticketcore::testkit::ADULT }];
    let user = ticketcore::UserId::from(3);
    let request = HoldRequest { key, ..HoldRequest::new(event, user, items) };
    let hold = office.hold(request.clone()).wait().unwrap();
    orders.push(office.find_order(orders[0].id, orders[0].user).unwrap());
    let left = office.availability(event).unwrap();
    let sum = |of: fn(&ticketcore::Counts) -> u32| left.sections.iter().map(of).sum();
    let details: Vec<_> = paid.iter().map(|order| office.order_details(*order).unwrap()).collect();
    let due = office.due_orders(event, None, 100).unwrap().len();
    assert!(details.len() == 6 && due >= 4, "there is something to do");
    let told = Told {
        hold,
        request,
        orders,
        free: sum(|c| c.free),
        held: sum(|c| c.held),
        sold: sum(|c| c.sold),
        facts: left.revision.0,
        details,
        due,
    };
    drop(office);
    drop(store);
    (disk.contents(), told)
}

/// Three orders: one sold, half refunded, which came back, used and given away; one in dispute that has lost a part; one whose payment is
/// under way and will be late.
fn pay_through_a_gateway(sale: &SmallSale, user: u128, seats: &[u32]) -> Vec<OrderId> {
    let word = |text| Word::new(text).unwrap();
    let office = &sale.office;
    let open = |seats: &[u32]| {
        let hold = sale.hold(user, seats).wait().unwrap();
        let extra = vec![ExtraLine { code: word("fee"), amount_minor: 250 }];
        let request = CheckoutRequest {
            extra,
            key: key(&format!("c{seats:?}")).into(),
            ..CheckoutRequest::new(hold.id, hold.user)
        };
        let order = office.checkout(request).wait().unwrap().id;
        let (gateway, method) = (word("bank"), word("card"));
        office.pay(PayRequest { order, user: user.into(), key: None, gateway, method }).wait().unwrap();
        order
    };
    let capture = |order| {
        let amount_minor = office.order_details(order).unwrap().amount_minor;
        let seen =
            PaymentSeen::Captured { reference: word("charge"), amount_minor, fingerprint: Some(Identity(7)) };
        let news = [News::Payment { attempt: 1, seen }, News::Confirm];
        news.into_iter().for_each(|news| _ = office.observe(ObserveRequest { order, news }).wait().unwrap());
    };
    let staff = |order, action| {
        let key = Some(key(&format!("{user} {action:?}")));
        office.staff_order(StaffOrderRequest { order, by: 9.into(), key, action }).wait().unwrap();
    };
    let late = open(&[seats[0] + 10]);
    let (sold, disputed) = (open(seats), open(&[seats[0] + 14]));
    capture(sold);
    staff(sold, StaffAction::Refund(RefundWhat::Tickets(vec![1])));
    for seen in [
        RefundSeen::Succeeded { reference: word("refund") },
        RefundSeen::Failed { code: word("returned"), retry: true },
    ] {
        let news = News::Refund { refund: 1, tries: 0, seen };
        office.observe(ObserveRequest { order: sold, news }).wait().unwrap();
    }
    let (tickets, to) = (vec![0], 77.into());
    office
        .transfer(TransferRequest { order: sold, user: user.into(), key: None, tickets, to })
        .wait()
        .unwrap();
    let ticket = TicketId { order: sold, index: 0 };
    let way = Way::Entry;
    let scan = RedeemRequest {
        ticket,
        issue: 2,
        by: 9.into(),
        key: None,
        way,
        device_at: Some(START),
        force: false,
    };
    office.redeem(scan).wait().unwrap();
    capture(disputed);
    let (attempt, part) = (1, || word("part"));
    staff(disputed, StaffAction::OpenDispute { attempt, reference: part(), amount_minor: 400 });
    let lost = StaffAction::CloseDispute { attempt, reference: part(), amount_minor: 400, won: false };
    staff(disputed, lost);
    let unheard = word("unheard");
    staff(disputed, StaffAction::CloseDispute { attempt, reference: unheard, amount_minor: 1, won: true });
    let reference = word("dispute");
    staff(disputed, StaffAction::OpenDispute { attempt, reference, amount_minor: 100_000 });
    vec![sold, disputed, late]
}

fn read_folder(folder: &Path, prefix: &str, into: &mut Contents) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_folder(&entry.path(), &format!("{name}/"), into);
        } else {
            into.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn a_store_of_this_version_is_among_the_golden_ones() {
    let folder = golden(NEWEST);
    if std::env::var_os("WRITE_GOLDEN").is_some() && !folder.exists() {
        let (contents, told) = write();
        for (name, bytes) in contents {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let told = serde_json::to_string_pretty(&told).unwrap();
        std::fs::write(golden(&format!("{NEWEST}.json")), told).unwrap();
    }
    assert!(folder.join("MANIFEST").is_file());
}

#[test]
fn every_golden_store_opens_and_says_what_it_said() {
    STORES.iter().for_each(|name| says_what_it_said(name));
}

/// A golden store, what was told of it, and a box office on it.
fn opened(name: &str) -> (Told, BoxOffice) {
    let mut contents = Contents::new();
    read_folder(&golden(name), "", &mut contents);
    for part in ["wal/", "archive/", "snapshots/event", "side/"] {
        assert!(contents.keys().any(|name| name.starts_with(part)), "{part} is there");
    }
    let told: Told =
        serde_json::from_slice(&std::fs::read(golden(&format!("{name}.json"))).unwrap()).unwrap();
    let disk = MemoryDisk::with_contents(&contents);
    let store = Arc::new(LocalStore::open_in(Arc::new(disk), options()).unwrap());
    assert!(store.verify().found.is_empty(), "{:?}", store.verify().found);
    let event = told.request.event;
    Auditor::audit(&*store, ticketcore::store::StreamId::Event(event)).unwrap();
    assert_eq!(store.side_records().unwrap().load(SideId(7)), Ok(Some(b"somebody's name".to_vec())));
    let clock = Arc::new(ManualClock::new(told.hold.at));
    let options = Options { clock, manual_expiry: true, ..Options::default() };
    let office = BoxOffice::open_shared(store, options).unwrap();
    (told, office)
}

fn says_what_it_said(name: &str) {
    let (told, office) = opened(name);
    let event = told.request.event;
    let left = office.availability(event).unwrap();
    let sum = |of: fn(&ticketcore::Counts) -> u32| left.sections.iter().map(of).sum::<u32>();
    assert_eq!((sum(|c| c.free), sum(|c| c.held), sum(|c| c.sold)), (told.free, told.held, told.sold));
    assert_eq!(left.revision.0, told.facts);
    let again = office.hold(told.request).wait().unwrap();
    assert_eq!(again, Hold { replayed: true, ..told.hold });
    let order = &told.orders[1];
    assert_eq!(&office.find_order(order.id, order.user).unwrap(), order);
    assert_eq!(order.state, OrderState::Confirmed);
    for details in &told.details {
        let mut now = office.order_details(details.order.id).unwrap();
        if name == SECOND {
            // Nobody told of them then.
            now.disputes.clear();
        }
        assert_eq!(&now, details);
    }
    assert_eq!(office.due_orders(event, None, 100).unwrap().len(), told.due);
    assert_eq!(office.state_bytes(event).unwrap(), office.folded_bytes(event).unwrap());
}

#[test]
fn a_dispute_of_an_older_store_is_about_all_of_its_money_and_ends_by_its_name() {
    let (told, office) = opened(SECOND);
    let disputes = |order| office.order_details(order).unwrap().disputes;
    let disputed: Vec<_> =
        told.details.iter().map(|told| told.order.id).filter(|order| !disputes(*order).is_empty()).collect();
    assert_eq!(disputed.len(), 2, "one in the snapshot, one in the facts after it");
    for order in disputed {
        let before = office.order_details(order).unwrap();
        let [dispute] = &before.disputes[..] else { panic!("{:?}", before.disputes) };
        assert_eq!((dispute.state, dispute.amount_minor), (DisputeState::Open, before.amount_minor));
        let action = StaffAction::CloseDispute {
            attempt: 1,
            reference: dispute.reference.clone(),
            amount_minor: 300,
            won: false,
        };
        office.staff_order(StaffOrderRequest { order, by: 9.into(), key: None, action }).wait().unwrap();
        let after = office.order_details(order).unwrap();
        assert_eq!((after.disputed_minor, after.disputes[0].lost_minor), (300, 300));
        assert!(after.tickets.iter().all(|(_, ticket)| ticket.status == TicketStatus::Valid));
    }
    let event = told.request.event;
    assert_eq!(office.state_bytes(event).unwrap(), office.folded_bytes(event).unwrap());
}
