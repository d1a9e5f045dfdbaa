//! Who owns attributes of people.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Attributes of people that one SCIM client owns. What others write of them changes nothing, is no error, and is counted as the repair `NotOwned`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttributeOwner {
    /// Name of the AzureConnector, or of the client in `spec.clients`, that owns them.
    #[schemars(length(min = 1, max = 63))]
    pub scim_client: String,
    /// The attributes, each a whole one such as `title`, `phoneNumbers` or `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`. An attribute has
    /// one owner. Names, `externalId`, `active` and what is required have none: who creates a person has to say them.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^([a-zA-Z$][-a-zA-Z0-9_$]*|urn:[^ ]+:[a-zA-Z$][-a-zA-Z0-9_$]*)$'))")
        .message("an owned attribute must be a whole one such as title or urn:example:2.0:User:badge, without a dot or brackets"))]
    pub attributes: Vec<String>,
}
