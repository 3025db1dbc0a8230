//! Writes the seeds of the decoders anew: one file per kind of fact, a batch of records, two plans. Run it in `fuzz/` when a format
//! has changed: `cargo run --example seeds`.

use std::fs;
use std::io::Result;
use std::path::Path;

use ticketcore::fact::{
    AreaLine, Fact, HoldAmended, HoldEnd, HoldEnded, HoldExtended, HoldPlaced, Keyed, Lines, OrderCancelled,
    OrderConfirmed, OrderOpened, PlacesChanged, SeatChange, SeatLine, SeatsChanged,
};
use ticketcore::manifest::Manifest;
use ticketcore::plan::SeatingPlan;
use ticketcore::store::Records;
use ticketcore::ticket::{DeadTicket, RevocationList, TicketClaims, TicketPlace};
use ticketcore::{
    AllocationIndex, AreaIndex, EventId, HoldNumber, IdempotencyKey, OrderId, Revision, SaleState, SeatIndex,
    TicketId, TicketTypeIndex, UserId, UtcMs,
};
use ticketcore_fuzz::{TICKET_NOW, definition, ticket_keys};

const PLAN: &str = r##"{"name":"Hall","size":{"width":400,"height":300},"focal_point":{"x":60,"y":0},
"categories":[{"name":"Gold","color":"#ffcc00"},{"name":"Blue"}],"zones":[{"name":"Stalls","position":{"x":10,"y":20.5},
"rows":[{"row_number":"A","position":{"x":1,"y":2},"seats":[
{"seat_guid":"g1","seat_number":"1","position":{"x":0,"y":0},"category":"Gold","radius":10,"rank":1},
{"seat_guid":"g2","seat_number":"2","position":{"x":25,"y":0},"category":"Gold","accessible":true,"rank":2},
{"seat_guid":"g3","seat_number":"3","position":{"x":75.25,"y":0},"category":"Blue","companion":null,"rank":3}]}],
"areas":[{"shape":"rectangle","rectangle":{"width":100,"height":20},"position":{"x":0,"y":-20},
"text":{"text":"Stage","position":{"x":50,"y":10}},"color":"#ccc","rotation":0},
{"shape":"circle","circle":{"radius":5},"position":{"x":5,"y":6},"text":"Standing","capacity":120,"category":"Blue"},
{"shape":"polygon","polygon":{"points":[{"x":0,"y":0},{"x":1,"y":0},{"x":0,"y":1}]},"position":{"x":0,"y":0}}]}]}"##;

fn main() -> Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    fs::write(seeds.join("plan_import/hall"), PLAN)?;
    fs::write(seeds.join("plan_import/empty"), SeatingPlan::default().to_json())?;
    let mut records = Records::default();
    for (at, fact) in (0..).zip(facts()) {
        let mut bytes = Vec::new();
        fact.encode(&mut bytes);
        let name = format!("{fact:?}");
        let name = name.split(['(', ' ']).next().unwrap_or_default().to_lowercase();
        fs::write(seeds.join("fact_decode").join(name), &bytes)?;
        records.push(UtcMs(1_700_000_000_000 + at * at), &bytes[..bytes.len().min(40)]);
    }
    // As the fuzzer lays its input out: base, count, then the bytes.
    let mut input = records.base().0.to_le_bytes().to_vec();
    input.extend(u16::try_from(records.count()).unwrap_or(u16::MAX).to_le_bytes());
    input.extend(records.bytes());
    fs::write(seeds.join("record_decode/facts"), input)?;
    tickets(&seeds.join("ticket_code"))
}

