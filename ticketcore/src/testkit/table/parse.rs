//! Rows: commands with names instead of numbers.

use super::setup::{Setup, index, number, read_ms};
use super::{EVENT, KnownHold};
use crate::fact::SeatChange;
use crate::id::{
    AreaIndex, EventId, HoldId, HoldNumber, OrderId, Revision, SeatIndex, SectionIndex, TicketTypeIndex,
    UserId,
};
use crate::key::IdempotencyKey;
use crate::request::{
    AmendRequest, BestAvailable, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, Item,
    ManifestRequest, OpenOrderRequest, PlacesRequest, ReleaseRequest, SaleStateRequest, SeatsRequest,
};
use crate::sale::{Activity, SaleState};
use crate::testkit::Command;

/// A row that has been read.
pub(super) enum Row {
    Command(Box<Command>),
    Seat(SeatIndex),
    Allows(SaleState, Activity),
    Maintain,
    Tick(u64),
}

/// What names stand for.
pub(super) struct Names<'a> {
    pub setup: &'a Setup,
    pub holds: &'a [KnownHold],
}

type Read<T> = Result<T, String>;

const OPTIONS: [&str; 12] =
    ["by", "key", "event", "ttl", "channel", "code", "add", "drop", "version", "to", "from", "of"];

/// A command's words: those before the first option, and the words after each option.
struct Words<'a> {
    verb: &'a str,
    plain: Vec<&'a str>,
    options: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Words<'a> {
    fn new(words: &[&'a str]) -> Self {
        let mut all = Self { verb: words[0], plain: Vec::new(), options: Vec::new() };
        for word in &words[1..] {
            match all.options.last_mut() {
                _ if OPTIONS.contains(word) => all.options.push((word, Vec::new())),
                Some((_, values)) => values.push(word),
                None => all.plain.push(word),
            }
        }
        all
    }

    fn list(&self, option: &str) -> &[&'a str] {
        self.options.iter().find(|(name, _)| *name == option).map_or(&[], |(_, values)| values)
    }

    fn get(&self, option: &str) -> Option<&'a str> {
        self.list(option).first().copied()
    }

    fn text(&self, option: &str) -> Option<String> {
        // `''` stands for a text that is there and empty.
        self.get(option).map(|text| if text == "''" { String::new() } else { text.to_owned() })
    }

    fn one(&self) -> Read<&'a str> {
        self.plain.first().copied().ok_or_else(|| "what?".to_owned())
    }

    fn user(&self) -> Read<UserId> {
        let name = self.get("by").ok_or("by whom?")?;
        Ok(UserId::from(name.bytes().fold(0u128, |id, byte| id << 8 | u128::from(byte))))
    }

    fn key(&self) -> Read<Option<IdempotencyKey>> {
        self.get("key").map(|key| IdempotencyKey::new(key).map_err(|error| error.to_string())).transpose()
    }

    fn event(&self) -> EventId {
        if self.get("event").is_some() { EventId(EVENT.0 + 1) } else { EVENT }
    }

    fn ttl_ms(&self) -> Read<Option<u64>> {
        self.get("ttl").map(read_ms).transpose()
    }
}

