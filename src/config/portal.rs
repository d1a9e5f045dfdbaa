//! What a directory has for its administrators.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where administrators look and act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortalConfig {
    /// What the directory is called there.
    pub display_name: String,
}

/// By what a SCIM client is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredClient {
    /// The kind of the object: `AzureConnector`, or `ScimTenant` for one of its clients.
    pub kind: String,
    /// The Secret with its password, in the same namespace.
    pub secret_name: String,
    /// The Entra tenant of a connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entra_tenant_id: Option<String>,
}
