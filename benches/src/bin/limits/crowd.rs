//! A waiting room with 1,000,000 people, on one thread: joining (a person's tag is known), joining with all that comes with it (the tag's keyed
//! hash, the join log's tree), the draw, a place after it, tokens. Joining stands beside putting as many numbers into a hash map; what hashes stands beside as many
//! plain SHA-256 compressions.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use ticketcore::admission::{
    EntrantTag, Joined, Phase, Room, RoomConfig, RoomFact, RoomKeys, Tagger, Token, TokenKind, leaf_hash,
};
use ticketcore::{EventId, UserId, UtcMs};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::Outcome;
use crate::rounds::{ROUNDS, warm_per_second};

pub const NAMES: &[&str] = &[
    "room_join",
    "room_join_whole",
    "room_bytes_a_person",
    "room_draw",
    "room_position",
    "room_token_sign",
    "room_token_verify",
];

const PEOPLE: u32 = 1_000_000;
const NOW: UtcMs = UtcMs(1_800_000_000_000);

fn opened() -> Outcome<Room> {
    let config = RoomConfig { entropy_source: "a block to come".to_owned(), ..RoomConfig::default() };
    let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
    let mut room = Room::open(EventId(1), &first).ok_or("it is the first fact")?;
    room.apply(NOW, &RoomFact::PhaseMoved { phase: Phase::Prequeue });
    Ok(room)
}

fn user(person: u32) -> UserId {
    UserId::from(u128::from(person) << 32 | 7)
}

fn join(room: &mut Room, tag: EntrantTag) -> Outcome<()> {
    match room.join(tag, NOW)? {
        Joined::Now(_, fact) => room.apply(NOW, &fact),
        Joined::Before(_) => return Err("nobody joins twice".into()),
    }
    Ok(())
}

/// One round: what each figure came to, and its limit.
fn round() -> Outcome<[(f64, f64); 7]> {
    let tagger = Tagger::new(&[2; 32]);
    let tags: Vec<EntrantTag> = (0..PEOPLE).map(|person| tagger.user(user(person))).collect();
    let mut room = opened()?;
    let began = Instant::now();
    for tag in &tags {
        join(&mut room, *tag)?;
    }
    let joins = f64::from(PEOPLE) / began.elapsed().as_secs_f64();
    drop(room);
    let began = Instant::now();
    let mut map = HashMap::new();
    for (number, tag) in (0..PEOPLE).zip(&tags) {
        map.insert(tag.0, number);
    }
    black_box(&map);
    let inserts = f64::from(PEOPLE) / began.elapsed().as_secs_f64();
    drop((map, tags));

    let mut room = opened()?;
    let began = Instant::now();
    for person in 0..PEOPLE {
        join(&mut room, tagger.user(user(person)))?;
        if person % 1_024 == 0 {
            room.grow_tree();
        }
    }
    room.grow_tree();
    let whole = f64::from(PEOPLE) / began.elapsed().as_secs_f64();
    let bytes = room.bytes();
    let hashes = warm_per_second(|| {
        black_box(leaf_hash(black_box(&[7; 24])));
    });
    let began = Instant::now();
    let closed = room.close_prequeue()?;
    room.apply(NOW, &closed);
    let drawn = room.draw("entropy")?;
    room.apply(NOW, &drawn);
    let draw = began.elapsed().as_secs_f64() * 1e3;
    let mut person = 0;
    let position = warm_per_second(|| {
        person = (person + 999_983) % PEOPLE;
        black_box(room.position(black_box(person)));
    });

    let keys = RoomKeys::new(1, &[9; 32]);
    let token = Token {
        kind: TokenKind::Position,
        event: EventId(1),
        tag: tagger.user(user(1)),
        device: [3; 8],
        number: 77,
        issued: NOW,
        until: NOW.plus_ms(60_000),
        tickets: 0,
    };
    let text = keys.sign(&token);
    let sign = warm_per_second(|| {
        black_box(keys.sign(black_box(&token)));
    });
    let verify = warm_per_second(|| {
        black_box(keys.check(black_box(&text), TokenKind::Position, EventId(1), NOW).is_ok());
    });
    let hash = 1e9 / hashes;
    #[expect(clippy::cast_precision_loss, reason = "bytes of one room")]
    let bytes = bytes as f64 / f64::from(PEOPLE);
    Ok([
        (joins, inserts),
        (whole, hashes / 4.0),
        (bytes, 16.0),
        (draw, hash * 32_000.0 / 1e6),
        (1e9 / position, 0.0),
        (1e9 / sign, 3.0 * hash),
        (1e9 / verify, 3.0 * hash),
    ])
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let mut rounds: Vec<[(f64, f64); 7]> = Vec::new();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        rounds.push(round()?);
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let units = ["1/s", "1/s", "bytes", "ms", "ns", "ns", "ns"];
    let goals = [
        Some(Goal::AtLeast(1_500_000.0)),
        None,
        Some(Goal::AtMost(100.0)),
        Some(Goal::AtMost(10.0)),
        Some(Goal::AtMost(1_000.0)),
        Some(Goal::AtMost(1_000.0)),
        Some(Goal::AtMost(1_000.0)),
    ];
    let figure = |at: usize| {
        let all = |of: fn(&(f64, f64)) -> f64| rounds.iter().map(|round| of(&round[at])).collect::<Vec<_>>();
        let figure = Figure::new(NAMES[at], units[at]);
        let figure = match goals[at] {
            Some(goal) => figure.goal(goal),
            None => figure,
        };
        let limits = all(|(_, limit)| *limit);
        let limits = if limits.iter().all(|limit| *limit > 0.0) { limits } else { Vec::new() };
        figure.rounds(&all(|(value, _)| *value), &limits, others)
    };
    Ok((0..NAMES.len()).map(figure).collect())
}