impl Names<'_> {
    /// Reads a row.
    pub fn row(&self, words: &[&str]) -> Read<Row> {
        let words = &Words::new(words);
        let row = match words.verb {
            "tick" => Row::Tick(read_ms(words.one()?)?),
            "maintain" => Row::Maintain,
            "seat" => Row::Seat(self.setup.seat(words.one()?)?),
            "allows" => Row::Allows(sale_state(words.one()?)?, activity(words.plain.last().unwrap_or(&""))?),
            "hold" | "amend" | "extend" | "release" | "order" | "confirm" | "cancel" => {
                Row::Command(Box::new(self.buyer(words)?))
            }
            _ => Row::Command(Box::new(self.staff(words)?)),
        };
        Ok(row)
    }

    fn buyer(&self, words: &Words<'_>) -> Read<Command> {
        let (user, key, event) = (words.user()?, words.key()?, words.event());
        if words.verb == "hold" {
            let (items, ttl_ms) = (self.items(&words.plain)?, words.ttl_ms()?);
            let (channel, access_code) = (words.text("channel"), words.text("code"));
            return Ok(Command::Hold(HoldRequest {
                key,
                channel,
                access_code,
                ttl_ms,
                ..HoldRequest::new(event, user, items)
            }));
        }
        let number = self.hold(words.one()?)?;
        let (hold, order) = (HoldId { event, number }, OrderId { event, number });
        Ok(match words.verb {
            "amend" => self.amend(
                words,
                AmendRequest {
                    hold,
                    user,
                    key,
                    expected: self.version(words, number)?,
                    remove_seats: Vec::new(),
                    remove_places: Vec::new(),
                    add: self.items(words.list("add"))?,
                    channel: words.text("channel"),
                    access_code: words.text("code"),
                },
            )?,
            "extend" => Command::Extend(ExtendRequest { hold, user, key, ttl_ms: words.ttl_ms()? }),
            "release" => Command::Release(ReleaseRequest { hold, user, key }),
            "order" => Command::OpenOrder(OpenOrderRequest { hold, user, key }),
            "confirm" => Command::ConfirmOrder(CloseOrderRequest { order, user, key }),
            _ => Command::CancelOrder(CloseOrderRequest { order, user, key }),
        })
    }

    fn amend(&self, words: &Words<'_>, mut request: AmendRequest) -> Read<Command> {
        for item in self.items(words.list("drop"))? {
            match item {
                Item::Seats { seats, .. } => request.remove_seats.extend(seats),
                Item::Area { area, quantity, ticket_type } => {
                    request.remove_places.push((area, ticket_type, quantity));
                }
                Item::Best(_) => return Err("best available can't be dropped".to_owned()),
            }
        }
        Ok(Command::Amend(request))
    }

    fn staff(&self, words: &Words<'_>) -> Read<Command> {
        let event = words.event();
        let command = match words.verb {
            "block" => self.change_seats(words, SeatChange::Block)?,
            "unblock" => self.change_seats(words, SeatChange::Unblock)?,
            "move" => {
                let to = words.get("to").ok_or("to which allocation?")?;
                let to = if to == "none" { None } else { Some(self.setup.allocation(to)?) };
                self.change_seats(words, SeatChange::Reallocate(to))?
            }
            "places" => Command::BlockPlaces(PlacesRequest {
                event,
                by: words.user()?,
                key: words.key()?,
                area: self.setup.area_index(words.one()?)?,
                allocation: words.get("of").map(|name| self.setup.allocation(name)).transpose()?,
                expected: number(words.get("from").unwrap_or("0"))?,
                blocked: number(words.get("to").unwrap_or("0"))?,
            }),
            "force" => {
                let hold = HoldId { event, number: self.hold(words.one()?)? };
                Command::ForceRelease(ForceReleaseRequest { hold, by: words.user()?, key: words.key()? })
            }
            "publish" => Command::ReleaseAllocation(self.setup.allocation(words.one()?)?),
            "sale" => Command::SaleState(SaleStateRequest { event, to: sale_state(words.one()?)? }),
            "change" => {
                let mut next = self.setup.clone();
                // The setup line as it was written: some options of commands are words of setup too.
                let mut line = words.plain.clone();
                for (option, values) in &words.options {
                    line.push(option);
                    line.extend(values);
                }
                next.edit(&line)?;
                Command::ChangeManifest(Box::new(ManifestRequest { event, definition: next.definition }))
            }
            other => return Err(format!("`{other}` is not a command")),
        };
        Ok(command)
    }

    fn change_seats(&self, words: &Words<'_>, change: SeatChange) -> Read<Command> {
        let mut seats = Vec::new();
        for word in &words.plain {
            let (name, version) = word.split_once('@').unwrap_or((word, "0"));
            seats.push((self.setup.seat(name)?, number(version)?));
        }
        let (event, by, key) = (words.event(), words.user()?, words.key()?);
        Ok(Command::ChangeSeats(SeatsRequest { event, by, key, change, seats }))
    }

    fn hold(&self, name: &str) -> Read<HoldNumber> {
        let at = name.strip_prefix('h').and_then(|digits| digits.parse::<usize>().ok());
        let at = at.ok_or_else(|| format!("`{name}` is not a hold"))?;
        // A hold that nobody has seen yet has a number that nobody has.
        Ok(at
            .checked_sub(1)
            .and_then(|at| self.holds.get(at))
            .map_or(HoldNumber(u64::MAX), |hold| hold.number))
    }

    fn version(&self, words: &Words<'_>, number: HoldNumber) -> Read<Option<Revision>> {
        let hold = self.holds.iter().find(|hold| hold.number == number);
        match (words.get("version"), hold) {
            (None, _) => Ok(None),
            (Some("first"), Some(hold)) => Ok(Some(hold.first)),
            (Some("latest"), Some(hold)) => Ok(Some(hold.latest)),
            _ => Err("version first or latest of a known hold".to_owned()),
        }
    }

    /// Consecutive seats of one ticket type are one item.
    fn items(&self, things: &[&str]) -> Read<Vec<Item>> {
        let mut items: Vec<Item> = Vec::new();
        for thing in things {
            let item = self.item(thing)?;
            match (items.last_mut(), item) {
                (
                    Some(Item::Seats { seats, ticket_type }),
                    Item::Seats { seats: more, ticket_type: same },
                ) if *ticket_type == same => seats.extend(more),
                (_, item) => items.push(item),
            }
        }
        Ok(items)
    }

    fn item(&self, thing: &str) -> Read<Item> {
        let mut parts = thing.split('/');
        let (name, ticket_type) = match parts.next().unwrap_or_default().split_once(':') {
            Some((name, ticket_type)) => (name, self.setup.ticket_type(ticket_type)?),
            None => (thing.split('/').next().unwrap_or_default(), TicketTypeIndex(0)),
        };
        if let Some((place, count)) = name.split_once('*') {
            let quantity = number(count)?;
            if place != "best" {
                let area: AreaIndex = self.setup.area_index(place)?;
                return Ok(Item::Area { area, quantity, ticket_type });
            }
            let mut best = BestAvailable::adjacent(quantity, ticket_type);
            parts.try_for_each(|option| self.best_option(&mut best, option))?;
            return Ok(Item::Best(best));
        }
        let seats = match name.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (self.setup.seat(first)?, self.setup.seat(last)?);
                (first.0..=last.0).map(SeatIndex).collect()
            }
            None => vec![self.setup.seat(name)?],
        };
        Ok(Item::Seats { seats, ticket_type })
    }

    fn best_option(&self, best: &mut BestAvailable, option: &str) -> Read<()> {
        match option.split_once('=').unwrap_or((option, "")) {
            ("in", name) => {
                let names = self.setup.definition.sections.iter().map(|section| section.name.as_str());
                best.section = Some(SectionIndex::of(index(name, names)?));
            }
            ("of", name) => best.category = Some(self.setup.category(name)?),
            ("max", minor) => best.price_minor_max = Some(number(minor)?),
            ("split", _) => best.allow_split = true,
            ("accessible", _) => best.accessible = true,
            ("fullview", _) => best.restricted_view = false,
            (other, _) => return Err(format!("`{other}` is no option of best available")),
        }
        Ok(())
    }
}

fn sale_state(name: &str) -> Read<SaleState> {
    let found = SaleState::ALL.into_iter().find(|state| format!("{state:?}").to_lowercase() == name);
    found.ok_or_else(|| format!("`{name}` is not a sale state"))
}

fn activity(name: &str) -> Read<Activity> {
    let found = Activity::ALL.into_iter().find(|activity| format!("{activity:?}").to_lowercase() == name);
    found.ok_or_else(|| format!("`{name}` is not an activity"))
}
