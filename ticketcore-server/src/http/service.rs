//! [`Service`]: one request from its bytes to its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName};
use hyper::{Method, Request, Response};
use tokio::time::Instant;

use super::call::{Asked, Call, Outcome};
use super::catch::Catch;
use super::code::Code;
use super::cors::Cors;
use super::gate::{Gate, GateOptions};
use super::metrics::{Metrics, ProblemCode};
use super::payload::Payload;
use super::problem::Problem;
use super::request_id::RequestId;
use super::router::{Access, Found, Route, Router};
use super::stay::{SHED_RETRY_MS, Stay, shed};
use super::tally::Tally;
use crate::api::shapes::rfc3339;
use crate::app::App;
use crate::auth;
use crate::config::Limits;
use crate::guard::{Mark, RouteClass};

/// Bytes of an address at most.
const URI_BYTES_MAX: usize = 4_096;

fn gate_options(limits: &Limits) -> GateOptions {
    GateOptions {
        places: limits.requests_max,
        waiting_max: limits.waiting_max,
        target: Duration::from_millis(limits.waiting_target_ms),
        patience: Duration::from_millis(limits.waiting_ms_max),
    }
}

/// What is asked for its headers alone gets no body, whatever the protocol; how long it would be is told.
fn headers_alone(response: Response<Payload>) -> Response<Payload> {
    let (mut head, body) = response.into_parts();
    if let Some(bytes) = body.size_hint().exact().filter(|bytes| *bytes > 0) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| bytes.into());
    }
    Response::from_parts(head, Payload::empty())
}

/// Answers requests. One for all connections, behind an [`Arc`].
pub struct Service {
    app: Arc<App>,
    router: Router,
    cors: Cors,
    gate: Arc<Gate>,
    /// Of each route, in the order of the table.
    tallies: Vec<Tally>,
    /// Of what has no route.
    elsewhere: Tally,
    timeout: Duration,
}

impl Service {
    /// A service for a table of routes.
    ///
    /// # Errors
    /// If two paths can't be told apart.
    pub fn new(app: Arc<App>, routes: &[Route]) -> Result<Self, matchit::InsertError> {
        Ok(Self {
            router: Router::new(routes)?,
            cors: Cors::new(app.config.cors_origins.clone()),
            gate: Gate::new(gate_options(&app.config.limits)),
            tallies: routes.iter().map(|route| Tally::new(route.operation)).collect(),
            elsewhere: Tally::new("none"),
            timeout: Duration::from_millis(app.config.limits.request_timeout_ms),
            app,
        })
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.app.metrics
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Never.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        remote: IpAddr,
    ) -> Result<Response<Payload>, Infallible> {
        let began = Instant::now();
        let request_id = RequestId::new(self.app.now());
        let (head, body) = request.into_parts();
        let allowed = self.cors.allowed(&head.headers);
        // Cheap to keep: the address's bytes are shared, and common methods are numbers.
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let (mut route, mut mark) = (None, Mark::default());
        let outcome = if method == Method::OPTIONS {
            Ok(self.cors.preflight(&head.headers, &self.router.methods(uri.path())))
        } else {
            match self.find(&method, &uri) {
                Err(problem) => Err(problem),
                Ok(found) => {
                    route = Some((found.at, found.route.operation));
                    let remote = self.app.guard.client(remote, &head.headers);
                    let known = self.app.guard.known(remote, &head.headers);
                    let call = Call::from(Asked {
                        method: head.method,
                        uri: head.uri,
                        headers: head.headers,
                        params: found.params,
                        principal: auth::Principal::Anonymous,
                        remote,
                        known,
                        request_id,
                        body_timeout: Duration::from_millis(self.app.config.limits.body_timeout_ms),
                        body: Some(body),
                        place: Stay::default(),
                    });
                    self.run(found.route, call, &mut mark).await
                }
            }
        };
        let shed = outcome.as_ref().is_err_and(|problem| problem.code() == Code::Overloaded);
        let operation = route.map_or("none", |(_, operation)| operation);
        let mut response = outcome
            .unwrap_or_else(|problem| self.refuse(problem, operation, uri.path(), request_id.as_str()));
        response.headers_mut().insert(HeaderName::from_static("request-id"), request_id.header());
        mark.apply(&mut response);
        self.cors.mark(allowed, &mut response);
        let took = began.elapsed();
        let status = response.status().as_u16();
        let tally = route.and_then(|(at, _)| self.tallies.get(at)).unwrap_or(&self.elsewhere);
        tally.count(self.metrics(), status, took);
        self.app.rooms.pulse.count(operation, status, shed, took);
        if self.app.config.log.requests {
            let request_id = request_id.as_str();
            tracing::info!(request_id, operation, status, %method, micros = took.as_micros(), "answered");
        }
        Ok(if method == Method::HEAD { headers_alone(response) } else { response })
    }

