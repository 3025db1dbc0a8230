//! The columns of a compiled manifest: one entry per seat, dropped ones included.

use serde::{Deserialize, Serialize};

use super::check::{ManifestError, fail};
use super::definition::{Point, Seat, SeatFlags};
use crate::id::{AllocationIndex, CategoryIndex, RowIndex};

const NO_ALLOCATION: u16 = u16::MAX;
const ACCESSIBLE: u8 = 1;
const COMPANION: u8 = 2;
const RESTRICTED_VIEW: u8 = 4;
const DROPPED: u8 = 8;

/// Seats as columns, by position.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Columns {
    ids: Texts,
    labels: Texts,
    pub(super) row: Vec<RowIndex>,
    pub(super) category: Vec<CategoryIndex>,
    allocation: Vec<u16>,
    flags: Vec<u8>,
    pub(super) after_aisle: Vec<bool>,
    pub(super) at: Vec<Point>,
    pub(super) rank: Vec<Option<u32>>,
}

impl Columns {
    /// Checks columns that were read from a snapshot: equally long, and no reference beyond the lists they refer to.
    pub(super) fn check(
        &self,
        rows: usize,
        categories: usize,
        allocations: usize,
    ) -> Result<(), ManifestError> {
        let len = self.row.len();
        let lengths = [
            self.ids.ends.len(),
            self.labels.ends.len(),
            self.category.len(),
            self.allocation.len(),
            self.flags.len(),
            self.after_aisle.len(),
            self.at.len(),
            self.rank.len(),
        ];
        let fits = lengths.iter().all(|other| *other == len)
            && self.ids.is_sound()
            && self.labels.is_sound()
            && self.row.iter().all(|row| row.at() < rows)
            && self.category.iter().all(|category| category.at() < categories)
            && self.allocation.iter().all(|a| *a == NO_ALLOCATION || usize::from(*a) < allocations);
        if fits { Ok(()) } else { Err(fail("seats", "the columns do not fit together")) }
    }

    /// Gives back room that growing has left.
    pub(super) fn shrink_to_fit(&mut self) {
        for texts in [&mut self.ids, &mut self.labels] {
            texts.bytes.shrink_to_fit();
            texts.ends.shrink_to_fit();
        }
        self.row.shrink_to_fit();
        self.category.shrink_to_fit();
        self.allocation.shrink_to_fit();
        self.flags.shrink_to_fit();
        self.after_aisle.shrink_to_fit();
        self.at.shrink_to_fit();
        self.rank.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.row.len()
    }

    pub(super) fn push(&mut self, row: RowIndex, seat: &Seat) {
        self.ids.push(&seat.id);
        self.labels.push(&seat.label);
        self.row.push(row);
        self.category.push(seat.category);
        self.allocation.push(seat.allocation.map_or(NO_ALLOCATION, |a| a.0));
        self.flags.push(pack(seat.flags));
        self.after_aisle.push(seat.after_aisle);
        self.at.push(seat.at);
        self.rank.push(seat.rank);
    }

    /// Overwrites what may change of a seat, all but its label: labels share one buffer and are
    /// written together by [`relabel`](Self::relabel).
    pub(super) fn replace(&mut self, at: usize, seat: &Seat) {
        self.category[at] = seat.category;
        self.flags[at] = pack(seat.flags) | self.flags[at] & DROPPED;
        self.after_aisle[at] = seat.after_aisle;
        self.at[at] = seat.at;
        self.rank[at] = seat.rank;
    }

    /// Replaces every label that `label` has a new one for.
    pub(super) fn relabel<'a>(&mut self, label: impl Fn(usize) -> Option<&'a str>) {
        let mut labels = Texts::default();
        for at in 0..self.len() {
            labels.push(label(at).unwrap_or_else(|| self.labels.get(at)));
        }
        self.labels = labels;
    }

    pub(super) fn drop_seat(&mut self, at: usize) {
        self.flags[at] |= DROPPED;
    }

    pub(super) fn is_dropped(&self, at: usize) -> bool {
        self.flags[at] & DROPPED != 0
    }

    pub(super) fn id(&self, at: usize) -> &str {
        self.ids.get(at)
    }

    pub(super) fn label(&self, at: usize) -> &str {
        self.labels.get(at)
    }

    pub(super) fn allocation(&self, at: usize) -> Option<AllocationIndex> {
        Some(self.allocation[at]).filter(|index| *index != NO_ALLOCATION).map(AllocationIndex)
    }

    pub(super) fn flags(&self, at: usize) -> SeatFlags {
        let has = |flag| self.flags[at] & flag != 0;
        SeatFlags {
            accessible: has(ACCESSIBLE),
            companion: has(COMPANION),
            restricted_view: has(RESTRICTED_VIEW),
        }
    }
}

fn pack(flags: SeatFlags) -> u8 {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    flag(flags.accessible, ACCESSIBLE)
        | flag(flags.companion, COMPANION)
        | flag(flags.restricted_view, RESTRICTED_VIEW)
}

/// Many short texts in one buffer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Whether every text is a part of the buffer.
    fn is_sound(&self) -> bool {
        let boundary = |end: &u32| self.bytes.is_char_boundary(*end as usize);
        self.ends.is_sorted() && self.ends.iter().all(boundary)
    }

    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        let end = u32::try_from(self.bytes.len());
        self.ends.push(end.expect("the limits on seats and their names keep all texts below 4 GiB"));
    }

    fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_flags_survives_packing_and_dropping() {
        for bits in 0..8u8 {
            let flags = SeatFlags {
                accessible: bits & 1 != 0,
                companion: bits & 2 != 0,
                restricted_view: bits & 4 != 0,
            };
            let mut columns = Columns::default();
            let mut seat = Seat {
                id: "a".to_owned(),
                label: String::new(),
                category: CategoryIndex(0),
                allocation: None,
                flags,
                after_aisle: false,
                at: Point::default(),
                rank: None,
            };
            columns.push(RowIndex(0), &seat);
            assert_eq!((columns.flags(0), columns.is_dropped(0)), (flags, false));
            columns.drop_seat(0);
            assert_eq!((columns.flags(0), columns.is_dropped(0)), (flags, true));
            seat.flags = SeatFlags::default();
            columns.replace(0, &seat);
            assert_eq!((columns.flags(0), columns.is_dropped(0)), (SeatFlags::default(), true));
        }
    }
}
