//! `ScimTenant`: a directory of people and groups with its SCIM endpoint, and the pods that serve it.

mod access_rule;
mod applications;
mod clients;
mod deprovisioning;
mod email;
mod exposure;
mod owner;
mod pods;
mod portal;
mod provisioning;
mod replay;
mod schema;
mod sign_in;
mod store;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access_rule::AccessRule;
pub use applications::{Application, Claim, GrantType, SigningAlgorithm, SigningKeyRotation};
pub use clients::{
    ClientAccess, ClientDialect, ClientOAuth, ClientResources, ClientRights, ScimClient,
    ScimClientStatus,
};
pub use deprovisioning::{Brake, Deprovisioning, HeldRemovals};
pub use email::{Email, EmailCredential, EmailSecretReference, EmailTls};
pub use exposure::{Exposure, GatewayExposure, IngressExposure, ParentReference, Tls};
pub use owner::AttributeOwner;
pub use pods::PodTemplate;
pub use portal::Portal;
pub use provisioning::{Adoption, UnknownMembers, VerifiedDomains};
pub use replay::{Replay, ReplayStatus};
pub use schema::{DirectorySchema, ExtensionAttribute, ExtensionAttributeType, SchemaExtension};
pub use sign_in::{BuiltInSignIn, ForwardAuth, SecondFactor, SignIn, SignInSession, UnknownPeople};
pub use store::{PostgresStore, SecretKeyReference, SqliteStore, Store};

