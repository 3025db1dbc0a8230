//! Waiting rooms: people who join for the first time, the status that everybody polls, people who ask whether it is their turn.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};
use ticketcore_benches::wire::{Answer, Connection, text_after};

use crate::holds::crowd;
use crate::load::{Shopper, Timing, Verdict, run};
use crate::reads::{Reader, Rounds};
use crate::shop::{Desk, Shop, get};
use crate::{Outcome, ROUNDS, bare};

pub const NAMES: &[&str] =
    &["room_join", "room_status", "room_admit", "room_join_cpu", "room_status_cpu", "room_admit_cpu"];

/// Places that are kept, to ask with.
const KEPT: usize = 10_000;

/// Places: whose, and their tokens.
type Places = Arc<Mutex<Vec<(u64, String)>>>;

/// Joins as a new user each time.
struct Joiner {
    desk: Arc<Desk>,
    user: u64,
    places: Option<Places>,
}

impl Joiner {
    fn write(&self, into: &mut Vec<u8>) {
        let event = &self.desk.events[0];
        let body = format_args!(r#"{{"eventId":"{event}"}}"#);
        self.desk.write(into, format_args!("POST /v1/waiting-room/join"), self.user, Some(body));
    }
}

impl Shopper for Joiner {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        self.user = Desk::newcomer();
        self.write(into);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        let token = text_after(answer.body, b"\"positionToken\":\"");
        let (201, Some(token)) = (answer.status, token) else {
            return Err(answer.unexpected("joining").into());
        };
        if let Some(places) = &self.places {
            let mut places = places.lock();
            if places.len() < KEPT {
                places.push((self.user, token.to_owned()));
            }
        }
        Ok(Verdict::Done)
    }
}

/// Asks whether it is somebody's turn: it is not.
struct Asker {
    desk: Arc<Desk>,
    places: Arc<Vec<(u64, String)>>,
    at: usize,
}

impl Shopper for Asker {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        self.at = (self.at + 61) % self.places.len();
        let (user, token) = &self.places[self.at];
        let body = format_args!(r#"{{"positionToken":"{token}"}}"#);
        self.desk.write(into, format_args!("POST /v1/waiting-room/admit"), *user, Some(body));
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        if answer.status == 202 { Ok(Verdict::Done) } else { Err(answer.unexpected("asking").into()) }
    }
}

/// A room that nobody is let into.
async fn open(shop: &Shop) -> Outcome<()> {
    let (event, key) = (&shop.child.ready.events[0], &shop.child.ready.key);
    let mut connection = Connection::open(shop.child.ready.address).await?;
    let room = format!("/v1/admin/waiting-rooms/{event}");
    for (line, body) in [
        (format!("PUT {room}"), r#"{"entry":"account","control":{"fixedActive":0}}"#),
        (format!("POST {room}/phase"), r#"{"phase":"open"}"#),
    ] {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let answer = connection.ask(request.as_bytes()).await?;
        if answer.status != 200 {
            return Err(answer.unexpected(&line).into());
        }
    }
    Ok(())
}

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(1)?;
    open(&shop).await?;
    let (desk, places) = (shop.desk(0), Places::default());
    let joiner =
        |places: Option<&Places>| Joiner { desk: Arc::clone(&desk), user: 0, places: places.cloned() };
    let status = get(&format!("/v1/waiting-room/{}", desk.events[0]), "");
    let first = Joiner { user: Desk::newcomer(), ..joiner(None) };
    let (mut join, mut ask) = (Vec::new(), Vec::new());
    first.write(&mut join);
    let heard = shop.learn(&join).await?;
    run(&shop.child, crowd(|| joiner(Some(&places))), Timing::for_time(Duration::from_secs(1))).await?;
    let kept = Arc::new(std::mem::take(&mut *places.lock()));
    let asker = |at| Asker { desk: Arc::clone(&desk), places: Arc::clone(&kept), at };
    asker(0).ask(&mut ask);
    let heard = [heard, shop.learn(&status).await?, shop.learn(&ask).await?];
    let bare = bare::start(&heard)?;
    let children = [shop.child.id(), bare.id()];
    let (mut ours, mut theirs) = ([(); 3].map(|()| Rounds::default()), [(); 3].map(|()| Rounds::default()));
    let mut others = Vec::new();
    let reader = Reader { request: status, status: 200 };
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&children);
        for (server, rounds) in [(&bare, &mut theirs), (&shop.child, &mut ours)] {
            let timing = Timing::for_time(time);
            rounds[0].add(&run(server, crowd(|| joiner(None)), timing).await?.0);
            rounds[1].add(&run(server, crowd(|| reader.clone()), timing).await?.0);
            let mut at = 0;
            let askers = crowd(|| {
                at += 97;
                asker(at)
            });
            rounds[2].add(&run(server, askers, timing).await?.0);
        }
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let goals = [0.6, 0.85, 0.6];
    let mut figures = Vec::new();
    for at in 0..3 {
        let rate = Figure::new(NAMES[at], "1/s").goal(Goal::RatioAtLeast(goals[at]));
        figures.push(rate.rounds(&ours[at].rate, &theirs[at].rate, others));
        figures.push(Figure::new(NAMES[3 + at], "us").rounds(&ours[at].cpu, &theirs[at].cpu, others));
    }
    Ok(figures)
}
