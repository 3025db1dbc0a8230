//! The demo's venues.

use ticketcore::manifest::TicketType;
use ticketcore::order::CaptureMode;
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::{EventId, SaleState};
use ticketcore_server::api::admin::{events::define, venues::keep};
use ticketcore_server::app::{App, StartError};

/// An event of the demo.
pub struct DemoEvent {
    pub id: EventId,
    pub name: &'static str,
    pub seats: usize,
    /// One of its seats, for the lines to paste.
    pub seat: String,
}

/// What is played where, and in how many days.
const PLAYED: [(VenueKind, &str, &str, u64); 3] = [
    (VenueKind::Theatre, "Theatre", "Hamlet", 14),
    (VenueKind::Arena, "Arena", "The Long Encore", 30),
    (VenueKind::Stadium, "Stadium", "Cup Final", 60),
];

/// Adds the venues of these names and opens their events, unless the store has them already. If there will be a crowd they are announced only.
pub fn open(app: &App, wanted: &[String], crowded: bool) -> Result<Vec<DemoEvent>, StartError> {
    let known = |name: &String| PLAYED.iter().any(|(_, venue, ..)| venue.eq_ignore_ascii_case(name));
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        return Err(format!("there is no venue `{unknown}`: theatre, arena, stadium").into());
    }
    let there = app.office.events();
    let mut events = Vec::new();
    for (kind, venue, name, days) in PLAYED {
        if !wanted.iter().any(|name| venue.eq_ignore_ascii_case(name)) {
            continue;
        }
        let plan = generate(kind);
        let known = there.iter().find(|entry| entry.name == name).map(|entry| entry.id);
        let id = match known {
            Some(id) => id,
            None => {
                let venue = app.office.add_venue(venue)?;
                keep(&app.office, venue, &plan).map_err(|problem| problem.to_string())?;
                let mut options = PlanOptions::new(name);
                options.rules.venue = Some(venue);
                options.rules.zone = "Europe/Berlin".to_owned();
                options.rules.starts_at = app.now().plus_ms(days * 24 * 3_600_000);
                options.ticket_types =
                    ["adult", "child"].map(|name| TicketType { name: name.to_owned() }).to_vec();
                let id = define(app, &plan.to_definition(&options)?, CaptureMode::Immediate)?;
                let state = if crowded { SaleState::Scheduled } else { SaleState::Onsale };
                app.office.set_sale_state(id, state).wait()?;
                id
            }
        };
        let manifest = app.office.manifest(id)?;
        let seat = manifest.seats().next().map(|seat| manifest.seat_id(seat).to_owned()).unwrap_or_default();
        events.push(DemoEvent { id, name, seats: manifest.seat_count(), seat });
    }
    Ok(events)
}
