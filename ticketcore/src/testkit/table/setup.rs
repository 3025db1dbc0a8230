//! Setup lines: what is for sale.

use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, SeatIndex, TicketTypeIndex};
use crate::manifest::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Seat, SeatFlags, Section,
    TicketType,
};
use crate::testkit::table::START;

/// The definition so far, and every seat's name by its index, dropped ones included.
#[derive(Clone)]
pub(super) struct Setup {
    pub definition: Definition,
    pub seats: Vec<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { definition: Definition::empty(Rules::new("Table")), seats: Vec::new() }
    }
}

type Done = Result<(), String>;

/// The position of a name, or of `#9`.
pub(super) fn index<'a>(name: &str, mut names: impl Iterator<Item = &'a str>) -> Result<usize, String> {
    match name.strip_prefix('#') {
        Some(digits) => number(digits),
        None => names.position(|known| known == name).ok_or_else(|| format!("there is no `{name}`")),
    }
}

pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// A time in `ms`, `s`, `m` or `h`, as milliseconds.
pub(super) fn read_ms(text: &str) -> Result<u64, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let fits = units.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, ms)));
    let (count, ms) = fits.ok_or_else(|| format!("`{text}` is not a time"))?;
    Ok(count * ms)
}

/// Replaces the entry that is the same by `same`, or adds it.
fn put<T>(list: &mut Vec<T>, entry: T, same: impl Fn(&T, &T) -> bool) {
    match list.iter().position(|known| same(known, &entry)) {
        Some(at) => list[at] = entry,
        None => list.push(entry),
    }
}

impl Setup {
    /// Whether a line that begins like this is setup.
    pub fn knows(word: &str) -> bool {
        let words =
            ["rule", "category", "type", "price", "allocation", "section", "row", "area", "quota", "focal"];
        words.contains(&word)
    }

    /// Takes one line.
    pub fn line(&mut self, words: &[&str]) -> Done {
        self.edit(words)?;
        let definition = self.definition.clone();
        self.changed_to(&definition);
        Ok(())
    }

    /// The definition is this from now on; new seats get the next indices.
    pub fn changed_to(&mut self, definition: &Definition) {
        for seat in definition.sections.iter().flat_map(|s| &s.rows).flat_map(|r| &r.seats) {
            if !self.seats.contains(&seat.id) {
                self.seats.push(seat.id.clone());
            }
        }
        self.definition = definition.clone();
    }

    /// Changes the definition by one line.
    pub fn edit(&mut self, words: &[&str]) -> Done {
        let definition = &mut self.definition;
        match words {
            ["rule", name, value] => return rule(&mut definition.rules, name, value),
            ["category", name] => {
                let category = Category { name: (*name).to_owned(), color: "#808080".to_owned() };
                put(&mut definition.categories, category, |a, b| a.name == b.name);
            }
            ["type", name] => {
                let ticket_type = TicketType { name: (*name).to_owned() };
                put(&mut definition.ticket_types, ticket_type, |a, b| a.name == b.name);
            }
            ["price", ticket_type, category, minor] => {
                let ticket_type = self.ticket_type(ticket_type)?;
                let price = Price { ticket_type, category: self.category(category)?, minor: number(minor)? };
                let same = |a: &Price, b: &Price| (a.ticket_type, a.category) == (b.ticket_type, b.category);
                put(&mut self.definition.prices, price, same);
            }
            ["section", name] => {
                let section = Section { name: (*name).to_owned(), rows: Vec::new() };
                definition.sections.push(section);
            }
            ["focal", x, y] => definition.focal_point = Some(Point { x: number(x)?, y: number(y)? }),
            ["allocation", name, options @ ..] => {
                let allocation = allocation(name, options)?;
                put(&mut definition.allocations, allocation, |a, b| a.name == b.name);
            }
            ["row", label, count, options @ ..] => return self.row(label, number(count)?, options),
            ["area", name, places, options @ ..] => return self.area(name, number(places)?, options),
            ["quota", name, cap, options @ ..] => return self.quota(name, number(cap)?, options),
            ["drop", seats @ ..] => {
                for row in definition.sections.iter_mut().flat_map(|section| &mut section.rows) {
                    row.seats.retain(|seat| !seats.contains(&seat.id.as_str()));
                }
            }
            ["recategorise", name, category] => {
                let category = self.category(category)?;
                let seats =
                    self.definition.sections.iter_mut().flat_map(|s| &mut s.rows).flat_map(|r| &mut r.seats);
                seats.filter(|seat| seat.id == *name).for_each(|seat| seat.category = category);
            }
            _ => return Err("not a line of setup".to_owned()),
        }
        Ok(())
    }

