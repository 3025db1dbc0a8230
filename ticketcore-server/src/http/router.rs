//! [`Router`]: from a method and a path to a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Method;

use super::call::{Call, Outcome, decode};
use super::code::Code;
use super::problem::Problem;
use crate::app::App;
use crate::auth::Scope;

/// What carries out a request.
pub type Handler = fn(Arc<App>, Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, even when there is no room for anybody else: whoever looks after the server.
    Always,
    /// Everybody. A caller who says who he is is recognised all the same.
    Public,
    /// Buyers, and API keys that act for one ([`Scope::Sell`]).
    Buyer,
    /// API keys with a scope.
    Key(Scope),
}

/// One operation of the interface.
#[derive(Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path; braces stand for what varies.
    pub path: &'static str,
    /// The operation's name in the OpenAPI document, in metrics and in logs.
    pub operation: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What carries it out.
    pub run: Handler,
}

/// What stands at the braces of a route's path, in order.
pub type Params = Vec<(&'static str, String)>;

/// A route that was found.
pub struct Found {
    /// The route.
    pub route: Route,
    /// Its place in the table.
    pub at: usize,
    /// What stands at its braces.
    pub params: Params,
}

/// A route in the table, and what its braces are called.
struct Entry {
    at: usize,
    route: Route,
    names: Vec<&'static str>,
}

/// Finds routes. A path without a route is unknown, one with others of its methods is not allowed.
pub struct Router {
    paths: matchit::Router<Vec<Entry>>,
}

impl Router {
    /// A router for a table of routes.
    ///
    /// # Errors
    /// If two paths of the table can't be told apart.
    pub fn new(table: &[Route]) -> Result<Self, matchit::InsertError> {
        let mut by_path: Vec<(&str, Vec<Entry>)> = Vec::new();
        for (at, route) in table.iter().enumerate() {
            let entry = Entry { at, route: *route, names: names_in(route.path).collect() };
            match by_path.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, routes)) => routes.push(entry),
                None => by_path.push((route.path, vec![entry])),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, routes) in by_path {
            paths.insert(path, routes)?;
        }
        Ok(Self { paths })
    }

    /// The route of a request, and what stands at its braces.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::MethodNotAllowed`], [`Code::Malformed`] if the path can't be decoded.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found, Problem> {
        let unknown = || Problem::new(Code::NotFound, "There is nothing at this address");
        let found = self.paths.at(path).map_err(|_| unknown())?;
        // A resource that can be read can be asked for its headers alone.
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        let Some(entry) = found.value.iter().find(|entry| entry.route.method == name) else {
            let allowed = methods(found.value);
            let told = format!("Here are {}", allowed.join(", "));
            return Err(Problem::new(Code::MethodNotAllowed, told).with("allow", allowed));
        };
        let mut params = Vec::with_capacity(found.params.len());
        // All that stands at braces is there, in their order.
        for (name, (_, value)) in entry.names.iter().zip(found.params.iter()) {
            let bad = || Problem::new(Code::Malformed, "The path is not UTF-8");
            let plain = !value.bytes().any(|byte| byte == b'%' || byte == b'+');
            let value = if plain { Some(value.to_owned()) } else { decode(&value.replace('+', "%2B")) };
            params.push((*name, value.ok_or_else(bad)?));
        }
        Ok(Found { route: entry.route, at: entry.at, params })
    }

    /// The methods that a path knows; none if there is no such path.
    #[must_use]
    pub fn methods(&self, path: &str) -> Vec<&'static str> {
        self.paths.at(path).map_or_else(|_| Vec::new(), |found| methods(found.value))
    }
}

/// The methods of one path: its routes' and those that come with them.
fn methods(routes: &[Entry]) -> Vec<&'static str> {
    let mut methods: Vec<&str> = routes.iter().map(|entry| entry.route.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods
}

/// The names at the braces of a path, in order.
fn names_in(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('{').skip(1).filter_map(|part| part.split('}').next())
}
