//! Responses: resources, lists, nothing, and the one way in which errors are told.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    CONTENT_TYPE, ETAG, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::bulk::Performed;
use crate::scim::deviation::Deviation;
use crate::scim::error::ScimError;
use crate::scim::projection::Projection;
use crate::scim::resource::Meta;
use crate::scim::schema::{MEMBERS, ResourceType};
use crate::store::{Reference, StoreError, Stored, Version};
use crate::telemetry::chain;
use crate::workload::directory::DirectoryError;
use crate::workload::recorder::Content;
use crate::workload::routing::ScimTenant;

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// When to try again what the brake holds: Entra's next cycle begins 40 minutes after this one.
const HELD: Duration = Duration::from_mins(40);

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// JSON.
    body: Option<String>,
    meta: ResourceMeta,
    /// What was repaired in the request.
    pub(crate) repairs: Vec<Deviation>,
    /// The operations of a bulk request.
    pub(crate) operations: Vec<Performed>,
}

/// What an answer says of the resource.
#[derive(Default)]
pub(super) struct ResourceMeta {
    pub(super) id: Option<String>,
    pub(super) location: Option<String>,
    pub(super) version: Option<String>,
}

impl Answer {
    fn new(status: StatusCode, body: Option<String>, meta: ResourceMeta) -> Self {
        Self {
            status,
            body,
            meta,
            repairs: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// A document that has no version.
    pub(super) fn ok(body: String) -> Self {
        Self::new(StatusCode::OK, Some(body), ResourceMeta::default())
    }

    /// A rendered resource; its address and version become headers.
    pub(super) fn resource(status: StatusCode, rendered: Rendered) -> Self {
        let meta = ResourceMeta {
            id: Some(rendered.meta.id),
            location: Some(rendered.meta.location),
            version: Some(rendered.meta.version),
        };
        Self::new(status, Some(rendered.text), meta)
    }

    pub(super) fn no_content(version: Option<Version>) -> Self {
        Self::without_body(StatusCode::NO_CONTENT, version)
    }

    pub(super) fn not_modified(version: Version) -> Self {
        Self::without_body(StatusCode::NOT_MODIFIED, Some(version))
    }

    fn without_body(status: StatusCode, version: Option<Version>) -> Self {
        let meta = ResourceMeta {
            version: version.map(entity_tag),
            ..ResourceMeta::default()
        };
        Self::new(status, None, meta)
    }

    /// The same answer to a bulk request of these operations.
    pub(super) fn of(self, operations: Vec<Performed>) -> Self {
        Self { operations, ..self }
    }

    /// The same answer to a request of which something was repaired.
    pub(super) fn repaired(self, repairs: Vec<Deviation>) -> Self {
        Self { repairs, ..self }
    }

    pub(super) fn meta(&self) -> &ResourceMeta {
        &self.meta
    }

    /// The response, what is recorded of its body, and the operations of a bulk request.
    pub(crate) fn into_response(self) -> (Response<Body>, Content, Vec<Performed>) {
        let (mut response, content) = match self.body {
            Some(body) => with_body(self.status, body),
            None => (empty(self.status), Content::Absent),
        };
        let headers = response.headers_mut();
        for (name, text) in [(LOCATION, self.meta.location), (ETAG, self.meta.version)] {
            let value = text.and_then(|text| HeaderValue::try_from(text).ok());
            headers.extend(value.map(|it| (name, it)));
        }
        (response, content, self.operations)
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn with_body(status: StatusCode, body: String) -> (Response<Body>, Content) {
    let body = Bytes::from(body);
    let content = Content::of(&body);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, SCIM_JSON);
    (response, content)
}

/// The entity tag of a version; weak, for an answer may leave attributes out.
pub(crate) fn entity_tag(version: Version) -> String {
    format!("W/\"{}\"", version.0)
}

/// A resource as it is answered.
pub(super) struct Rendered {
    /// JSON.
    pub(super) text: String,
    meta: Meta,
}

impl ScimTenant {
    /// A resource as it is answered.
    pub(super) fn render(
        &self,
        kind: ResourceType,
        stored: Stored,
        projection: &Projection,
    ) -> Rendered {
        let meta = Meta {
            id: stored.id.as_str().to_owned(),
            resource_type: kind,
            created: stored.created,
            last_modified: stored.last_modified,
            version: entity_tag(stored.version),
            location: format!("{}{}/{}", self.scim_url, kind.endpoint(), stored.id),
        };
        let schema = self.directory.schemas().of(kind);
        let extra = self.extra(kind, &stored.related);
        let text = stored.resource.render(schema, &meta, extra, projection);
        Rendered { text, meta }
    }

    fn extra(&self, kind: ResourceType, related: &[Reference]) -> Map<String, Value> {
        if related.is_empty() {
            return Map::new();
        }
        let base = &self.scim_url;
        let (name, values) = match kind {
            ResourceType::User => {
                let group = |it: &Reference| {
                    let address = format!("{base}/Groups/{}", it.id);
                    json!({"value": it.id.as_str(), "$ref": address, "display": it.display, "type": "direct"})
                };
                ("groups", related.iter().map(group).collect())
            }
            ResourceType::Group => {
                let member = |it: &Reference| {
                    let address = format!("{base}/Users/{}", it.id);
                    json!({"value": it.id.as_str(), "$ref": address, "type": "User"})
                };
                (MEMBERS, related.iter().map(member).collect())
            }
        };
        Map::from_iter([(name.to_owned(), Value::Array(values))])
    }
}

/// The error that a client is told; faults of our own are logged here, where they stop travelling.
pub(crate) fn refusal(error: DirectoryError) -> ScimError {
    match error {
        DirectoryError::Refused(error) => error,
        DirectoryError::NotFound(ResourceType::User) => {
            ScimError::not_found("There is no user with this id.")
        }
        DirectoryError::NotFound(ResourceType::Group) => {
            ScimError::not_found("There is no group with this id.")
        }
        DirectoryError::Precondition => {
            ScimError::precondition_failed("The resource has another version; read it again.")
        }
        DirectoryError::BreakGlass(ResourceType::User) => ScimError::forbidden(
            "This is a break-glass account, which SCIM may not change; take it out of the scope of provisioning.",
        ),
        DirectoryError::BreakGlass(ResourceType::Group) => ScimError::forbidden(
            "A break-glass account would become or cease to be a member, which SCIM may not do; take it out of the scope of provisioning.",
        ),
        DirectoryError::Store(StoreError::Taken { what, attribute }) => {
            ScimError::uniqueness(format!("Another {what} already has this {attribute}."))
        }
        DirectoryError::Store(StoreError::UnknownMembers { count, first }) => {
            ScimError::invalid_value(format!(
                "{count} of the members are not users of this server, the first is number {first} of its list; nothing was changed."
            ))
        }
        DirectoryError::Store(StoreError::Busy) => ScimError::too_many_requests(
            "Searches that no index helps run one after the other; try again, or filter by eq or sw on userName, externalId \
             or displayName.",
        ),
        DirectoryError::Store(StoreError::Held {
            what,
            at_most,
            window,
        }) => ScimError::too_many_requests(format!(
            "The brake of this directory holds it: more than {at_most} {what} in {window:#}. Nothing was changed; an administrator of the directory has to open the brake."
        ))
        .after(HELD),
        DirectoryError::Store(StoreError::VersionConflict) => {
            ScimError::unavailable("Too many changes of this resource at once; try again.")
        }
        DirectoryError::Store(StoreError::Crowded) => {
            ScimError::unavailable("Too much is asked at once; try again in a second.")
        }
        DirectoryError::Store(
            error @ (StoreError::Database(_)
            | StoreError::Unreachable(_)
            | StoreError::Closed
            | StoreError::ReadOnly),
        ) => {
            tracing::error!(error = chain(&error), "the store failed");
            ScimError::unavailable("The directory cannot be used at the moment; try again later.")
        }
        DirectoryError::Store(error @ (StoreError::Corrupt(_) | StoreError::Damaged(_))) => {
            tracing::error!(error = chain(&error), "the store failed");
            ScimError::internal(
                "This resource was damaged on the disk of the server, and comes back with a backup.",
            )
        }
    }
}

/// The response for an error.
pub(crate) fn error_response(error: &ScimError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (mut response, _) = with_body(status, error.to_value().to_string());
    let headers = response.headers_mut();
    match error.status {
        401 => {
            for scheme in ["Bearer realm=\"scim\"", "Basic realm=\"scim\""] {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
        }
        429 | 503 => {
            let seconds = error.retry_after.map_or(1, |it| it.as_secs());
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        _ => {}
    }
    response
}
