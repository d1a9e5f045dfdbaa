//! How many of several pods may be away at once when nodes are drained.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::scim_tenant::ScimTenantSpec;

use super::super::child::Owner;
use super::{Names, owned, selector};

/// One at a time; a single pod is never held, or its node could not be drained.
pub fn budget(owner: &Owner, spec: &ScimTenantSpec) -> Option<PodDisruptionBudget> {
    (spec.replicas > 1).then(|| PodDisruptionBudget {
        metadata: owned(owner, &Names::of(owner).workload),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(selector(owner)),
                ..LabelSelector::default()
            }),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}
