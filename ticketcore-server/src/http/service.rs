//! [`Service`]: one request from its bytes to its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::call::{Call, Outcome};
use super::catch::Catch;
use super::code::Code;
use super::cors::Cors;
use super::metrics::{Answered, Metrics, Operation, ProblemCode};
use super::payload::Payload;
use super::problem::Problem;
use super::router::{Access, Params, Route, Router};
use crate::api::shapes::rfc3339;
use crate::app::App;
use crate::auth;

/// Bytes of an address at most.
const URI_BYTES_MAX: usize = 4_096;
/// Who is refused because too much is under way comes back after so long, in milliseconds.
const SHED_RETRY_MS: u64 = 1_000;

/// Answers requests. One for all connections, behind an [`Arc`].
pub struct Service {
    app: Arc<App>,
    router: Router,
    cors: Cors,
    room: Semaphore,
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
            room: Semaphore::new(app.config.limits.requests_max),
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
        let request_id = uuid::Uuid::now_v7().simple().to_string();
        let (head, body) = request.into_parts();
        let mut operation = "none";
        let outcome = if head.method == Method::OPTIONS {
            let methods = self.router.methods(head.uri.path());
            Ok(self.cors.preflight(&head.headers, &methods))
        } else {
            match self.find(&head.method, &head.uri) {
                Err(problem) => Err(problem),
                Ok((route, params)) => {
                    operation = route.operation;
                    let call = Call {
                        method: head.method.clone(),
                        uri: head.uri.clone(),
                        headers: head.headers.clone(),
                        params,
                        principal: auth::Principal::Anonymous,
                        remote,
                        request_id: request_id.clone(),
                        body_timeout: Duration::from_millis(self.app.config.limits.body_timeout_ms),
                        body: Some(body),
                    };
                    self.run(route, call).await
                }
            }
        };
        let path = head.uri.path();
        let mut response = outcome.unwrap_or_else(|problem| {
            let code = problem.code();
            self.metrics().problems.get_or_create(&ProblemCode { code: code.name() }).inc();
            if code.status().is_server_error() {
                tracing::warn!(
                    request_id,
                    operation,
                    code = code.name(),
                    "a request was not answered as it should be"
                );
            }
            problem.into_response(path, &request_id, &rfc3339(self.app.now()))
        });
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(HeaderName::from_static("request-id"), id);
        }
        self.cors.mark(&head.headers, &mut response);
        let took = began.elapsed();
        self.metrics().seconds.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
        let status = response.status().as_u16();
        self.metrics().requests.get_or_create(&Answered { operation, status }).inc();
        if self.app.config.log.requests {
            tracing::info!(request_id, operation, status, method = %head.method, micros = took.as_micros(), "answered");
        }
        Ok(response)
    }

    fn find(&self, method: &Method, uri: &hyper::Uri) -> Result<(Route, Params), Problem> {
        let bytes = uri.path().len() + uri.query().map_or(0, str::len);
        if bytes > URI_BYTES_MAX {
            return Err(Problem::new(Code::UriTooLong, format!("At most {URI_BYTES_MAX} bytes")));
        }
        self.router.find(method, uri.path())
    }

    /// Carries a request out, if there is room, within its time. A panic harms this request only.
    async fn run(&self, route: Route, mut call: Call) -> Outcome {
        let shed = || {
            Problem::new(Code::Overloaded, "Too many requests are under way").retry_after_ms(SHED_RETRY_MS)
        };
        // Who looks after the server must get through when nobody else does.
        let _room = match route.access {
            Access::Always => None,
            _ => Some(self.room.try_acquire().map_err(|_| shed())?),
        };
        call.principal = auth::recognise(&self.app, &call.headers)?;
        match route.access {
            Access::Public | Access::Always => {}
            Access::Buyer => {
                call.principal.buyer()?;
            }
            Access::Key(scope) => {
                call.principal.key(scope)?;
            }
        }
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