    /// The answer that a problem is; it is counted, and logged if it is ours.
    fn refuse(&self, problem: Problem, operation: &str, path: &str, request_id: &str) -> Response<Payload> {
        let code = problem.code();
        self.metrics().problems.get_or_create(&ProblemCode { code: code.name() }).inc();
        // Who is sent away in a rush is counted: a line for each would be work for nothing, and there is too much of it already.
        if code.status().is_server_error() && code != Code::Overloaded {
            tracing::warn!(
                request_id,
                operation,
                code = code.name(),
                "a request was not answered as it should be"
            );
        }
        problem.into_response(path, request_id, &rfc3339(self.app.now()))
    }

    fn find(&self, method: &Method, uri: &hyper::Uri) -> Result<Found, Problem> {
        let bytes = uri.path().len() + uri.query().map_or(0, str::len);
        if bytes > URI_BYTES_MAX {
            return Err(Problem::new(Code::UriTooLong, format!("At most {URI_BYTES_MAX} bytes")));
        }
        self.router.find(method, uri.path())
    }

    /// Carries a request out, if there is room, within its time. A panic harms this request only.
    async fn run(&self, route: Route, mut call: Call, mark: &mut Mark) -> Outcome {
        // Who looks after the server must get through when nobody else does.
        if route.access == Access::Always {
            let waiting = i64::try_from(self.gate.waiting()).unwrap_or(i64::MAX);
            self.metrics().waiting.set(waiting);
        } else {
            call.place = Stay::at(self.gate.enter().await.ok_or_else(shed)?);
        }
        self.app.guard.let_in(call.remote)?;
        let class = RouteClass::of(&route);
        call.principal = match auth::recognise(&self.app, &call.headers) {
            Ok(principal) => principal,
            Err(problem) => {
                self.app.guard.not_believed(call.remote, &call.known, mark)?;
                return Err(problem);
            }
        };
        match route.access {
            Access::Public | Access::Always => {}
            Access::Buyer => {
                call.principal.buyer()?;
            }
            Access::Key(scope) => {
                call.principal.key(scope)?;
            }
        }
        let caller = (call.remote, &call.principal, &call.known);
        let _pass = match class {
            None => None,
            Some(class) => Some(self.app.guard.enter(class, caller, &call.headers, mark)?),
        };
        self.metrics().in_flight.inc();
        let running = Catch(AssertUnwindSafe((route.run)(Arc::clone(&self.app), call)));
        let outcome = tokio::time::timeout(self.timeout, running).await;
        self.metrics().in_flight.dec();
        match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(())) => {
                self.metrics().panics.inc();
                Err(Problem::new(Code::Internal, "A fault of ours; it is in the log"))
            }
            Err(_) if route.method == "GET" => {
                Err(Problem::new(Code::RequestTimeout, Code::RequestTimeout.title()))
            }
            Err(_) => {
                let told = "It may have been done: ask again with the same idempotency key";
                Err(Problem::new(Code::OutcomeUnknown, told).retry_after_ms(SHED_RETRY_MS))
            }
        }
    }
}
