//! [`RouteClass`]: routes that share limits.

use serde::{Deserialize, Serialize};

use crate::auth::Scope;
use crate::http::{Access, Route};

/// Routes that share limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteClass {
    /// What is only read.
    Read,
    /// What changes something.
    Write,
    /// Coming in: sessions, waiting rooms, challenges.
    Join,
    /// Orders and payments.
    Pay,
    /// What staff does.
    Admin,
    /// What gateways and those who take money report, and ask for.
    Report,
}

/// Operations of [`RouteClass::Join`].
const JOIN: &[&str] = &["begin_session", "join_waiting_room", "admit", "get_challenge"];
/// Operations of [`RouteClass::Pay`].
const PAY: &[&str] = &["place_order", "pay_order"];

/// Beginnings of the paths of [`RouteClass::Report`].
const REPORT: &[&str] = &["/v1/webhooks/", "/v1/gateway/"];

impl RouteClass {
    /// Every class.
    pub const ALL: [RouteClass; 6] = [
        RouteClass::Read,
        RouteClass::Write,
        RouteClass::Join,
        RouteClass::Pay,
        RouteClass::Admin,
        RouteClass::Report,
    ];

    /// A route's; `None` for those that must get through whatever happens.
    #[must_use]
    pub fn of(route: &Route) -> Option<Self> {
        Some(match route.access {
            Access::Always => return None,
            _ if REPORT.iter().any(|begin| route.path.starts_with(begin)) => RouteClass::Report,
            Access::Key(Scope::Sell) => RouteClass::Write,
            Access::Key(_) => RouteClass::Admin,
            _ if JOIN.contains(&route.operation) => RouteClass::Join,
            _ if PAY.contains(&route.operation) => RouteClass::Pay,
            _ if route.method == "GET" => RouteClass::Read,
            _ => RouteClass::Write,
        })
    }

    /// Its name in policies, metrics and options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RouteClass::Read => "read",
            RouteClass::Write => "write",
            RouteClass::Join => "join",
            RouteClass::Pay => "pay",
            RouteClass::Admin => "admin",
            RouteClass::Report => "report",
        }
    }

    /// Whether a buyer's requests of it under way are counted.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, RouteClass::Write | RouteClass::Pay)
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn at(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes;

    #[test]
    fn routes_are_in_the_class_that_they_belong_to() {
        let class = |operation: &str| {
            let routes = routes();
            let found = routes.iter().find(|route| route.operation == operation).expect("it is there");
            RouteClass::of(found)
        };
        for (operation, expected) in [
            ("get_health", None),
            ("get_metrics", None),
            ("list_events", Some(RouteClass::Read)),
            ("stream_changes", Some(RouteClass::Read)),
            ("get_order", Some(RouteClass::Read)),
            ("place_hold", Some(RouteClass::Write)),
            ("release_hold", Some(RouteClass::Write)),
            ("begin_session", Some(RouteClass::Join)),
            ("get_challenge", Some(RouteClass::Join)),
            ("place_order", Some(RouteClass::Pay)),
            ("pay_order", Some(RouteClass::Pay)),
            ("make_key", Some(RouteClass::Admin)),
            ("redeem_ticket", Some(RouteClass::Admin)),
            ("receive_stripe_webhook", Some(RouteClass::Report)),
            ("take_next_effects", Some(RouteClass::Report)),
        ] {
            assert_eq!(class(operation), expected, "{operation}");
        }
        for (at, class) in RouteClass::ALL.into_iter().enumerate() {
            assert_eq!(class.at(), at);
        }
    }
}
