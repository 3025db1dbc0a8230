//! The waiting list of one event. Entries with the same wish stand in one queue: if the first of them gets nothing, none does.
//!
//! An entry changes under its user's shard; the list's own lock is a leaf. Categories in which places may have come back are *due*:
//! nobody else may take places there before they have been offered. That is derived: an event that is opened begins with all of them due.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::decide::ORPHAN_MARGIN;
use super::touched::each_quota;
use crate::fact::Lines;
use crate::id::{CategoryIndex, Revision, SeatIndex, UserId};
use crate::manifest::Manifest;
use crate::order::Identity;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::waiting::Wish;

/// Every category.
pub(crate) const EVERYWHERE: u64 = u64::MAX;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub user: UserId,
    pub wish: Wish,
    pub identities: Vec<Identity>,
}

/// The first of a queue: place in the list, user, wish.
pub(crate) type First = (Revision, UserId, Wish);

#[derive(Debug, Default)]
struct List {
    entries: BTreeMap<Revision, Waiter>,
    queues: BTreeMap<Wish, BTreeSet<Revision>>,
    /// Entries of each user.
    users: HashMap<UserId, u32>,
    /// Categories in which places may have come back: bit c for category c.
    due: u64,
    /// Grows with every mark, so that a pass knows whether there was one meanwhile.
    marks: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    list: Mutex<List>,
    /// How many entries there are, for those who need not look further.
    len: AtomicU32,
    /// The list's `due`, likewise.
    due: AtomicU64,
    /// Who makes offers is alone.
    pub pass: Mutex<()>,
}

/// The categories that a wish is about.
const fn wanted(wish: &Wish) -> u64 {
    match wish.category {
        Some(category) => 1 << category.0,
        None => EVERYWHERE,
    }
}

/// The categories of some places.
pub(crate) fn categories_of(manifest: &Manifest, lines: &Lines) -> u64 {
    let bit = |category: CategoryIndex| 1 << category.0;
    let seats = lines.seats.iter().map(|line| bit(manifest.category_of(line.seat)));
    let areas = lines.areas.iter().map(|line| bit(manifest.areas()[line.area.at()].category));
    seats.chain(areas).fold(0, |all, one| all | one)
}

/// The categories in which there may be more once these places are free: their own, those of every quota that has more room then, and under
/// the orphan rule those of the seats around: what would have left a single seat there may be had then.
pub(crate) fn categories_opened_by(manifest: &Manifest, lines: &Lines) -> u64 {
    let mut opened = categories_of(manifest, lines);
    if manifest.rules().orphan_rule {
        opened = lines.seats.iter().fold(opened, |all, line| all | categories_around(manifest, line.seat));
    }
    each_quota(manifest, lines, |quota, _| {
        let categories = &manifest.quotas()[quota.at()].categories;
        let bits = categories.iter().fold(0, |all, category| all | 1 << category.0);
        opened |= if categories.is_empty() { EVERYWHERE } else { bits };
        true
    });
    opened
}

/// The categories of the seats that the orphan rule looks at with this one.
fn categories_around(manifest: &Manifest, seat: SeatIndex) -> u64 {
    let bit = |at: u32| 1 << manifest.category_of(SeatIndex(at)).0;
    let right = (seat.0..).take(ORPHAN_MARGIN).take_while(|at| manifest.next_is_adjacent(SeatIndex(*at)));
    let left =
        (0..seat.0).rev().take(ORPHAN_MARGIN).take_while(|at| manifest.next_is_adjacent(SeatIndex(*at)));
    right.map(|at| bit(at + 1)).chain(left.map(bit)).fold(0, |all, one: u64| all | one)
}

impl Waiting {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Entries, different wishes, and entries of a user.
    pub fn counts(&self, user: UserId) -> (usize, usize, u32) {
        let list = self.list.lock();
        (list.entries.len(), list.queues.len(), list.users.get(&user).copied().unwrap_or_default())
    }

    /// Whether somebody waits for the same already.
    pub fn has(&self, wish: &Wish) -> bool {
        self.list.lock().queues.contains_key(wish)
    }

    /// Categories that are due.
    #[inline]
    pub fn due(&self) -> u64 {
        self.due.load(Ordering::Acquire)
    }

    /// Adds an entry; its wish is due.
    pub fn add(&self, entry: Revision, waiter: Waiter) {
        let mut list = self.list.lock();
        *list.users.entry(waiter.user).or_default() += 1;
        list.queues.entry(waiter.wish).or_default().insert(entry);
        let wanted = wanted(&waiter.wish);
        list.entries.insert(entry, waiter);
        self.marked(&mut list, wanted);
    }

    /// Takes an entry away; who comes after it is due.
    pub fn remove(&self, entry: Revision) -> Option<Waiter> {
        let mut list = self.list.lock();
        let waiter = list.entries.remove(&entry)?;
        if let Some(count) = list.users.get_mut(&waiter.user) {
            *count -= 1;
            if *count == 0 {
                list.users.remove(&waiter.user);
            }
        }
        if let Some(queue) = list.queues.get_mut(&waiter.wish) {
            queue.remove(&entry);
            if queue.is_empty() {
                list.queues.remove(&waiter.wish);
            }
        }
        self.marked(&mut list, wanted(&waiter.wish));
        Some(waiter)
    }

