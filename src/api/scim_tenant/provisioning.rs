//! What clients may do to accounts of a `ScimTenant` that are special: there before them, out of their reach, or nowhere.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a POST does to an account that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// It is refused with 409, and the account stays as it is.
    #[default]
    Never,
    /// It becomes an update of the account with the same `externalId`, if there is exactly one; the account keeps its id. Choose it when the mapping sends
    /// Entra's objectId as `externalId`.
    ByExternalId,
    /// It becomes an update of the account with the same e-mail address, if there is exactly one, it is active, and no other `externalId` says whose it is. The
    /// address is the primary one of the POST, else the first, and must be of a domain that `verifiedDomains` has for the client.
    ByVerifiedEmail,
}

/// Domains of which a SCIM client's word is taken that an e-mail address is the person's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDomains {
    /// Name of the AzureConnector, or of the client in `spec.clients`, behind which these addresses are assigned.
    #[schemars(length(min = 1, max = 63))]
    pub scim_client: String,
    /// The domains, such as `contoso.example`; those below one are not meant. Name a domain only if nobody behind this client can choose an address in it, as is
    /// so where the mapping sends `userPrincipalName`: Entra lets it end only with domains that the Entra tenant has proved to own.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$'))")
        .message("a verified domain must be a DNS name in lower case with at least one dot, such as contoso.example"))]
    pub domains: Vec<String>,
}

/// What becomes of member ids that nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownMembers {
    /// The whole request is refused with 400, and Entra tries it again.
    #[default]
    Refuse,
    /// They are left out, and Entra does not learn of it.
    Ignore,
}
