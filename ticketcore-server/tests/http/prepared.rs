//! Over a data folder that its owner has prepared with the engine itself: vouchers, quotas, places set aside and limits by identity, for
//! which there is no route; and events in numbers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ticketcore::manifest::{Allocation, Definition, Quota};
use ticketcore::order::Identity;
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore::voucher::{
    AddVouchersRequest, RevokeVouchersRequest, RevokeWhat, VoucherBatch, VoucherTerms,
};
use ticketcore::{
    AllocationIndex, BoxOffice, EventId, HoldRequest, Item, Options, SaleState, TicketTypeIndex, UserId,
    UtcMs,
};
use ticketcore_server::auth::parse_user;

use super::client::{Client, Reply};
use super::server::Server;

/// Who prepares.
const STAFF: u128 = 900;
/// Events of a folder that has many: more than twice what one list opens.
const MANY: usize = 150;

/// The data folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("ticketcore-prepared-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// Prepares it; no server may have it meanwhile.
    fn prepare<T>(&self, work: impl FnOnce(&BoxOffice) -> T) -> T {
        let store = Arc::new(LocalStore::open(self.0.join("store"), LocalOptions::default()).unwrap());
        let office = BoxOffice::open_shared(Arc::clone(&store) as _, Options::default()).unwrap();
        let done = work(&office);
        drop(office);
        // Appends that are under way have the store a little longer; with the last of them it is closed.
        let ended = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(&store) > 1 {
            assert!(Instant::now() < ended, "somebody still has the store");
            std::thread::sleep(Duration::from_millis(1));
        }
        done
    }

    fn serve(&self) -> Server {
        Server::with(&["--data", self.0.to_str().unwrap()])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// An event in the theatre, on sale, as it is after a change.
fn on_sale(office: &BoxOffice, change: impl FnOnce(&mut Definition)) -> EventId {
    let theatre = generate(VenueKind::Theatre);
    let mut definition = theatre.to_definition(&PlanOptions::new("Lear")).unwrap();
    change(&mut definition);
    let event = office.add_event(&definition).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    event
}

/// Asks for seats, with more said than that.
fn hold(buyer: &Client, event: EventId, seats: &[String], more: &Value) -> Reply {
    let mut asked = json!({"eventId": event.to_string(), "seatIds": seats});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    buyer.with("idempotency-key", &format!("{seats:?} {more}")).post("/v1/holds", &asked)
}

#[test]
fn vouchers_that_were_revoked_are_over_or_used_up_are_refused_each_with_its_reason() {
    let folder = Folder::new("vouchers");
    let event = folder.prepare(|office| {
        let event = on_sale(office, |_| {});
        let add = |batch: u32, code: &str, terms: VoucherTerms| {
            let (by, codes) = (UserId::from(STAFF), vec![code.to_owned()]);
            let added = AddVouchersRequest { event, by, key: None, batch: VoucherBatch(batch), terms, codes };
            office.add_vouchers(added).wait().unwrap();
        };
        add(1, "ONCE", VoucherTerms::default());
        add(2, "OVER", VoucherTerms { until: Some(UtcMs(1_000)), ..VoucherTerms::default() });
        add(3, "GONE", VoucherTerms::default());
        let which = RevokeWhat::Codes(vec!["GONE".to_owned()]);
        let revoked = RevokeVouchersRequest { event, by: STAFF.into(), key: None, which };
        office.revoke_vouchers(revoked).wait().unwrap();
        event
    });
    let server = folder.serve();
    let (buyer, other) = (server.buyer(), server.new_buyer());
    let with = |buyer: &Client, code: &str, at: usize| {
        hold(buyer, event, &server.seats(at, 1), &json!({"voucher": code}))
    };
    with(&buyer, "GONE", 0).ok(409).problem("voucher_revoked");
    let over = with(&buyer, "OVER", 0).ok(409).problem("voucher_closed");
    assert_eq!((&over["from"], &over["until"]), (&Value::Null, &json!("1970-01-01T00:00:01.000Z")));
    let held = with(&buyer, "ONCE", 0).ok(201).json();
    let used = with(&other, "ONCE", 2).ok(409).problem("voucher_used_up");
    assert_eq!(used["usesMax"], 1);
    // The use comes back with the hold.
    buyer.delete(&format!("/v1/holds/{}", held["holdId"].as_str().unwrap())).ok(204);
    with(&other, "ONCE", 2).ok(201);
}

#[test]
fn a_quota_that_is_exhausted_says_what_is_left_of_it() {
    let folder = Folder::new("quota");
    let event = folder.prepare(|office| {
        on_sale(office, |definition| {
            let (ticket_types, categories, areas) = (Vec::new(), Vec::new(), Vec::new());
            let name = "licence".to_owned();
            definition.quotas = vec![Quota { name, cap: 3, ticket_types, categories, areas }];
        })
    });
    let server = folder.serve();
    hold(&server.buyer(), event, &server.seats(0, 2), &json!({})).ok(201);
    let other = server.new_buyer();
    let refused = hold(&other, event, &server.seats(10, 2), &json!({})).ok(409).problem("quota_exhausted");
    assert_eq!((&refused["quota"], &refused["left"]), (&json!("licence"), &json!(1)));
    hold(&other, event, &server.seats(10, 1), &json!({})).ok(201);
}

#[test]
fn places_that_are_set_aside_open_to_the_code_and_to_the_channel_they_are_for() {
    let folder = Folder::new("aside");
    let event = folder.prepare(|office| {
        on_sale(office, |definition| {
            let (access_code, channels) = (Some("LETMEIN".to_owned()), vec!["club".to_owned()]);
            let name = "friends".to_owned();
            definition.allocations = vec![Allocation { name, channels, access_code, release_at: None }];
            let seats = definition.sections.iter_mut().flat_map(|section| &mut section.rows);
            let seats = seats.flat_map(|row| &mut row.seats).take(4);
            seats.for_each(|seat| seat.allocation = Some(AllocationIndex(0)));
        })
    });
    let server = folder.serve();
    let buyer = server.buyer();
    let ask = |at: usize, more: &Value| hold(&buyer, event, &server.seats(at, 2), more);
    let locked = ask(3, &json!({})).ok(409).problem("allocation_locked");
    assert_eq!(locked["seatIds"], json!(server.seats(3, 1)));
    ask(0, &json!({"channel": "web"})).ok(409).problem("allocation_locked");
    ask(0, &json!({"accessCode": "LETMEIN"})).ok(201);
    ask(2, &json!({"channel": "club"})).ok(201);
}

#[test]
fn who_is_behind_two_buyers_is_limited_as_one() {
    let folder = Folder::new("identity");
    let server = folder.serve();
    let buyer = server.buyer();
    let me = buyer.get("/v1/me").ok(200).json();
    let me = parse_user(me["userId"].as_str().unwrap()).unwrap();
    drop(server);
    // The owner knows that they are one, and places their first holds himself.
    let (event, mine) = folder.prepare(|office| {
        let event = on_sale(office, |definition| definition.rules.tickets_per_user_max = 4);
        let manifest = office.manifest(event).unwrap();
        let mut seats = manifest.seats();
        let mut place = |user: UserId, count: usize| {
            let seats = seats.by_ref().take(count).collect();
            let items = vec![Item::Seats { seats, ticket_type: TicketTypeIndex(0) }];
            let identities = vec![Identity(7)];
            office.hold(HoldRequest { identities, ..HoldRequest::new(event, user, items) }).wait().unwrap()
        };
        place(UserId::from(STAFF), 3);
        (event, place(me, 1).id)
    });
    let server = folder.serve();
    let buyer = server.anybody().with_token(buyer.token.as_ref().unwrap());
    let add = json!({"addItems": [{"seatIds": server.seats(10, 1)}]});
    let path = format!("/v1/holds/{mine}");
    let over = buyer.send("PATCH", &path, Some(add.to_string().as_bytes())).ok(409).problem("identity_limit");
    assert_eq!((&over["max"], &over["used"], &over["asked"]), (&json!(4), &json!(4), &json!(1)));
    // A hold of which nothing is said about who is behind it counts for its buyer alone.
    hold(&buyer, event, &server.seats(10, 2), &json!({})).ok(201);
}

#[test]
fn a_list_of_many_events_that_are_not_open_has_more_pages_and_leaves_nothing_out() {
    let folder = Folder::new("many");
    let events: Vec<EventId> = folder.prepare(|office| (0..MANY).map(|_| on_sale(office, |_| {})).collect());
    let last = *events.last().unwrap();
    folder.prepare(|office| office.set_sale_state(last, SaleState::Paused).wait().unwrap());
    let server = folder.serve();
    let list = |query: &str| server.anybody().get(&format!("/v1/events?limit=1000{query}")).ok(200).json();
    // One is looked for, behind all others: a page ends before it is found, and says that there is more.
    let (mut pages, mut found, mut cursor) = (0, Vec::new(), String::new());
    loop {
        let page = list(&format!("&state=paused{cursor}"));
        pages += 1;
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(found.is_empty() && pages < MANY, "{page}");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, [json!(last.to_string())]);
    assert!((2..=MANY / 64 + 1).contains(&pages), "{pages} pages");
    // Now they are open, and all are in one page, the first first.
    let page = list("");
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    let known = events.iter().map(ToString::to_string).chain([server.event.clone()]);
    assert_eq!((ids, page.get("next")), (known.map(|id| json!(id)).collect(), None));
}
