//! Snapshots: the folded state of an event in canonical form, so that equal states are equal bytes (I8).

mod beside;
mod second;
mod sound;
#[cfg(all(test, feature = "testkit"))]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::keys::oldest_generation;
use super::open::{Folded, OpenError, fold};
use super::pool::PoolName;
use super::scope::{Layout, ShardSet, State, with_shards};
use super::shard::{HoldRecord, is_remembered};
use super::stripe::SeatSlot;
use super::{EventCore, touched::pool_counts};
use crate::fact::{HoldWith, Lines, Stamp, decode_versioned, encode_versioned};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, Revision, SHARDS, SeatIndex, UserId};
use crate::invariant::{Invariant, Violation};
use crate::key::fingerprint;
use crate::manifest::Manifest;
use crate::order::{Account, OrderRecord, OrderState, PaymentRules};
use crate::refusal::SeatState;
use crate::sale::SaleState;
use crate::store::{Snapshot, Store, StreamId};
use crate::time::UtcMs;
use crate::view::{Restored, View};
use beside::Beside;
use second::MoreOfSecond;
use sound::{keys_are_sound, sound};

/// The format byte in front of every encoded snapshot of an event.
const SNAPSHOT_FORMAT: u8 = 3;
/// The format whose accounts have one dispute.
const SNAPSHOT_FORMAT_2: u8 = 2;
/// The format that has no [`More`].
const SNAPSHOT_FORMAT_1: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Body {
    revision: Revision,
    at: UtcMs,
    manifest: Manifest,
    sale_state: SaleState,
    released: u64,
    seats: Vec<SeatSlot>,
    blocked_places: Vec<(AreaIndex, Option<AllocationIndex>, u32)>,
    holds: Vec<HoldBody>,
    orders: Vec<OrderBody>,
    /// Shard, generation, tag, revision; by revision.
    keys: Vec<(u8, u64, u64, Revision)>,
}

/// What came with the second format; its accounts are as they are since the third.
#[derive(Debug, Default, Serialize, Deserialize)]
struct More {
    payment_rules: PaymentRules,
    /// Money and tickets of orders that have such, by number.
    accounts: Vec<(HoldNumber, Account)>,
    /// What holds say beside their places, and orders, by number.
    holds_with: Vec<(HoldNumber, HoldWith)>,
    orders_with: Vec<(HoldNumber, HoldWith)>,
    beside: Beside,
}

#[derive(Debug, Serialize, Deserialize)]
struct HoldBody {
    number: HoldNumber,
    user: UserId,
    lines: Lines,
    deadline: UtcMs,
    lifetime_end: UtcMs,
    extensions_left: u32,
    pinned: bool,
    version: Revision,
}

#[derive(Debug, Serialize, Deserialize)]
struct OrderBody {
    number: HoldNumber,
    user: UserId,
    state: OrderState,
    lines: Lines,
    version: Revision,
    generation: u64,
}

/// The state in canonical form. Locks every shard.
pub(super) fn encode(state: &State, revision: Revision, logged: UtcMs) -> Vec<u8> {
    let oldest = oldest_generation(logged);
    let whole = with_shards(state, ShardSet::All, |scope| {
        let layout = scope.layout;
        let blocked = |name| match name {
            PoolName::Area(area, allocation) => {
                let blocked = layout.pools.level(name).blocked;
                (blocked > 0).then_some((area, allocation, blocked))
            }
            PoolName::Quota(_) => None,
        };
        let beside = Beside::of(layout);
        let mut more = More { payment_rules: *layout.payment_rules, beside, ..More::default() };
        let mut body = Body {
            revision,
            at: logged,
            manifest: (*layout.manifest).clone(),
            sale_state: layout.sale_state,
            released: layout.released,
            seats: layout.stripes.seats_of(),
            blocked_places: layout.pools.names().filter_map(blocked).collect(),
            holds: Vec::new(),
            orders: Vec::new(),
            keys: Vec::new(),
        };
        for at in 0..SHARDS {
            let shard = scope.look(at);
            body.holds.extend(shard.holds.iter().map(|(number, hold)| HoldBody {
                number: *number,
                user: hold.user,
                lines: hold.lines.clone(),
                deadline: hold.deadline,
                lifetime_end: hold.lifetime_end,
                extensions_left: hold.extensions_left,
                pinned: hold.pinned,
                version: hold.version,
            }));
            more.holds_with
                .extend(shard.holds.iter().filter_map(|(n, h)| Some((*n, (**h.with.as_ref()?).clone()))));
            // What is too old counts as forgotten, whether its memory has been given back or not.
            let orders = || shard.orders.iter().filter(|(_, order)| is_remembered(order, logged));
            more.accounts.extend(orders().filter_map(|(n, o)| Some((*n, o.account.as_deref()?.clone()))));
            more.orders_with.extend(orders().filter_map(|(n, o)| Some((*n, (**o.with.as_ref()?).clone()))));
            body.orders.extend(orders().map(|(number, order)| OrderBody {
                number: *number,
                user: order.user,
                state: order.state,
                lines: order.lines.clone(),
                version: order.version,
                generation: order.generation,
            }));
            let shard_at = u8::try_from(at).unwrap_or(u8::MAX);
            let records = shard.keys.records().into_iter().filter(|(generation, ..)| *generation >= oldest);
            body.keys
                .extend(records.map(|(generation, tag, revision)| (shard_at, generation, tag, revision)));
        }
        body.holds.sort_unstable_by_key(|hold| hold.number);
        body.orders.sort_unstable_by_key(|order| order.number);
        body.keys.sort_unstable_by_key(|key| key.3);
        more.accounts.sort_unstable_by_key(|account| account.0);
        more.holds_with.sort_unstable_by_key(|with| with.0);
        more.orders_with.sort_unstable_by_key(|with| with.0);
        (body, more)
    });
    let mut bytes = Vec::new();
    encode_versioned(SNAPSHOT_FORMAT, &whole, &mut bytes);
    seal(&mut bytes);
    bytes
}