/// What is wished of one directory.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "usher.dev",
    version = "v1alpha1",
    kind = "ScimTenant",
    namespaced,
    status = "ScimTenantStatus",
    derive = "PartialEq",
    shortname = "sct",
    category = "connectors",
    doc = "A directory of people and groups with its SCIM 2.0 endpoint, and the pods that serve it.",
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name must have at most 40 characters: names of Services and Secrets are made from it"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must begin with a letter and hold only a-z, 0-9 and '-': a Service is named after it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the directory serves as declared."),
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host", description = "Public name."),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users", description = "People in the directory."),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.activeUsers",
        description = "People who are not deactivated."),
    printcolumn(name = "Groups", type_ = "integer", json_path = ".status.groups", description = "Groups in the directory."),
    printcolumn(name = "Reason", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is or is not ready."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since creation.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.replicas) || self.replicas <= 1 || has(self.store.postgres)")
        .message("replicas must be 1 with store.sqlite, which has one pod at a time; several need store.postgres"),
    validation = Rule::new("!has(self.deletionPolicy) || self.deletionPolicy != 'Delete' || !has(self.store.postgres)")
        .message("deletionPolicy must be Retain with store.postgres: Usher drops nothing in your database"),
    validation = Rule::new("(has(self.adoption) && self.adoption == 'ByVerifiedEmail') == (has(self.verifiedDomains) && size(self.verifiedDomains) > 0)")
        .message("adoption ByVerifiedEmail and verifiedDomains need each other: say whose word is taken for which addresses, or remove both"),
    validation = Rule::new("!has(self.signIn) || !has(self.signIn.forwardAuth) || self.host == self.signIn.forwardAuth.cookieDomain || self.host.endsWith('.' + self.signIn.forwardAuth.cookieDomain)")
        .message("signIn.forwardAuth.cookieDomain must be host or what it ends with, such as example.com for contoso.id.example.com"),
    validation = Rule::new("!has(self.portal) || !has(self.schema) || !has(self.schema.roles) || size(self.schema.roles) == 0 || self.schema.roles.exists(it, it in ['ReadOnly', 'User', 'Admin', 'EnterpriseAdmin'])")
        .message("schema.roles must have ReadOnly, User, Admin or EnterpriseAdmin where portal is declared, or nobody gets in"),
    validation = Rule::new("!has(self.portal) || !has(self.signIn) || !has(self.signIn.applications) || !self.signIn.applications.exists(it, it.name == 'usher-cli')")
        .message("no application can be called usher-cli where portal is declared: the commands of Usher are")
)]
pub struct ScimTenantSpec {
    /// Public DNS name, without scheme or port, under which Entra reaches the directory. Every URL in status is derived from it. It cannot be changed:
    /// Entra and people hold URLs with it.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("host cannot be changed; make a new ScimTenant for another name"),
        validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
            .message("host must be a DNS name in lower case such as contoso.id.example.com, without scheme, port or path")
    )]
    pub host: String,

    /// How the host is led to the pods. Leave it out when something else (a mesh, a load balancer) does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,

    /// TLS in the pods themselves, from a certificate in a Secret. Leave it out when the Ingress, Gateway or mesh ends TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Options of the account. Connectors to Entra need `EnterpriseToolkit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub entitlements: Vec<Entitlement>,

    /// Where people and groups are kept.
    pub store: Store,

    /// How many pods serve the directory; more than one need a PostgreSQL store.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub replicas: i32,

    /// What a person may and must have.
    #[serde(default)]
    pub schema: DirectorySchema,

    /// How people sign in and stay signed in.
    #[serde(default)]
    pub sign_in: SignIn,

    /// Pages and an API for administrators, and the commands of `usher`; there are none when left out. They need people who sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<Portal>,

    /// How people go: how many at once, and when for good.
    #[serde(default)]
    pub deprovisioning: Deprovisioning,

    /// What a POST does to an account that is there already.
    #[serde(default)]
    pub adoption: Adoption,

    /// Whose word is taken that an e-mail address is the person's own, for `adoption: ByVerifiedEmail`. SCIM itself does not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(one, self.exists_one(other, other.scimClient == one.scimClient))")
        .message("two entries of verifiedDomains cannot have the same scimClient; put its domains into one"))]
    pub verified_domains: Vec<VerifiedDomains>,

    /// User names of break-glass accounts: no client may change, deactivate, delete or regroup them. Let them be provisioned first, then name them here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub break_glass: Vec<String>,

    /// Who owns attributes of people; what nobody owns every client may write. A client that is named here and does not exist keeps its attributes as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(one, self.exists_one(other, other.scimClient == one.scimClient))")
        .message("two entries of attributeOwners cannot have the same scimClient; put its attributes into one"))]
    pub attribute_owners: Vec<AttributeOwner>,

    /// What becomes of ids of members of a group that nobody has.
    #[serde(default)]
    pub unknown_members: UnknownMembers,

    /// What clients sent last of people, read once more when a rule is corrected.
    #[serde(default)]
    pub replay: Replay,

    /// SCIM clients that are no AzureConnector, such as Okta or a script; each has a Secret of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(validation = Rule::new("self.all(one, !has(one.secretName) || self.exists_one(other, has(other.secretName) && other.secretName == one.secretName))")
        .message("two clients cannot have the same secretName; give each its own, or leave it out"))]
    pub clients: Vec<ScimClient>,

    /// Addresses of the proxies in front of the pods, such as the pods of an Ingress controller, as networks like `10.42.0.0/16`. Only what these say of where a
    /// request comes from (`X-Forwarded-For`) is believed; without them a request comes from whoever opened its connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 49)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^([0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}|[0-9a-fA-F:.]+/[0-9]{1,3})$'))")
        .message("a network of trustedProxies must be an address and a length such as 10.42.0.0/16 or fd00:10::/64"))]
    pub trusted_proxies: Vec<String>,

    /// Settings of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,

    /// While true, Usher neither changes nor heals what belongs to this object; what runs keeps running.
    #[serde(default)]
    pub suspend: bool,

    /// What becomes of the people when this object is deleted. With `Retain` a new ScimTenant of the same name finds them again.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl ScimTenantSpec {
    /// Whether the pods keep something under the sealing key.
    pub fn seals(&self) -> bool {
        self.sign_in.built_in.seals() || self.replay.enabled
    }
}

fn one() -> i32 {
    1
}

/// An option of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Entitlement {
    /// Connectors to external directories.
    EnterpriseToolkit,
}
/// What becomes of data when its object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The data stays, and an object of the same name finds it again.
    #[default]
    Retain,
    /// The data goes with the object.
    Delete,
}

/// Why a letter was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailError {
    /// When it was tried last.
    pub time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time,
    /// The kind of letter, and why; no address.
    pub summary: String,
}

/// What is known of one directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready; Reconciling and Stalled when they apply; Serving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Base URL of SCIM: what Entra calls the Tenant URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim_url: Option<String>,
    /// People in the directory, deactivated ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// People who are not deactivated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_users: Option<i64>,
    /// Groups in the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<i64>,
    /// What the brake holds; nothing when it holds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRemovals>,
    /// How far what clients sent last was read again, with `spec.replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayStatus>,
    /// Break-glass accounts that are declared and do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_break_glass: Vec<String>,
    /// Why the last letter was not sent by the mail server of `spec.signIn.email`; gone once one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_error: Option<EmailError>,
    /// The SCIM clients that `spec.clients` declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub clients: Vec<ScimClientStatus>,
}
