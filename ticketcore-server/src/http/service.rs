//! [`Service`]: one request from its bytes to its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};

use super::call::{Call, Outcome};
use super::payload::Payload;
use super::router::{Access, Route, Router};
use crate::api::shapes::rfc3339;
use crate::app::App;
use crate::auth;

/// Answers requests. One for all connections, behind an [`Arc`].
pub struct Service {
    app: Arc<App>,
    router: Router,
}

impl Service {
    /// A service for a table of routes.
    ///
    /// # Errors
    /// If two paths can't be told apart.
    pub fn new(app: Arc<App>, routes: &[Route]) -> Result<Self, matchit::InsertError> {
        Ok(Self { app, router: Router::new(routes)? })
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Never.
    pub async fn answer(&self, request: Request<Incoming>, remote: IpAddr) -> Result<Response<Payload>, Infallible> {
        let request_id = uuid::Uuid::now_v7().to_string();
        let path = request.uri().path().to_owned();
        let outcome = self.carry_out(request, remote, &request_id).await;
        let mut response = outcome
            .unwrap_or_else(|problem| problem.into_response(&path, &request_id, &rfc3339(self.app.now())));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(HeaderName::from_static("request-id"), id);
        }
        Ok(response)
    }

    async fn carry_out(&self, request: Request<Incoming>, remote: IpAddr, request_id: &str) -> Outcome {
        let (head, body) = request.into_parts();
        let (route, params) = self.router.find(&head.method, head.uri.path())?;
        let principal = auth::recognise(&self.app, &head.headers)?;
        match route.access {
            Access::Public => {}
            Access::Buyer => {
                principal.buyer()?;
            }
            Access::Key(scope) => {
                principal.key(scope)?;
            }
        }
        let call = Call {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            params,
            principal,
            remote,
            request_id: request_id.to_owned(),
            body: Some(body),
        };
        (route.run)(Arc::clone(&self.app), call).await
    }
}
