//! The custom resources of group `usher.dev`, version `v1alpha1`: plain data with the rules that the API server checks.

#![expect(
    unreachable_pub,
    clippy::duplicated_attributes,
    reason = "KubeSchema repeats each type and its attributes inside a function of its own"
)]

pub mod azure_connector;
pub mod conditions;
pub mod kind;
pub mod object;
pub mod scim_tenant;
pub mod user_mapping;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;

pub use azure_connector::AzureConnector;
pub use kind::Kind;
pub use object::ObjectKey;
pub use scim_tenant::ScimTenant;
pub use user_mapping::UserMapping;

/// API group of every kind.
pub const GROUP: &str = "usher.dev";

/// The only served and stored version.
pub const VERSION: &str = "v1alpha1";

/// The definitions to install, in the order in which their objects refer to each other.
pub fn custom_resource_definitions() -> Vec<CustomResourceDefinition> {
    vec![ScimTenant::crd(), AzureConnector::crd(), UserMapping::crd()]
}