/// Appends the checksum: a flipped bit in an owner or a deadline would add up all the same.
fn seal(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&fingerprint(bytes).to_le_bytes());
}

/// What was sealed, if it is still so.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, seal) = bytes.split_last_chunk()?;
    (fingerprint(body).to_le_bytes() == *seal).then_some(body)
}

/// State and view of a snapshot.
pub(super) fn decode(snapshot: &Snapshot) -> Result<Folded, Violation> {
    let broken = |what: String| Violation::new(Invariant::I8SameFacts, snapshot.revision, what);
    let bytes = unseal(&snapshot.bytes)
        .ok_or_else(|| broken("the snapshot is damaged: its checksum does not match".to_owned()))?;
    let whole = match bytes.first() {
        Some(&SNAPSHOT_FORMAT_1) => {
            decode_versioned(SNAPSHOT_FORMAT_1, bytes).map(|body| (body, More::default()))
        }
        Some(&SNAPSHOT_FORMAT_2) => decode_versioned::<(Body, MoreOfSecond)>(SNAPSHOT_FORMAT_2, bytes)
            .map(|(body, more)| (body, more.into())),
        _ => decode_versioned(SNAPSHOT_FORMAT, bytes),
    };
    let (body, more): (Body, More) = whole.map_err(|error| broken(error.to_string()))?;
    if body.revision != snapshot.revision {
        return Err(broken(format!("the snapshot says {}", body.revision)));
    }
    let manifest = body.manifest.restored().map_err(|error| broken(error.to_string()))?;
    let manifest = Arc::new(manifest);
    if body.seats.len() != manifest.seat_count() {
        return Err(broken("the snapshot has other seats than its manifest".to_owned()));
    }
    let stamp = Stamp { revision: body.revision, at: body.at };
    let orders = records(body.orders, more.accounts, more.orders_with)
        .ok_or_else(|| broken("the snapshot has an account without an order".to_owned()))?;
    let sold: Vec<Lines> = orders.iter().map(|(_, order)| order.sold()).collect();
    sound(&body.seats, &body.holds, &orders, &sold, &manifest)
        .and_then(|()| keys_are_sound(&body.keys, stamp))
        .map_err(|what| broken(format!("the snapshot has {what}")))?;
    let mut layout = Layout {
        sale_state: body.sale_state,
        released: body.released,
        payment_rules: Arc::new(more.payment_rules),
        ..Layout::new(Arc::clone(&manifest))
    };
    for (at, slot) in body.seats.iter().enumerate() {
        let seat = SeatIndex::of(at);
        layout.stripes.write(&mut layout.stripes.lock(at / crate::manifest::STRIPE_SEATS), seat, *slot);
    }
    let kept = body.holds.iter().map(|hold| &hold.lines);
    for lines in kept.chain(&sold) {
        let mut counts = pool_counts(&manifest, lines).into_iter();
        if !counts.all(|(pool, count)| layout.pools.force_take(pool, count)) {
            return Err(broken("the snapshot's pools do not add up".to_owned()));
        }
    }
    for &(area, allocation, blocked) in &body.blocked_places {
        if !layout.pools.force_block(PoolName::Area(area, allocation), blocked) {
            return Err(broken("the snapshot's blocked places do not fit".to_owned()));
        }
    }
    let real = manifest.seats();
    let view = View::restored(&Restored {
        stamp,
        manifest: &manifest,
        sale_state: body.sale_state,
        seats: real
            .map(|seat| {
                let slot = body.seats[seat.at()];
                (seat, slot.allocation, slot.state == SeatState::Blocked)
            })
            .collect(),
        blocked_places: body.blocked_places.clone(),
        holds: body.holds.iter().map(|h| (h.number, &h.lines, h.pinned.then_some(h.deadline))).collect(),
        sold: sold.iter().collect(),
    })?;
    if !more.beside.restore(&mut layout) {
        return Err(broken("the snapshot's vouchers do not fit".to_owned()));
    }
    let state = State::new(layout);
    restore_shards(&state, body.holds, more.holds_with, orders, &body.keys);
    if !beside::count(&state) || Beside::of(&state.layout.load()) != more.beside {
        return Err(broken("the snapshot's uses of vouchers and identities do not add up".to_owned()));
    }
    Ok(Folded { state, view, revision: body.revision, at: body.at })
}