/// A code as bytes, as text and as somebody types it; a list of revocations with and without its signature; keys. The first byte says which.
fn tickets(folder: &Path) -> Result<()> {
    let keys = ticket_keys();
    let number = HoldNumber(0x4_0029);
    let order = OrderId { event: EventId(7), number };
    let claims = TicketClaims {
        ticket: TicketId { order, index: 1 },
        issue: 2,
        place: TicketPlace::Area(AreaIndex(3)),
        ticket_type: TicketTypeIndex(1),
        signed_at: TICKET_NOW,
        valid_from: TICKET_NOW,
        valid_until: UtcMs::NEVER,
    };
    let code = keys.sign(&claims).expect("the key is in use");
    let dead = |index| DeadTicket { order: number, index, issue: 1 };
    let list = RevocationList::new(order.event, Revision(9), TICKET_NOW, vec![dead(1), dead(300)]);
    let list = list.expect("a short list").sign(&keys).expect("the key is in use");
    let json = serde_json::to_vec(keys.public())?;
    let seed = |name: &str, kind: u8, bytes: &[u8]| fs::write(folder.join(name), [&[kind], bytes].concat());
    fs::create_dir_all(folder)?;
    seed("bytes", 0, code.as_bytes())?;
    seed("text", 1, code.to_string().as_bytes())?;
    seed("typed", 2, code.to_string().to_lowercase().replace('1', " l-").as_bytes())?;
    seed("list", 3, &list)?;
    seed("unsigned-list", 3, &list[..list.len() - 64])?;
    seed("keys", 4, &json)
}

/// One fact of every kind.
fn facts() -> Vec<Fact> {
    let (user, hold) = (UserId::from(42), HoldNumber(0x4_0029));
    let key = IdempotencyKey::new("basket-1").expect("a short key");
    let keyed = Some(Keyed { key, fingerprint: 0x1234_5678_9abc_def0 });
    let seat = |at| SeatLine { seat: SeatIndex(at), ticket_type: TicketTypeIndex(0), price_minor: 900 };
    let area = AreaLine {
        area: AreaIndex(0),
        allocation: Some(AllocationIndex(0)),
        ticket_type: TicketTypeIndex(1),
        quantity: 2,
        price_minor: 100,
    };
    let lines =
        Lines { seats: [seat(3), seat(4)].into_iter().collect(), areas: [area].into_iter().collect() };
    let deadline = UtcMs(1_700_000_480_000);
    let old = Manifest::compile(&definition(0)).expect("the definition is valid");
    let change = old.diff(&definition(0b1111)).expect("the definition follows the other");
    vec![
        Fact::EventDefined(Box::new(definition(0))),
        Fact::ManifestChanged(Box::new(change)),
        Fact::SaleStateChanged { to: SaleState::Onsale },
        Fact::HoldPlaced(HoldPlaced {
            user,
            keyed: keyed.clone(),
            ttl_ms: 480_000,
            lifetime_ms: 1_800_000,
            extensions_left: 2,
            lines: lines.clone(),
        }),
        Fact::HoldAmended(Box::new(HoldAmended {
            hold,
            user,
            keyed: keyed.clone(),
            added: lines.clone(),
            removed: Lines::default(),
            lines: lines.clone(),
            deadline,
            extensions_left: 2,
        })),
        Fact::HoldExtended(Box::new(HoldExtended {
            hold,
            user,
            keyed: keyed.clone(),
            deadline,
            extensions_left: 1,
            lines: lines.clone(),
        })),
        Fact::HoldEnded(HoldEnded {
            hold,
            user,
            end: HoldEnd::Released,
            by: keyed.clone().map(|keyed| (user, keyed)),
            lines: lines.clone(),
        }),
        Fact::OrderOpened(OrderOpened {
            hold,
            user,
            keyed: keyed.clone(),
            payment_deadline: deadline,
            lines: lines.clone(),
        }),
        Fact::OrderConfirmed(OrderConfirmed { order: hold, user, keyed: None, lines: lines.clone() }),
        Fact::OrderCancelled(OrderCancelled { order: hold, user, keyed: None, lines }),
        Fact::SeatsChanged(Box::new(SeatsChanged {
            by: user,
            keyed: keyed.clone(),
            change: SeatChange::Reallocate(Some(AllocationIndex(1))),
            seats: vec![SeatIndex(1), SeatIndex(300)],
        })),
        Fact::PlacesChanged(Box::new(PlacesChanged {
            by: user,
            keyed,
            area: AreaIndex(0),
            allocation: None,
            blocked: 1,
        })),
        Fact::AllocationReleased { allocation: AllocationIndex(0) },
    ]
}
