//! From a new definition to the change that leads to it.
//!
//! Seats are matched by id; categories, ticket types, areas, allocations and quotas by name. What is matched
//! keeps its index, what is new comes after, and the definition's indices are rewritten accordingly. Facts of
//! the past name entries by index, so an entry that the new definition lacks stays (a category or ticket type
//! without prices, and thus no longer sold); only seats can go.

use std::collections::HashMap;

use super::check::{ManifestError, fail};
use super::compiled::Manifest;
use super::definition::{Area, Definition, ManifestChange, Price, Quota, Rules, Seat};
use super::diff_seats::SeatDiff;
use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, TicketTypeIndex};

impl Manifest {
    /// The change that leads from this manifest to `definition`, for [`changed`](Self::changed). O(seats).
    ///
    /// A renamed category is a new one that its seats change to. Added seats become rows of their own at the
    /// end, under the labels asked for. Where an added seat comes between two existing ones, or the definition
    /// lists a row's seats in another order, seats that are no longer neighbours get an aisle between them.
    ///
    /// # Errors
    /// If the definition is not valid, or moves a seat to another section, row or allocation, an area to
    /// another category, or lets an existing quota count other tickets.
    pub fn diff(&self, definition: &Definition) -> Result<ManifestChange, ManifestError> {
        definition.check()?;
        let (categories, category_at) = merged(&self.categories, &definition.categories, |c| &c.name);
        let (ticket_types, type_at) = merged(&self.ticket_types, &definition.ticket_types, |t| &t.name);
        let (allocations, allocation_at) = merged(&self.allocations, &definition.allocations, |a| &a.name);
        let indices = Indices { category_at, type_at, allocation_at };
        let (areas, area_at) = self.diff_areas(definition, &indices)?;
        let quotas = self.diff_quotas(definition, &indices, &area_at)?;
        let prices = definition.prices.iter().map(|price| indices.price(*price)).collect();
        let seats = SeatDiff::new(self, &indices, definition)?;
        Ok(ManifestChange {
            rules: Rules { key_secret: self.rules.key_secret, ..definition.rules.clone() },
            categories,
            ticket_types,
            prices: self.in_old_order(prices),
            areas,
            allocations,
            quotas,
            changed: seats.changed,
            dropped: seats.dropped,
            added: seats.added,
            focal_point: definition.focal_point,
            new_quotas: Vec::new(),
        })
    }

    fn diff_areas(
        &self,
        definition: &Definition,
        indices: &Indices,
    ) -> Result<(Vec<Area>, Vec<usize>), ManifestError> {
        let asked: Vec<Area> = definition.areas.iter().map(|area| indices.area(area)).collect();
        let (mut areas, area_at) = merged(&self.areas, &asked, |area| &area.name);
        for (asked_at, &at) in area_at.iter().enumerate() {
            let Some(old) = self.areas.get(at) else { continue };
            if old.category != areas[at].category {
                let problem = format!("area `{}` can't change its category", old.name);
                return Err(fail(format!("areas[{asked_at}].category"), problem));
            }
            if same_set(&old.allocated, &areas[at].allocated) {
                areas[at].allocated.clone_from(&old.allocated);
            }
        }
        Ok((areas, area_at))
    }

    fn diff_quotas(
        &self,
        definition: &Definition,
        indices: &Indices,
        area_at: &[usize],
    ) -> Result<Vec<Quota>, ManifestError> {
        let asked: Vec<Quota> = definition.quotas.iter().map(|quota| indices.quota(quota, area_at)).collect();
        let (mut quotas, quota_at) = merged(&self.quotas, &asked, |quota| &quota.name);
        for (asked_at, &at) in quota_at.iter().enumerate() {
            let Some(old) = self.quotas.get(at) else { continue };
            let new = &quotas[at];
            let same = same_set(&old.ticket_types, &new.ticket_types)
                && same_set(&old.categories, &new.categories)
                && same_set(&old.areas, &new.areas);
            if !same {
                let problem = format!("quota `{}` exists and can't count other tickets", old.name);
                return Err(fail(format!("quotas[{asked_at}]"), problem));
            }
            quotas[at] = Quota { cap: new.cap, ..old.clone() };
        }
        Ok(quotas)
    }