    /// An entry.
    pub fn get(&self, entry: Revision) -> Option<Waiter> {
        self.list.lock().entries.get(&entry).cloned()
    }

    /// An entry that is the first of its queue.
    pub fn get_first(&self, entry: Revision) -> Option<Waiter> {
        let list = self.list.lock();
        let waiter = list.entries.get(&entry)?;
        let first = list.queues.get(&waiter.wish)?.first()?;
        (*first == entry).then(|| waiter.clone())
    }

    /// Every entry in order.
    pub fn all(&self) -> Vec<(Revision, Waiter)> {
        self.list.lock().entries.iter().map(|(entry, waiter)| (*entry, waiter.clone())).collect()
    }

    /// Entries of one user, in order. O(entries).
    pub fn of_user(&self, user: UserId) -> Vec<(Revision, Wish)> {
        let list = self.list.lock();
        if !list.users.contains_key(&user) {
            return Vec::new();
        }
        let own = list.entries.iter().filter(|(_, waiter)| waiter.user == user);
        own.map(|(entry, waiter)| (*entry, waiter.wish)).collect()
    }

    /// Places may have come back in these categories.
    pub fn mark(&self, categories: u64) {
        if categories != 0 && !self.is_empty() {
            self.marked(&mut self.list.lock(), categories);
        }
    }

    fn marked(&self, list: &mut List, categories: u64) {
        list.due = if list.entries.is_empty() { 0 } else { list.due | categories };
        list.marks += 1;
        self.len.store(u32::try_from(list.entries.len()).unwrap_or(u32::MAX), Ordering::Release);
        self.due.store(list.due, Ordering::Release);
    }

    /// A pass over what is due begins: categories, and the mark it begins at.
    pub fn begin(&self, categories: u64) -> (u64, u64) {
        let list = self.list.lock();
        (list.due & categories, list.marks)
    }

    /// The pass has found that nothing fits any more. What was marked meanwhile is still due.
    pub fn end(&self, categories: u64, marks: u64) {
        let mut list = self.list.lock();
        if list.marks == marks {
            list.due &= !categories;
            self.due.store(list.due, Ordering::Release);
        }
    }

    /// The first of every queue that wants something of these categories, in order.
    pub fn firsts(&self, categories: u64) -> BTreeSet<First> {
        let list = self.list.lock();
        let wanting = list.queues.iter().filter(|(wish, _)| wanted(wish) & categories != 0);
        wanting.filter_map(|(wish, queue)| list.first(wish, queue)).collect()
    }

    /// The first of one queue.
    pub fn first(&self, wish: &Wish) -> Option<First> {
        let list = self.list.lock();
        list.first(wish, list.queues.get(wish)?)
    }
}

impl List {
    fn first(&self, wish: &Wish, queue: &BTreeSet<Revision>) -> Option<First> {
        let entry = *queue.first()?;
        Some((entry, self.entries.get(&entry)?.user, *wish))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TicketTypeIndex;

    fn waiter(user: u128, places: u32, category: Option<u16>) -> Waiter {
        let category = category.map(CategoryIndex);
        let wish = Wish { places, category, ticket_type: TicketTypeIndex(0), together: false };
        Waiter { user: user.into(), wish, identities: Vec::new() }
    }

    #[test]
    fn each_queue_has_a_first_and_what_is_marked_meanwhile_stays_due() {
        let waiting = Waiting::default();
        waiting.mark(1);
        assert_eq!(waiting.due(), 0, "nobody waits");
        waiting.add(Revision(5), waiter(1, 2, Some(0)));
        waiting.add(Revision(6), waiter(2, 2, Some(0)));
        waiting.add(Revision(7), waiter(3, 4, None));
        waiting.add(Revision(8), waiter(3, 1, Some(3)));
        let entries =
            |categories| waiting.firsts(categories).iter().map(|first| first.0.0).collect::<Vec<_>>();
        assert_eq!((entries(1), entries(8), entries(2)), (vec![5, 7], vec![7, 8], vec![7]));
        assert!(waiting.get_first(Revision(6)).is_none());
        let (due, marks) = waiting.begin(1);
        assert_eq!(due, 1);
        waiting.end(due, marks);
        assert_eq!(waiting.due() & 1, 0);
        let (due, marks) = waiting.begin(EVERYWHERE);
        waiting.mark(2);
        waiting.end(due, marks);
        assert_ne!(waiting.due() & 2, 0, "marked while the pass went on");
        assert_eq!(waiting.remove(Revision(5)).unwrap().user, 1.into());
        assert!(waiting.get_first(Revision(6)).is_some());
        assert_eq!(waiting.counts(3.into()), (3, 3, 2));
        for entry in 6..9 {
            waiting.remove(Revision(entry)).unwrap();
        }
        assert!(waiting.is_empty() && waiting.due() == 0);
    }
}
