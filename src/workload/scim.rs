//! The SCIM protocol: from a request to the domain, and from its answer to a response.

mod answer;
mod bulk;
mod cursor;
mod dialect;
mod list;
mod request;
mod walks;

use axum::http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::directory::{DirectoryError, Effect, Provisioner};
use super::replay::{self, Sent};
use super::routing::{Endpoint, ScimTenant};
use crate::config::ScimClientConfig;
use crate::scim::bounds::{DEFAULT_PAGE, MAX_PAGE};
use crate::scim::bulk::MAX_BULK_OPERATIONS;
use crate::scim::deviation::{Deviation, of_resource};
use crate::scim::error::ScimError;
use crate::scim::list::{ListResponse, Paging};
use crate::scim::projection::Projection;
use crate::scim::schema::{Limits, MEMBERS, ResourceSchema, ResourceType};
use crate::store::audit::Requester;
use crate::store::{Related, ResourceId, Stored, Version};
pub(crate) use answer::{Answer, error_response, refusal};
pub(crate) use bulk::Performed;
use cursor::CURSOR_SECONDS;
use request::Query;
pub(crate) use request::{accepts, expected, read_body};
pub(crate) use walks::Walks;

/// One request to an endpoint, its body read.
pub(crate) struct Call<'r> {
    pub(crate) scim_tenant: &'r ScimTenant,
    /// Who asks.
    pub(crate) client: &'r ScimClientConfig,
    pub(crate) now: Timestamp,
    pub(crate) endpoint: &'r Endpoint,
    pub(crate) requester: &'r Requester,
    pub(crate) method: &'r Method,
    pub(crate) query: &'r str,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r [u8],
}

/// What came of it.
pub(crate) type Done = Result<(Answer, Effect), DirectoryError>;