    /// Prices known before in the order they had, so that an order alone is no change.
    fn in_old_order(&self, mut prices: Vec<Price>) -> Vec<Price> {
        let key = |price: &Price| (price.ticket_type, price.category);
        let old: HashMap<_, _> = self.prices.iter().enumerate().map(|(at, price)| (key(price), at)).collect();
        prices.sort_by_key(|price| old.get(&key(price)).copied().unwrap_or(usize::MAX));
        prices
    }
}

impl ManifestChange {
    /// Whether this change leaves `manifest` as it is.
    #[must_use]
    pub fn is_empty(&self, manifest: &Manifest) -> bool {
        self.changed.is_empty()
            && self.dropped.is_empty()
            && self.added.is_empty()
            && self.rules == manifest.rules
            && self.categories == manifest.categories
            && self.ticket_types == manifest.ticket_types
            && self.prices == manifest.prices
            && self.areas == manifest.areas
            && self.allocations == manifest.allocations
            && self.quotas == manifest.quotas
            && self.focal_point == manifest.focal_point
    }
}

/// The old entries, those of a known name as the new list has them, then the rest of the new list; and where
/// each entry of the new list is in it.
fn merged<T: Clone>(old: &[T], new: &[T], name: impl Fn(&T) -> &str) -> (Vec<T>, Vec<usize>) {
    let mut all = old.to_vec();
    let mut places = Vec::with_capacity(new.len());
    for entry in new {
        if let Some(at) = old.iter().position(|known| name(known) == name(entry)) {
            all[at] = entry.clone();
            places.push(at);
        } else {
            places.push(all.len());
            all.push(entry.clone());
        }
    }
    (all, places)
}

fn same_set<T: Copy + Ord>(a: &[T], b: &[T]) -> bool {
    let sorted = |list: &[T]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    sorted(a) == sorted(b)
}

/// Where the entries of the new definition's lists are in the merged ones.
pub(super) struct Indices {
    category_at: Vec<usize>,
    type_at: Vec<usize>,
    allocation_at: Vec<usize>,
}

impl Indices {
    fn category(&self, asked: CategoryIndex) -> CategoryIndex {
        CategoryIndex::of(self.category_at[asked.at()])
    }

    fn ticket_type(&self, asked: TicketTypeIndex) -> TicketTypeIndex {
        TicketTypeIndex::of(self.type_at[asked.at()])
    }

    fn allocation(&self, asked: AllocationIndex) -> AllocationIndex {
        AllocationIndex::of(self.allocation_at[asked.at()])
    }

    fn price(&self, asked: Price) -> Price {
        Price {
            ticket_type: self.ticket_type(asked.ticket_type),
            category: self.category(asked.category),
            minor: asked.minor,
        }
    }

    fn area(&self, asked: &Area) -> Area {
        let allocated = asked.allocated.iter().map(|(at, places)| (self.allocation(*at), *places)).collect();
        Area { category: self.category(asked.category), allocated, ..asked.clone() }
    }

    fn quota(&self, asked: &Quota, area_at: &[usize]) -> Quota {
        Quota {
            name: asked.name.clone(),
            cap: asked.cap,
            ticket_types: asked.ticket_types.iter().map(|at| self.ticket_type(*at)).collect(),
            categories: asked.categories.iter().map(|at| self.category(*at)).collect(),
            areas: asked.areas.iter().map(|area| AreaIndex::of(area_at[area.at()])).collect(),
        }
    }

