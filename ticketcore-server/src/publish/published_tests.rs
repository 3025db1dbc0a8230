use std::collections::BTreeMap;

use serde_json::Value;
use ticketcore::{ManifestRequest, SeatIndex, SeatState};

use super::super::change::Change;
use super::super::look::state_at;
use super::super::testing::{Shop, small};
use super::*;
use crate::http::Code;

/// Numbers that look random, the same ones every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a client knows of the map: it knows changes only.
#[derive(Clone)]
struct Client {
    revision: u64,
    seats: BTreeMap<String, String>,
    floor: u64,
}

impl Client {
    fn of(snapshot: &Snapshot) -> Self {
        let manifest = &snapshot.geometry.manifest;
        let state = |seat| crate::api::shapes::seat_state(state_at(snapshot.map(), seat)).to_owned();
        let seats = manifest.seats().map(|seat| (manifest.seat_id(seat).to_owned(), state(seat))).collect();
        Self { revision: snapshot.revision.0, seats, floor: snapshot.areas_left()[0].into() }
    }

    fn apply(&mut self, change: &Change) {
        let change: Value = serde_json::from_slice(&change.json()).unwrap();
        assert!(change["from"].as_u64().unwrap() <= self.revision, "no gap");
        for seat in change["seats"].as_array().unwrap() {
            let (id, state) = (seat[0].as_str().unwrap(), seat[1].as_str().unwrap());
            *self.seats.get_mut(id).unwrap() = state.to_owned();
        }
        for area in change["areas"].as_array().unwrap() {
            self.floor = area["left"].as_u64().unwrap();
        }
        self.revision = change["to"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn changes_applied_to_any_older_map_give_the_newest() {
    for seed in 0..20 {
        let shop = Shop::new(&small());
        let mut dice = Dice(seed);
        let first = shop.published.snapshot(shop.event).await.unwrap();
        let mut clients = vec![Client::of(&first)];
        let mut holds = Vec::new();
        for step in 0..60 {
            for _ in 0..=dice.below(3) {
                let user = u128::from(dice.below(1_000_000)) + 1;
                match dice.below(5) {
                    0 => holds.push((user, shop.hold_places(user, 1))),
                    1 | 2 if !holds.is_empty() => {
                        let at = usize::try_from(dice.below(holds.len() as u64)).unwrap();
                        let (user, hold) = holds.swap_remove(at);
                        shop.release(user, hold);
                    }
                    _ => {
                        let now = Client::of_office(&shop);
                        let free = (0..72).filter(|seat| now[*seat as usize] == SeatState::Free);
                        let free: Vec<u32> =
                            free.skip(usize::try_from(dice.below(9)).unwrap()).take(2).collect();
                        if !free.is_empty() {
                            holds.push((user, shop.hold(user, &free)));
                        }
                    }
                }
            }
            if step % 2 == 0 {
                shop.published.refresh(shop.event).unwrap();
                clients.push(Client::of(&shop.published.snapshot(shop.event).await.unwrap()));
            }
        }
        shop.published.refresh(shop.event).unwrap();
        let last = shop.published.snapshot(shop.event).await.unwrap();
        assert_eq!(
            last.map(),
            super::super::look::map_bytes(&Look::at(&shop.office, shop.event).unwrap().words)
        );
        let expected = Client::of(&last);
        for client in clients.into_iter().filter(|client| client.revision < last.revision.0) {
            let (mut stepwise, mut at_once) = (client.clone(), client.clone());
            let missed = last.history.since(Revision(client.revision)).unwrap();
            missed.iter().for_each(|change| stepwise.apply(change));
            let merged = Change::merged(missed.iter().map(|change| &**change), &last.geometry.manifest);
            at_once.apply(&merged.unwrap().unwrap());
            for found in [stepwise, at_once] {
                assert_eq!(found.revision, expected.revision, "seed {seed}");
                assert_eq!(
                    (found.seats, found.floor),
                    (expected.seats.clone(), expected.floor),
                    "seed {seed}"
                );
            }
        }
    }
}

impl Client {
    fn of_office(shop: &Shop) -> Vec<SeatState> {
        let look = Look::at(&shop.office, shop.event).unwrap();
        let map = super::super::look::map_bytes(&look.words);
        (0..look.manifest.seat_count()).map(|at| state_at(&map, SeatIndex::of(at))).collect()
    }
}

#[tokio::test]
async fn an_unknown_event_is_not_published_and_a_known_one_once() {
    let shop = Shop::new(&small());
    let unknown = shop.published.snapshot(EventId(99)).await.unwrap_err();
    assert_eq!((unknown.code(), shop.published.events()), (Code::UnknownEvent, 0));
    let both = tokio::join!(shop.published.snapshot(shop.event), shop.published.snapshot(shop.event));
    assert!(Arc::ptr_eq(&both.0.unwrap(), &both.1.unwrap()));
    assert!(shop.published.firsts.lock().is_empty());
    let before = shop.published.snapshot(shop.event).await.unwrap();
    shop.published.refresh(shop.event).unwrap();
    assert!(Arc::ptr_eq(&before, &shop.published.snapshot(shop.event).await.unwrap()), "nothing happened");
}

#[tokio::test]
async fn a_change_of_the_manifest_asks_for_a_reload() {
    let shop = Shop::new(&small());
    let before = shop.published.snapshot(shop.event).await.unwrap();
    shop.moves(1, &[3]);
    let mut definition = small();
    definition.sections[1].rows[1].seats.pop();
    definition.rules.key_secret = before.geometry.manifest.rules().key_secret;
    shop.office.change_manifest(ManifestRequest { event: shop.event, definition }).wait().unwrap();
    shop.published.refresh(shop.event).unwrap();
    let after = shop.published.snapshot(shop.event).await.unwrap();
    assert!(after.last_change().unwrap().reload);
    assert!(!Arc::ptr_eq(&before.geometry, &after.geometry));
    assert_ne!(before.geometry.map().await.unwrap().hash, after.geometry.map().await.unwrap().hash);
}

#[tokio::test]
async fn what_is_not_read_is_forgotten_and_the_number_is_bounded() {
    let shop = Shop::with(&small(), PublishOptions { events_max: 2, ..PublishOptions::default() });
    let more: Vec<EventId> = (0..2).map(|_| shop.office.add_event(&small()).unwrap()).collect();
    let reader = shop.published.subscribe(shop.event, None).await.unwrap();
    shop.published.now_ms.store(5, Ordering::Relaxed);
    shop.published.snapshot(more[0]).await.unwrap();
    shop.published.snapshot(more[1]).await.unwrap();
    assert_eq!(shop.published.events(), 2);
    assert!(shop.published.read(more[0], |_| ()).is_none(), "the other one has a reader");
    shop.published.sweep(10_000_000);
    assert_eq!((shop.published.events(), shop.published.subscribers()), (1, 1));
    drop(reader);
    shop.published.sweep(10_000_000);
    assert_eq!((shop.published.events(), shop.published.subscribers()), (0, 0));
}

#[tokio::test]
async fn the_task_refreshes_what_moves_and_ends_streams_when_told() {
    let shop = Shop::new(&small());
    let (stop, stopped) = watch::channel(false);
    let published = Published::start(
        Arc::clone(&shop.office),
        PublishOptions { heartbeat_ms: 100, ..PublishOptions::default() },
        stopped,
    );
    let first = published.snapshot(shop.event).await.unwrap();
    let mut reader = published.subscribe(shop.event, Some(first.revision)).await.unwrap();
    use http_body_util::BodyExt;
    let retry = reader.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(retry, "retry: 2000\n\n");
    shop.hold(1, &[7]);
    let mut told = reader.frame().await.unwrap().unwrap().into_data().unwrap();
    while told.starts_with(b":") {
        told = reader.frame().await.unwrap().unwrap().into_data().unwrap();
    }
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert!(told.contains("\"seats\":[[\"A-1-8\",\"held\"]]"), "{told}");
    assert!(published.snapshot(shop.event).await.unwrap().revision > first.revision);
    stop.send(true).unwrap();
    while let Some(frame) = reader.frame().await {
        assert!(frame.unwrap().into_data().unwrap().starts_with(b":"));
    }
    assert_eq!(published.subscribe(shop.event, None).await.unwrap_err().code(), Code::Unavailable);
}