    fn row(&mut self, label: &str, count: u16, options: &[&str]) -> Done {
        let y = self.definition.sections.iter().map(|section| section.rows.len()).sum::<usize>();
        let y = f32::from(u16::try_from(y).map_err(|_| "too many rows")?);
        let seat = |n: u16| Seat {
            id: format!("{label}{n}"),
            label: n.to_string(),
            category: CategoryIndex(0),
            allocation: None,
            flags: SeatFlags::default(),
            after_aisle: false,
            at: Point { x: f32::from(n), y },
            rank: None,
        };
        let mut seats: Vec<Seat> = (1..=count).map(seat).collect();
        for option in options.chunks(2) {
            let [option, value] = option else { return Err("an option without a value".to_owned()) };
            match *option {
                "category" => {
                    let category = self.category(value)?;
                    seats.iter_mut().for_each(|seat| seat.category = category);
                }
                "allocation" => {
                    let allocation = Some(self.allocation(value)?);
                    seats.iter_mut().for_each(|seat| seat.allocation = allocation);
                }
                _ => {
                    let at = number::<usize>(value)?.checked_sub(1);
                    let seat = at.and_then(|at| seats.get_mut(at)).ok_or("no such seat in the row")?;
                    match *option {
                        "aisle" => seat.after_aisle = true,
                        "accessible" => seat.flags.accessible = true,
                        "companion" => seat.flags.companion = true,
                        "restricted" => seat.flags.restricted_view = true,
                        other => return Err(format!("`{other}` is no option of a row")),
                    }
                }
            }
        }
        let section = self.definition.sections.last_mut().ok_or("a row before its section")?;
        section.rows.push(Row { label: label.to_owned(), seats });
        Ok(())
    }

    fn area(&mut self, name: &str, capacity: u32, options: &[&str]) -> Done {
        let (at, size) = (Point::default(), Point { x: 1.0, y: 1.0 });
        let category = CategoryIndex(0);
        let mut area = Area { name: name.to_owned(), category, capacity, allocated: Vec::new(), at, size };
        let mut rest = options;
        while !rest.is_empty() {
            rest = match rest {
                ["category", category, rest @ ..] => {
                    area.category = self.category(category)?;
                    rest
                }
                ["allocated", allocation, places, rest @ ..] => {
                    area.allocated.push((self.allocation(allocation)?, number(places)?));
                    rest
                }
                _ => return Err("not an option of an area".to_owned()),
            };
        }
        put(&mut self.definition.areas, area, |a, b| a.name == b.name);
        Ok(())
    }

    fn quota(&mut self, name: &str, cap: u32, options: &[&str]) -> Done {
        let (ticket_types, categories, areas) = (Vec::new(), Vec::new(), Vec::new());
        let mut quota = Quota { name: name.to_owned(), cap, ticket_types, categories, areas };
        for option in options.chunks(2) {
            match option {
                ["types", name] => quota.ticket_types.push(self.ticket_type(name)?),
                ["categories", name] => quota.categories.push(self.category(name)?),
                ["areas", name] => quota.areas.push(self.area_index(name)?),
                _ => return Err("not an option of a quota".to_owned()),
            }
        }
        put(&mut self.definition.quotas, quota, |a, b| a.name == b.name);
        Ok(())
    }

    pub fn seat(&self, name: &str) -> Result<SeatIndex, String> {
        index(name, self.seats.iter().map(String::as_str)).map(SeatIndex::of)
    }

    pub fn category(&self, name: &str) -> Result<CategoryIndex, String> {
        index(name, self.definition.categories.iter().map(|c| c.name.as_str())).map(CategoryIndex::of)
    }

    pub fn ticket_type(&self, name: &str) -> Result<TicketTypeIndex, String> {
        index(name, self.definition.ticket_types.iter().map(|t| t.name.as_str())).map(TicketTypeIndex::of)
    }

    pub fn allocation(&self, name: &str) -> Result<AllocationIndex, String> {
        index(name, self.definition.allocations.iter().map(|a| a.name.as_str())).map(AllocationIndex::of)
    }

    pub fn area_index(&self, name: &str) -> Result<AreaIndex, String> {
        index(name, self.definition.areas.iter().map(|a| a.name.as_str())).map(AreaIndex::of)
    }
}

fn rule(rules: &mut Rules, name: &str, value: &str) -> Done {
    match name {
        "hold_ttl" => rules.hold_ttl_ms = read_ms(value)?,
        "hold_ttl_min" => rules.hold_ttl_ms_min = read_ms(value)?,
        "hold_ttl_max" => rules.hold_ttl_ms_max = read_ms(value)?,
        "lifetime" => rules.hold_lifetime_ms_max = read_ms(value)?,
        "payment_ttl" => rules.payment_ttl_ms = read_ms(value)?,
        "extensions" => rules.extensions_max = number(value)?,
        "user_limit" => rules.tickets_per_user_max = number(value)?,
        "orphan" => rules.orphan_rule = value == "on",
        other => return Err(format!("`{other}` is not a rule")),
    }
    Ok(())
}

fn allocation(name: &str, options: &[&str]) -> Result<Allocation, String> {
    let (channels, access_code, release_at) = (Vec::new(), None, None);
    let mut allocation = Allocation { name: name.to_owned(), channels, access_code, release_at };
    for option in options.chunks(2) {
        match option {
            ["channel", channel] => allocation.channels.push((*channel).to_owned()),
            ["code", code] => allocation.access_code = Some((*code).to_owned()),
            ["release", time] => allocation.release_at = Some(START.plus_ms(read_ms(time)?)),
            _ => return Err("not an option of an allocation".to_owned()),
        }
    }
    Ok(allocation)
}