/// Orders with their accounts; `None` if an account has no order. Both are in order of their numbers.
fn records(
    orders: Vec<OrderBody>,
    accounts: Vec<(HoldNumber, Account)>,
    with: Vec<(HoldNumber, HoldWith)>,
) -> Option<Vec<(HoldNumber, OrderRecord)>> {
    let mut accounts = accounts.into_iter().peekable();
    let mut with = with.into_iter().peekable();
    let record = |order: OrderBody| {
        let OrderBody { number, user, state, lines, version, generation } = order;
        let account = accounts.next_if(|(of, _)| *of == number).map(|(_, account)| Box::new(account));
        let with = with.next_if(|(of, _)| *of == number).map(|(_, with)| Arc::new(with));
        (number, OrderRecord { user, state, lines, version, generation, account, with })
    };
    let records = orders.into_iter().map(record).collect();
    (accounts.next().is_none() && with.next().is_none()).then_some(records)
}

fn restore_shards(
    state: &State,
    holds: Vec<HoldBody>,
    with: Vec<(HoldNumber, HoldWith)>,
    orders: Vec<(HoldNumber, OrderRecord)>,
    keys: &[(u8, u64, u64, Revision)],
) {
    let mut with = with.into_iter().peekable();
    with_shards(state, ShardSet::All, |scope| {
        for (number, order) in orders {
            let shard = scope.shard(number.shard());
            shard.add_usage(order.user, 0, i64::from(order.sold().places()));
            shard.orders.insert(number, Box::new(order));
            shard.note_due(number);
        }
        for hold in holds {
            let shard = scope.shard(hold.number.shard());
            shard.add_usage(hold.user, i64::from(hold.lines.places()), 0);
            let timer = shard.wheel.insert(hold.deadline, hold.number);
            state.due_at(hold.deadline);
            let record = HoldRecord {
                user: hold.user,
                lines: hold.lines,
                deadline: hold.deadline,
                lifetime_end: hold.lifetime_end,
                extensions_left: hold.extensions_left,
                pinned: hold.pinned,
                version: hold.version,
                timer,
                with: with.next_if(|(of, _)| *of == hold.number).map(|(_, with)| Arc::new(with)),
            };
            shard.holds.insert(hold.number, record);
        }
        for &(shard, generation, tag, revision) in keys {
            scope.shard(usize::from(shard) % SHARDS).keys.restore(generation, tag, revision);
        }
    });
}

/// Folds a stream up to its durable end in the background and saves the result. Live traffic is not touched.
pub(crate) fn save(store: &dyn Store, stream: StreamId) -> Result<Revision, OpenError> {
    let (folded, tail) = fold(store, stream)?;
    let bytes = encode(&folded.state, folded.revision, folded.at);
    let snapshot = Snapshot { revision: folded.revision, tail, bytes: bytes.into() };
    store.save_snapshot(stream, snapshot)?;
    Ok(folded.revision)
}

impl EventCore {
    /// The whole live state in canonical form: equal states give equal bytes. For tests and audits; locks the event.
    #[cfg(feature = "testkit")]
    pub fn state_bytes(&self) -> Vec<u8> {
        encode(&self.state, self.log.durable(), self.view.availability().at)
    }
}

/// The state that the journal alone leads to, in the same form.
#[cfg(feature = "testkit")]
pub(crate) fn folded_bytes(store: &dyn Store, stream: StreamId) -> Result<Vec<u8>, OpenError> {
    let (folded, _) = fold(store, stream)?;
    Ok(encode(&folded.state, folded.revision, folded.at))
}

/// Where two states in this form differ, for people: the first lines that are not the same.
#[cfg(feature = "testkit")]
pub(crate) fn state_difference(live: &[u8], folded: &[u8]) -> String {
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = match decode_versioned::<(Body, More)>(SNAPSHOT_FORMAT, unseal(bytes).unwrap_or_default())
        {
            Ok(body) => format!("{body:#?}"),
            Err(error) => error.to_string(),
        };
        // The hashers of derived tables are random.
        text.lines().filter(|line| !line.contains("seed")).map(|line| line.trim().to_owned()).collect()
    };
    let (live, folded) = (lines(live), lines(folded));
    let same = live.iter().zip(&folded).take_while(|(live, folded)| live == folded).count();
    let around = |lines: &[String]| lines[same.saturating_sub(4)..(same + 6).min(lines.len())].join(" ");
    format!("{} <> {}", around(&live), around(&folded))
}