    pub(super) fn seat(&self, asked: &Seat) -> Seat {
        Seat {
            category: self.category(asked.category),
            allocation: asked.allocation.map(|at| self.allocation(at)),
            ..asked.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::fixture::{definition, quota, unranked};
    use crate::manifest::{Category, TicketType};

    fn manifest() -> Manifest {
        Manifest::compile(&definition()).unwrap()
    }

    fn applied(manifest: &Manifest, definition: &Definition) -> Manifest {
        manifest.changed(&manifest.diff(definition).unwrap()).unwrap()
    }

    #[test]
    fn the_same_definition_is_no_change_whatever_the_order() {
        let mut same = definition();
        assert!(manifest().diff(&same).unwrap().is_empty(&manifest()));
        same.categories.reverse();
        same.ticket_types.reverse();
        same.sections.reverse();
        same.prices.reverse();
        let flip = |index: &mut u16| *index = 1 - *index;
        for price in &mut same.prices {
            flip(&mut price.ticket_type.0);
            flip(&mut price.category.0);
        }
        let seats = same.sections.iter_mut().flat_map(|s| &mut s.rows).flat_map(|r| &mut r.seats);
        seats.for_each(|seat| flip(&mut seat.category.0));
        flip(&mut same.areas[0].category.0);
        flip(&mut same.quotas[0].ticket_types[0].0);
        same.rules.key_secret = (1, 2);
        assert!(manifest().diff(&same).unwrap().is_empty(&manifest()));
    }

    #[test]
    fn a_new_price_is_the_only_change() {
        let mut asked = definition();
        asked.prices[0].minor = 5_500;
        let change = manifest().diff(&asked).unwrap();
        assert!(!change.is_empty(&manifest()));
        assert_eq!(manifest().changed(&change).unwrap().definition(), asked);
        assert_eq!((change.changed.len(), change.dropped.len(), change.added.len()), (0, 0, 0));
    }

    #[test]
    fn a_renamed_category_is_a_new_one() {
        let mut asked = definition();
        asked.categories[0].name = "gold".to_owned();
        let change = manifest().diff(&asked).unwrap();
        let names: Vec<&str> = change.categories.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "gold"]);
        assert_eq!(change.changed.len(), 5);
        let after = manifest().changed(&change).unwrap();
        assert_eq!(after.price(TicketTypeIndex(0), CategoryIndex(0)), None);
        assert_eq!(after.price(TicketTypeIndex(0), CategoryIndex(2)), Some(5_000));
        assert_eq!(after.category_of(after.find_seat("A-1-1").unwrap()), CategoryIndex(2));
        assert!(after.diff(&asked).unwrap().is_empty(&after));
    }

    #[test]
    fn new_entries_come_after_old_ones_and_missing_ones_stay() {
        let mut asked = unranked(definition().sections);
        asked.categories.insert(0, Category { name: "box".to_owned(), color: String::new() });
        asked.ticket_types.insert(0, TicketType { name: "senior".to_owned() });
        asked.prices.clear();
        asked.prices.push(Price { ticket_type: TicketTypeIndex(0), category: CategoryIndex(2), minor: 3 });
        let seats = asked.sections.iter_mut().flat_map(|s| &mut s.rows).flat_map(|r| &mut r.seats);
        seats.for_each(|seat| seat.category.0 += 1);
        asked.allocations = definition().allocations;
        asked.quotas = vec![quota("seniors", &[0], &[], &[])];
        let after = applied(&manifest(), &asked);
        assert_eq!(after.price(TicketTypeIndex(2), CategoryIndex(1)), Some(3));
        assert_eq!(after.price(TicketTypeIndex(0), CategoryIndex(0)), None);
        let quotas: Vec<&str> = after.quotas().iter().map(|q| q.name.as_str()).collect();
        assert_eq!(quotas, ["children", "floor", "seniors"]);
        assert_eq!(after.quotas()[2].ticket_types, [TicketTypeIndex(2)]);
        assert_eq!(after.areas()[0].name, "Floor");
        assert_eq!(after.definition().sections, definition().sections);
    }

    #[test]
    fn areas_keep_their_category_and_quotas_what_they_count() {
        let place = |break_it: fn(&mut Definition)| {
            let mut asked = definition();
            break_it(&mut asked);
            manifest().diff(&asked).expect_err("refused").place
        };
        assert_eq!(place(|d| d.areas[0].category = CategoryIndex(0)), "areas[0].category");
        assert_eq!(place(|d| d.quotas[1].areas.clear()), "quotas[1]");
        assert_eq!(place(|d| d.quotas[0].ticket_types[0] = TicketTypeIndex(0)), "quotas[0]");
        assert_eq!(place(|d| d.rules.name.clear()), "rules.name");
        let mut asked = definition();
        asked.quotas[0].cap = 7;
        asked.areas[0].capacity = 400;
        assert_eq!(applied(&manifest(), &asked).definition(), asked);
    }
}
