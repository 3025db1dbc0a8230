//! Reading and writing plans.

use super::{PlanError, SeatingPlan, json};

impl SeatingPlan {
    /// Reads a seating-plan document and [checks](Self::check) it. Unknown members are ignored; wrong types
    /// and missing names are not. O(bytes).
    ///
    /// # Errors
    /// The first problem found, with its place; never panics, whatever the bytes.
    pub fn parse(bytes: &[u8]) -> Result<SeatingPlan, PlanError> {
        json::measure(bytes)?;
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let plan: SeatingPlan = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." { "plan".to_owned() } else { place };
            PlanError::at(place, error.into_inner().to_string())
        })?;
        deserializer.end().map_err(|error| PlanError::at("plan", error.to_string()))?;
        plan.check()?;
        Ok(plan)
    }

    /// Writes the plan as a document that [`parse`](Self::parse) reads back equal.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan has text keys only and writes to memory")
    }
}

#[cfg(test)]
pub(in crate::plan) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::PLAN_BYTES_MAX;

    /// As tools of several ages write it: integers, decimals, unknown members, nulls, both kinds of text.
    pub(in crate::plan) const SMALL: &str = r##"{"name":"Hall","size":{"width":400,"height":300},"version":"2",
      "categories":[{"name":"Gold","color":"#ffcc00"},{"name":"Blue"}],
      "zones":[
        {"name":"Stalls","displayed":true,"zone_id":"z1","uuid":"0","position":{"x":10,"y":20.5},
         "rows":[
          {"row_number":"A","row_number_position":"both","start_at":1,"position":{"x":1,"y":2},"uuid":"r","seats":[
            {"seat_guid":"g1","seat_number":"1","position":{"x":0,"y":0},"category":"Gold","radius":10},
            {"seat_guid":"g2","seat_number":"2","position":{"x":25,"y":0},"category":"Gold","accessible":true},
            {"seat_guid":"g3","seat_number":"3","position":{"x":75.25,"y":0},"category":"Blue","companion":null}]},
          {"row_number":"B","number_of_seats":1,"seats_spacing":25,"seats":[
            {"seat_guid":"g4","seat_number":"1","position":{"x":0,"y":30},"category":"Blue","restricted_view":true}]}],
         "areas":[{"shape":"rectangle","rectangle":{"width":100,"height":20},"position":{"x":0,"y":-20},
           "text":{"text":"Stage","position":{"x":50,"y":10}},"color":"#ccc","border_color":"#000","rotation":0}]},
        {"position":{"x":0,"y":200},"rows":[],
         "areas":[{"width":50,"height":40,"position":{"x":5,"y":6},"text":"Standing","capacity":120,"category":"Blue"}]}],
      "focal_point":{"x":60,"y":0}}"##;

    fn problem(from: &str, to: &str) -> PlanError {
        assert!(SMALL.contains(from), "`{from}` is in the plan");
        SeatingPlan::parse(SMALL.replacen(from, to, 1).as_bytes()).expect_err("the plan is broken")
    }

    #[test]
    fn a_document_is_read_and_written() {
        let plan = SeatingPlan::parse(SMALL.as_bytes()).unwrap();
        assert_eq!((plan.name.as_str(), plan.categories.len(), plan.zones.len()), ("Hall", 2, 2));
        let seats = &plan.zones[0].rows[0].seats;
        assert_eq!(
            (seats[1].seat_guid.as_str(), seats[1].accessible, seats[0].accessible),
            ("g2", true, false)
        );
        assert_eq!((seats[2].position.x, seats[0].radius), (75.25, Some(10.0)));
        assert!(plan.zones[0].rows[1].seats[0].restricted_view);
        assert_eq!(plan.zones[1].areas[0].capacity, Some(120));
        assert_eq!(SeatingPlan::parse(plan.to_json().as_bytes()), Ok(plan));
    }

    #[test]
    fn wrong_types_and_missing_members_name_their_place() {
        let place = |from, to| problem(from, to).place;
        assert_eq!(place(r#""seat_guid":"g3""#, r#""seat_guid":3"#), "zones[0].rows[0].seats[2].seat_guid");
        assert_eq!(place(r#""x":75.25"#, r#""x":"75""#), "zones[0].rows[0].seats[2].position.x");
        assert_eq!(
            place(r#""accessible":true"#, r#""accessible":1"#),
            "zones[0].rows[0].seats[1].accessible"
        );
        assert_eq!(place(r#""capacity":120"#, r#""capacity":-1"#), "zones[1].areas[0].capacity");
        assert_eq!(place(r#""capacity":120"#, r#""capacity":1.5"#), "zones[1].areas[0].capacity");
        assert_eq!(place(r#""text":"Standing""#, r#""text":7"#), "zones[1].areas[0].text");
        assert_eq!(place(r#""x":25"#, r#""x":1e999"#), "zones[0].rows[0].seats[1].position.x");
        assert_eq!(place(r#""name":"Hall""#, r#""name":null"#), "name");
        let missing = problem(r#""seat_guid":"g4","#, "");
        assert_eq!(missing.place, "zones[0].rows[1].seats[0]");
        assert!(missing.problem.starts_with("missing field `seat_guid`"), "{missing}");
        let twice = problem(r#""seat_guid":"g4""#, r#""seat_guid":"g4","seat_guid":"g5""#);
        assert_eq!(twice.place, "zones[0].rows[1].seats[0]");
    }

    #[test]
    fn documents_that_are_no_plan_are_refused_whole() {
        let place = |bytes: &[u8]| SeatingPlan::parse(bytes).expect_err("no plan").place;
        for text in ["", "null", "[]", "{}", "nonsense", "{\"name\":\"\\ud800\"", "\u{feff}{}"] {
            assert!(SeatingPlan::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(place(b""), "plan");
        assert_eq!(place(format!("{SMALL} x").as_bytes()), "plan");
        assert_eq!(place(&vec![b' '; PLAN_BYTES_MAX + 1]), "plan");
        assert_eq!(place("[".repeat(100_000).as_bytes()), "plan");
        assert_eq!(place(b"{\"name\":\"\xff\"}"), "name");
    }

    proptest! {
        #[test]
        fn mutated_bytes_never_panic(
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..4, any::<u8>()), 1..12),
            pick in any::<proptest::sample::Index>(),
        ) {
            // Half of the inserted bytes are JSON's own, so that some documents still parse.
            const OWN: &[u8] = b"{}[]\",:0123456789-.eE\\tfnul ";
            let mut bytes = SMALL.as_bytes().to_vec();
            for (index, kind, byte) in edits {
                let at = index.index(bytes.len());
                let byte = if byte % 2 == 0 { OWN[pick.index(OWN.len())] } else { byte };
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            if let Ok(plan) = SeatingPlan::parse(&bytes) {
                let again = SeatingPlan::parse(plan.to_json().as_bytes());
                prop_assert_eq!(again.as_ref(), Ok(&plan));
                // A definition may be refused, but must not panic either.
                let _refused = plan.to_definition(&crate::plan::PlanOptions::new("x")).is_err();
            }
        }
    }
}
