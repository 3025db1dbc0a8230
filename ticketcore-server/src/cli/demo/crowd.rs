//! The crowd of `demo --waiting-room`: a lottery that anybody can join for a while, and others who stand in line.

use std::sync::Arc;
use std::time::Duration;

use ticketcore::admission::{Joined, Phase, Place, RoomConfig, RoomError};
use ticketcore::{EventId, SaleState, UserId};
use ticketcore_server::app::{App, StartError};
use ticketcore_server::room::Desk;

/// How long the lottery is open, in seconds.
pub const PREQUEUE_S: u64 = 30;
/// Others who stand in line.
const OTHERS: u32 = 400;
/// People called a second.
const CALLS_PER_S: u32 = 10;
/// How long each of them stays inside, in seconds.
const STAYS_S: u64 = 12;

/// Opens the lottery of an event that is announced. Waits for the store.
pub fn open(app: &App, event: EventId) -> Result<Arc<Desk>, StartError> {
    if let Some(desk) = app.rooms.find(event) {
        return Ok(desk);
    }
    let mut config = RoomConfig {
        entropy_source: "this server's clock, when the lottery closes".to_owned(),
        poll_ms: 2_000,
        ..RoomConfig::default()
    };
    config.control.target_active = 120;
    config.control.calls_per_s_max = CALLS_PER_S;
    let desk = app.rooms.set_up(event, config)?;
    let now = app.now();
    desk.journal().change(now, |room, _| Ok(((), Some(room.become_phase(Phase::Prequeue)?))))?.wait()?;
    for one in 0..OTHERS {
        join(app, &desk, one)?;
    }
    app.rooms.step_now(&desk);
    Ok(desk)
}

fn join(app: &App, desk: &Desk, one: u32) -> Result<u32, RoomError> {
    let joined = desk.journal().change(app.now(), |room, now| {
        let tag = room.tagger().user(UserId::from(u128::from(one) << 64));
        let joined = room.join(tag, now)?;
        let number = joined.number();
        Ok((number, if let Joined::Now(_, fact) = joined { Some(fact) } else { None }))
    })?;
    joined.wait()
}

/// Closes the lottery in time, draws it, opens the sale; then the others come and go as they are called, until the server ends.
pub async fn go_on(app: Arc<App>, desk: Arc<Desk>) {
    tokio::time::sleep(Duration::from_secs(PREQUEUE_S)).await;
    let opening = (Arc::clone(&app), Arc::clone(&desk));
    let opened = tokio::task::spawn_blocking(move || start_sale(&opening.0, &opening.1)).await;
    if let Ok(Err(error)) = opened {
        tracing::warn!(%error, "the lottery was not drawn");
    }
    while !*app.stopping.borrow() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let moving = (Arc::clone(&app), Arc::clone(&desk));
        let moved = tokio::task::spawn_blocking(move || move_on(&moving.0, &moving.1)).await;
        if let Ok(Err(error)) = moved {
            tracing::warn!(%error, "the others stand still");
        }
    }
}

fn start_sale(app: &App, desk: &Desk) -> Result<(), StartError> {
    let journal = desk.journal();
    if desk.look(|room| room.phase())? == Phase::Prequeue {
        journal.change(app.now(), |room, _| Ok(((), Some(room.close_prequeue()?))))?.wait()?;
        let entropy = app.now().to_string();
        journal.change(app.now(), |room, _| Ok(((), Some(room.draw(&entropy)?))))?.wait()?;
    }
    app.office.set_sale_state(desk.event(), SaleState::Onsale).wait()?;
    app.rooms.step_now(desk);
    Ok(())
}

/// Who is called comes in, who has been in goes.
fn move_on(app: &App, desk: &Desk) -> Result<(), RoomError> {
    let now = app.now();
    let places =
        desk.look(|room| (0..OTHERS).map(|number| (number, room.place(number, now))).collect::<Vec<_>>())?;
    let stays = desk.look(|room| room.config().admission_ms)?.saturating_sub(STAYS_S * 1_000);
    for (number, place) in places {
        let fact = match place {
            Ok(Place::Called { .. }) => {
                desk.look(|room| room.admit(number, now).ok().and_then(|found| found.fact))?
            }
            Ok(Place::Inside { until, .. }) if until.since_ms(now) < stays => {
                desk.look(|room| room.leave(number, now).ok().flatten())?
            }
            _ => None,
        };
        if fact.is_some() {
            desk.journal().change(now, |_, _| Ok(((), fact)))?.wait()?;
        }
    }
    Ok(())
}
