//! The SCIM protocol: from a request to the domain, and from its answer to a response.

mod answer;
mod request;

use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::directory::{DirectoryError, Effect, Provisioner};
use super::routing::{Endpoint, ScimTenant};
use crate::scim::bounds::MAX_PAGE;
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::list::{ListResponse, Page};
use crate::scim::patch::PatchRequest;
use crate::scim::projection::Projection;
use crate::scim::schema::{Limits, MEMBERS, ResourceType};
use crate::store::audit::Requester;
use crate::store::{ListQuery, Related, ResourceId, Window};
pub(crate) use answer::{Answer, error_response, refusal};
use request::Query;
pub(crate) use request::{BodyRefused, accepts, expected, read_body};

/// One request to an endpoint, its body read.
pub(crate) struct Call<'r> {
    pub(crate) scim_tenant: &'r ScimTenant,
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
        let reads = matches!(*self.method, Method::GET | Method::HEAD);
        match self.endpoint {
            Endpoint::Resources(kind) if reads => self.list(*kind).await,
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

    fn provisioner(&self) -> Provisioner<'_> {
        self.scim_tenant.directory.provisioner(self.requester)
    }

    fn projection(&self, kind: ResourceType, query: &Query<'_>) -> Projection {
        Projection::parse(
            query.attributes.as_deref(),
            query.excluded_attributes.as_deref(),
            self.scim_tenant.directory.schemas().of(kind),
        )
    }

    async fn list(&self, kind: ResourceType) -> Done {
        let query = Query::parse(self.query);
        let page = Page::parse(query.start_index.as_deref(), query.count.as_deref())?;
        let schema = self.scim_tenant.directory.schemas().of(kind);
        let filter = query.filter.as_deref().filter(|it| !it.trim().is_empty());
        let filter = filter.map(|it| Filter::parse(it, schema)).transpose()?;
        let projection = self.projection(kind, &query);
        let wanted = ListQuery {
            filter,
            sort: None,
            window: Window::Index(page),
            related: related(kind, &projection),
        };
        let listed = self.scim_tenant.directory.list(kind, &wanted).await?;
        let render = |it| self.scim_tenant.render(kind, it, &projection);
        let response = ListResponse {
            total_results: listed.total,
            start_index: page.start_index,
            resources: listed.resources.iter().map(render).collect(),
        };
        Ok((Answer::ok(response.into_value()), Effect::Read))
    }

    async fn find(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let projection = self.projection(kind, &Query::parse(self.query));
        let related = related(kind, &projection);
        let found = self.scim_tenant.directory.find(kind, id, related).await?;
        if request::is_known(self.headers, found.version) {
            return Ok((Answer::not_modified(found.version), Effect::Read));
        }
        let body = self.scim_tenant.render(kind, &found, &projection);
        Ok((Answer::resource(StatusCode::OK, body), Effect::Read))
    }

    async fn create(&self, kind: ResourceType) -> Done {
        let body = request::json(self.body)?;
        let projection = self.projection(kind, &Query::parse(self.query));
        let created = self.provisioner().create(kind, &body).await?;
        let body = self.scim_tenant.render(kind, &created, &projection);
        Ok((Answer::resource(StatusCode::CREATED, body), Effect::Created))
    }

    async fn replace(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let body = request::json(self.body)?;
        let projection = self.projection(kind, &Query::parse(self.query));
        let (replaced, effect) = self
            .provisioner()
            .replace(kind, id, &expected(self.headers), &body)
            .await?;
        let body = self.scim_tenant.render(kind, &replaced, &projection);
        Ok((Answer::resource(StatusCode::OK, body), effect))
    }

    /// A user is answered, as Microsoft's validator wants it; a group is not, for it may hold many members.
    async fn patch(&self, kind: ResourceType, id: &ResourceId) -> Done {
        let directory = &self.scim_tenant.directory;
        let body = request::json(self.body)?;
        let patch = PatchRequest::parse(directory.schemas().of(kind), &body)?;
        let (patched, effect) = self
            .provisioner()
            .patch(kind, id, &expected(self.headers), &patch)
            .await?;
        let answer = match kind {
            ResourceType::User => {
                let projection = self.projection(kind, &Query::parse(self.query));
                let body = self.scim_tenant.render(kind, &patched, &projection);
                Answer::resource(StatusCode::OK, body)
            }
            ResourceType::Group => Answer::no_content(Some(patched.version)),
        };
        Ok((answer, effect))
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
            max_results: MAX_PAGE,
            etag: true,
        };
        let found = match self.endpoint {
            Endpoint::Schemas => Some(everything(schemas.schemas())),
            Endpoint::Schema(urn) => schemas.schema(urn),
            Endpoint::ResourceTypes => Some(everything(schemas.resource_types(base))),
            Endpoint::ResourceType(name) => schemas.resource_type(base, name),
            Endpoint::ServiceProviderConfig => Some(schemas.service_provider_config(base, &limits)),
            Endpoint::Resources(_) | Endpoint::Resource(..) => None,
        };
        let body = found.ok_or_else(|| ScimError::not_found("There is nothing of this name."))?;
        Ok((Answer::ok(body), Effect::Read))
    }
}

fn everything(resources: Vec<Value>) -> Value {
    let response = ListResponse {
        total_results: resources.len(),
        start_index: 1,
        resources,
    };
    response.into_value()
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