impl Call<'_> {
    /// Does what the request asks for; `method` is one that the endpoint allows.
    pub(crate) async fn perform(&self) -> Done {
        let done = self.performed().await;
        if let Err(DirectoryError::Refused(error)) = &done {
            self.refused(error);
        }
        done
    }

    async fn performed(&self) -> Done {
        match self.endpoint {
            Endpoint::Resources(kind) if self.reads() => self.list(Some(*kind)).await,
            Endpoint::Search(kind) => self.list(*kind).await,
            Endpoint::Bulk => self.bulk().await,
            Endpoint::Me => Err(ScimError::not_implemented(
                "This client is a program and no person, so it has no /Me; ask for /Users/{id}.",
            )
            .into()),
            Endpoint::Resources(kind) => self.create(*kind).await,
            Endpoint::Resource(kind, id) => {
                let id = ResourceId::new(id.as_str());
                match *self.method {
                    Method::PUT => self.replace(*kind, &id).await,
                    Method::PATCH => self.patch(*kind, &id).await,
                    Method::DELETE => self.delete(*kind, &id).await,
                    _ => self.find(*kind, &id).await,
                }
            }
            Endpoint::Schemas
            | Endpoint::Schema(_)
            | Endpoint::ResourceTypes
            | Endpoint::ResourceType(_)
            | Endpoint::ServiceProviderConfig => self.discover(),
        }
    }

    /// Keeps what was sent of a person and taken, for the time when the rules are others.
    fn taken(&self, kind: ResourceType, stored: &Stored) {
        if kind == ResourceType::User && self.scim_tenant.config.replay.is_some() {
            self.sent(Some(&stored.id), Some(stored.version));
        }
    }

    /// Keeps what was sent of a person and refused by a rule.
    fn refused(&self, error: &ScimError) {
        let is_kept = self.scim_tenant.config.replay.is_some() && !self.reads();
        // What is read again and refused stays as it was kept.
        if !is_kept || error.status != 400 || self.requester.credential == replay::CREDENTIAL {
            return;
        }
        match self.endpoint {
            Endpoint::Resources(ResourceType::User) => self.sent(None, None),
            Endpoint::Resource(ResourceType::User, id) if *self.method != Method::DELETE => {
                self.sent(Some(&ResourceId::new(id.as_str())), None);
            }
            _ => {}
        }
    }

    fn sent(&self, id: Option<&ResourceId>, version: Option<Version>) {
        if self.body.len() > replay::MAX_PAYLOAD {
            return;
        }
        self.scim_tenant.opened.sent.take(Sent {
            client: self.client.name.clone(),
            method: self.method.clone(),
            id: id.cloned(),
            version,
            body: self.body.to_vec(),
            at: self.now,
        });
    }

    fn schema(&self, kind: ResourceType) -> &ResourceSchema {
        self.scim_tenant.directory.schemas().of(kind)
    }

    fn reads(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }

    fn provisioner(&self) -> Provisioner<'_> {
        self.scim_tenant.directory.provisioner(self.requester)
    }

    fn projection(&self, kind: ResourceType, query: &Query<'_>) -> Projection {
        Projection::parse(
            query.attributes.as_deref(),
            query.excluded_attributes.as_deref(),
            self.schema(kind),
        )
    }

    async fn find(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let projection = self.projection(kind, &Query::parse(self.query));
        let related = related(kind, &projection);
        let found = self.scim_tenant.directory.find(kind, id, related).await?;
        if !request::readable(self.headers).allows(found.version) {
            return Err(DirectoryError::Precondition);
        }
        if request::is_known(self.headers, found.version) {
            return Ok((Answer::not_modified(found.version), Effect::Read));
        }
        let body = self.scim_tenant.render(kind, found, &projection);
        Ok((Answer::resource(StatusCode::OK, body), Effect::Read))
    }

    async fn create(&self, kind: ResourceType) -> Done {
        let body = request::json(self.body)?;
        let repaired = self.admit(&of_resource(self.schema(kind), &body))?;
        let projection = self.projection(kind, &Query::parse(self.query));
        let created = self.provisioner().create(kind, &body).await?;
        self.taken(kind, &created.stored);
        let body = self.scim_tenant.render(kind, created.stored, &projection);
        // 201 for an account that was taken over as well: Entra links what it posted to the id in the answer.
        let answer = Answer::resource(StatusCode::CREATED, body);
        Ok(answered(
            answer,
            repaired,
            (created.effect, created.not_owned),
        ))
    }

    async fn replace(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let body = request::json(self.body)?;
        let repaired = self.admit(&of_resource(self.schema(kind), &body))?;
        let projection = self.projection(kind, &Query::parse(self.query));
        let replaced = self
            .provisioner()
            .replace(kind, id, &expected(self.headers), &body)
            .await?;
        self.taken(kind, &replaced.stored);
        let body = self.scim_tenant.render(kind, replaced.stored, &projection);
        let answer = Answer::resource(StatusCode::OK, body);
        Ok(answered(
            answer,
            repaired,
            (replaced.effect, replaced.not_owned),
        ))
    }

    /// A user is answered, as Microsoft's validator wants it; a group is not, for it may hold many members, unless the client says what
    /// it wants of it. RFC 7644, section 3.5.2: "The server MUST return a 200 OK if the "attributes" parameter is specified".
    async fn patch(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let body = request::json(self.body)?;
        let (patch, repaired) = self.patch_request(self.schema(kind), &body)?;
        let patched = self
            .provisioner()
            .patch(kind, id, &expected(self.headers), &patch)
            .await?;
        self.taken(kind, &patched.stored);
        let query = Query::parse(self.query);
        let projection = self.projection(kind, &query);
        let mut stored = patched.stored;
        let answer = if kind == ResourceType::Group && query.attributes.is_none() {
            Answer::no_content(Some(stored.version))
        } else {
            if kind == ResourceType::Group {
                let related = related(kind, &projection);
                stored = self.scim_tenant.directory.find(kind, id, related).await?;
            }
            let body = self.scim_tenant.render(kind, stored, &projection);
            Answer::resource(StatusCode::OK, body)
        };
        Ok(answered(
            answer,
            repaired,
            (patched.effect, patched.not_owned),
        ))
    }

    async fn delete(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let expected = expected(self.headers);
        self.provisioner().delete(kind, id, &expected).await?;
        Ok((Answer::no_content(None), Effect::Deleted))
    }

    fn discover(&self) -> Done {
        let schemas = self.scim_tenant.directory.schemas();
        let base = &self.scim_tenant.scim_url;
        let limits = Limits {
            page: DEFAULT_PAGE,
            max_results: MAX_PAGE,
            cursor_seconds: CURSOR_SECONDS,
            bulk_operations: MAX_BULK_OPERATIONS,
            bulk_bytes: request::MAX_BODY,
        };
        let found = match self.endpoint {
            Endpoint::Schemas => Some(everything(&schemas.schemas())),
            Endpoint::Schema(urn) => schemas.schema(urn).map(|it| it.to_string()),
            Endpoint::ResourceTypes => Some(everything(&schemas.resource_types(base))),
            Endpoint::ResourceType(name) => {
                let named = schemas.resource_type(base, name);
                named.map(|it| it.to_string())
            }
            Endpoint::ServiceProviderConfig => {
                Some(schemas.service_provider_config(base, &limits).to_string())
            }
            Endpoint::Resources(_)
            | Endpoint::Resource(..)
            | Endpoint::Search(_)
            | Endpoint::Bulk
            | Endpoint::Me => None,
        };
        let body = found.ok_or_else(|| ScimError::not_found("There is nothing of this name."))?;
        Ok((Answer::ok(body), Effect::Read))
    }
}

fn everything(resources: &[Value]) -> String {
    let response = ListResponse {
        total_results: resources.len(),
        paging: Paging::Index(1),
        resources: resources.iter().map(Value::to_string).collect(),
    };
    response.to_json()
}

/// The answer to a change, with what had to be repaired and what stayed because another client owns it.
fn answered(
    answer: Answer,
    mut repaired: Vec<Deviation>,
    (effect, not_owned): (Effect, usize),
) -> (Answer, Effect) {
    repaired.extend(std::iter::repeat_n(Deviation::NotOwned, not_owned));
    (answer.repaired(repaired), effect)
}

/// Loads memberships only for who wants to see them.
fn related(kind: ResourceType, projection: &Projection) -> Related {
    let name = match kind {
        ResourceType::User => "groups",
        ResourceType::Group => MEMBERS,
    };
    if projection.wants(name) {
        Related::Include
    } else {
        Related::Skip
    }
}
