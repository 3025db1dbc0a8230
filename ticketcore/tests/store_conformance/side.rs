//! Side records with a flaw.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ticketcore::store::{SIDE_BYTES_MAX, SideId, SideRecords, StoreFailure};

use crate::Flaw;

/// See the module.
pub struct BrokenSide {
    flaw: Flaw,
    records: Mutex<BTreeMap<u128, Vec<u8>>>,
}

impl BrokenSide {
    pub fn new(flaw: Flaw) -> Self {
        Self { flaw, records: Mutex::default() }
    }

    fn name(&self, id: SideId) -> u128 {
        if self.flaw == Flaw::SideMixesIds { id.0 & 1 } else { id.0 }
    }
}

impl SideRecords for BrokenSide {
    fn save(&self, id: SideId, bytes: &[u8]) -> Result<(), StoreFailure> {
        if bytes.len() > SIDE_BYTES_MAX {
            return Err(StoreFailure::new("too large"));
        }
        let keeps_first = self.flaw == Flaw::SideKeepsFirst;
        let mut records = self.records.lock().unwrap();
        if !(keeps_first && records.contains_key(&id.0)) {
            records.insert(self.name(id), bytes.to_vec());
        }
        Ok(())
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.records.lock().unwrap().get(&self.name(id)).cloned())
    }

    fn erase(&self, id: SideId) -> Result<(), StoreFailure> {
        if self.flaw != Flaw::SideKeepsErased {
            self.records.lock().unwrap().remove(&self.name(id));
        }
        Ok(())
    }
}
