//! What the discovery endpoints answer (RFC 7643, sections 5 to 7; RFC 7644, section 4).

use serde_json::Value;
use serde_json::json;

use crate::scim::schema::ResourceSchema;
use crate::scim::schema::ResourceType;
use crate::scim::schema::Schema;
use crate::scim::schema::Schemas;

const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// What the server offers beyond the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Resources of one page, unless asked for more or less.
    pub page: usize,
    /// Resources of one page at most.
    pub max_results: usize,
    /// Seconds for which a cursor may be used.
    pub cursor_seconds: i64,
    /// Operations of one bulk request at most.
    pub bulk_operations: usize,
    /// Bytes of one bulk request at most.
    pub bulk_bytes: usize,
}

impl Schemas {
    /// The resources of `/Schemas`.
    pub fn schemas(&self) -> Vec<Value> {
        self.all().map(Schema::to_value).collect()
    }

    /// The resource of `/Schemas/{urn}`, in any casing.
    pub fn schema(&self, urn: &str) -> Option<Value> {
        self.all()
            .find(|schema| schema.urn.eq_ignore_ascii_case(urn))
            .map(Schema::to_value)
    }

    fn all(&self) -> impl Iterator<Item = &Schema> {
        [&self.user, &self.group]
            .into_iter()
            .flat_map(|schema| std::iter::once(&schema.core).chain(&schema.extensions))
    }

    /// The resources of `/ResourceTypes`; `base_url` is the SCIM base without a slash at its end.
    pub fn resource_types(&self, base_url: &str) -> Vec<Value> {
        [&self.user, &self.group]
            .map(|schema| schema.resource_type_value(base_url))
            .into()
    }

    /// The resource of `/ResourceTypes/{name}`.
    pub fn resource_type(&self, base_url: &str, name: &str) -> Option<Value> {
        [ResourceType::User, ResourceType::Group]
            .into_iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
            .map(|it| self.of(it).resource_type_value(base_url))
    }

    /// The resource of `/ServiceProviderConfig`.
    pub fn service_provider_config(&self, base_url: &str, limits: &Limits) -> Value {
        json!({
            "schemas": [CONFIG_URN],
            "patch": {"supported": true},
            "bulk": {
                "supported": true,
                "maxOperations": limits.bulk_operations,
                "maxPayloadSize": limits.bulk_bytes,
            },
            "filter": {"supported": true, "maxResults": limits.max_results},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": true},
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": limits.page,
                "maxPageSize": limits.max_results,
                "cursorTimeout": limits.cursor_seconds,
            },
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Bearer token",
                    "description": "The secret token of the connector in the Authorization header",
                    "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                    "primary": true,
                },
                {
                    "type": "httpbasic",
                    "name": "HTTP Basic",
                    "description": "User name and password of the connector",
                    "specUri": "https://www.rfc-editor.org/rfc/rfc7617",
                },
            ],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": format!("{base_url}/ServiceProviderConfig"),
            },
        })
    }
}

impl Schema {
    fn to_value(&self) -> Value {
        json!({
            "schemas": [SCHEMA_URN],
            "id": self.urn,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes,
            "meta": {"resourceType": "Schema", "location": format!("/Schemas/{}", self.urn)},
        })
    }
}

impl ResourceSchema {
    fn resource_type_value(&self, base_url: &str) -> Value {
        let name = self.resource_type.name();
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|schema| json!({"schema": schema.urn, "required": false}))
            .collect();
        json!({
            "schemas": [RESOURCE_TYPE_URN],
            "id": name,
            "name": name,
            "description": self.core.description,
            "endpoint": self.resource_type.endpoint(),
            "schema": self.core.urn,
            "schemaExtensions": extensions,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{base_url}/ResourceTypes/{name}"),
            },
        })
    }
}
