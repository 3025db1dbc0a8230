//! What every operation of the OpenAPI document has in common: who may call it, how refusals look, what statuses mean.

use hyper::StatusCode;
use utoipa::Modify;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::ArrayItems;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr, Required, Response, Schema, Server};

use crate::auth::Scope;
use crate::http::{Access, Route};

/// Adds it.
pub struct Common;

const BUYER: &str = "buyer";
const KEY: &str = "key";
const REFUSED: &str = "Refused: `code` says why";
const NOT_NOW: &str =
    "`overloaded`, `unavailable` or `outcome_unknown`: `Retry-After` says when to ask again";

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        document.servers = Some(vec![Server::new("/")]);
        if let Some(components) = &mut document.components {
            schemes(components);
            pages(components);
        }
        let routes = super::routes();
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let named = |route: &&Route| operation.operation_id.as_deref() == Some(route.operation);
            if let (None, Some(route)) = (&operation.security, routes.iter().find(named)) {
                operation.security = Some(callers(route.access));
            }
            answers(operation);
            if let (Some(RefOr::T(body)), Some(components)) =
                (&mut operation.request_body, &document.components)
            {
                body.required =
                    Some(if may_be_empty(body, components) { Required::False } else { Required::True });
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn schemes(components: &mut Components) {
    let mut add = |name: &str, told: &str| {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(told.to_owned());
        components.security_schemes.insert(name.to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    };
    add(
        BUYER,
        "A buyer's token (JWT) of an issuer that the server is set up with, or a session (`ses_...`).",
    );
    add(
        KEY,
        "An API key (`tck_...`) with the scope named here, or with `sell` and the buyer it acts for in the header `Acting-User`.",
    );
}

/// Who may call. Scopes stand beside the key, as OpenAPI 3.1 has it.
fn callers(access: Access) -> Vec<SecurityRequirement> {
    let nothing = Vec::<String>::new;
    let scope =
        |scope: Scope| serde_json::to_value(scope).ok().and_then(|name| name.as_str().map(str::to_owned));
    let buyer = SecurityRequirement::new(BUYER, nothing());
    match access {
        Access::Key(wanted) => vec![SecurityRequirement::new(KEY, scope(wanted))],
        Access::Buyer => vec![buyer, SecurityRequirement::new(KEY, scope(Scope::Sell))],
        Access::Public | Access::Always => {
            vec![SecurityRequirement::default(), buyer, SecurityRequirement::new(KEY, nothing())]
        }
    }
}

/// Every operation may be refused, and asked at a bad time; and OpenAPI wants words for every status.
fn answers(operation: &mut Operation) {
    let answers = &mut operation.responses.responses;
    for status in ["4XX", "503"] {
        answers.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem()));
    }
    for (status, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        if answer.description.is_empty() {
            answer.description = words(status).to_owned();
        }
    }
}

fn problem() -> Response {
    let mut response = Response::new("");
    let body = RefOr::T(Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("ProblemBody")))));
    response.content.insert("application/problem+json".to_owned(), body);
    response
}

fn words(status: &str) -> &'static str {
    match status {
        "4XX" => REFUSED,
        "503" => NOT_NOW,
        _ => status.parse::<StatusCode>().ok().and_then(|status| status.canonical_reason()).unwrap_or("Done"),
    }
}

/// An empty body is `{}`: it may be left out where nothing in it must be.
fn may_be_empty(body: &RequestBody, components: &Components) -> bool {
    body.content.values().all(|content| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(shape)), .. }) = content else { return false };
        let name = shape.ref_location.rsplit('/').next().unwrap_or_default();
        matches!(components.schemas.get(name), Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
    })
}

/// What is on a page is a shape that has a name.
fn pages(components: &mut Components) {
    let names: Vec<String> = components.schemas.keys().cloned().collect();
    for (name, schema) in &mut components.schemas {
        let Some(shown) = name.strip_prefix("Page_").filter(|shown| names.iter().any(|name| name == shown))
        else {
            continue;
        };
        if let RefOr::T(Schema::Object(page)) = schema
            && let Some(RefOr::T(Schema::Array(list))) = page.properties.get_mut("items")
        {
            list.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(shown))));
        }
    }
}
