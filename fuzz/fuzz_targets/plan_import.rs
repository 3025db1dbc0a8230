//! Seating plans: whatever the bytes, reading one never panics; an accepted plan is written and read back equal, and the
//! definition made of it compiles to a manifest that does not differ from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore::manifest::Manifest;
use ticketcore::plan::{PlanOptions, SeatingPlan};

fuzz_target!(|bytes: &[u8]| {
    let Ok(plan) = SeatingPlan::parse(bytes) else { return };
    let again = SeatingPlan::parse(plan.to_json().as_bytes());
    assert_eq!(again.as_ref(), Ok(&plan), "an accepted plan is read back equal");
    let Ok(definition) = plan.to_definition(&PlanOptions::new("Event")) else { return };
    let manifest = Manifest::compile(&definition).expect("the definition of a plan compiles");
    assert_eq!(manifest.definition(), definition, "a manifest gives its definition back");
    let change = manifest.diff(&definition).expect("a definition follows itself");
    assert!(change.is_empty(&manifest), "a definition does not differ from itself");
});
