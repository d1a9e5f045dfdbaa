//! The plan of a `UserMapping`: everything to check, and which mapping is in force.

pub mod change;
pub mod in_force;

use std::sync::Arc;

use crate::api::conditions::Reason;
use crate::api::{AzureConnector, ScimTenant, UserMapping};

use super::claim;
use super::mapping::{self, Checked};
use super::status::UNREADABLE;
use super::verdict::{Rejection, Verdict};
use change::Decision;

/// What a mapping is checked against.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The connector that it refers to.
    pub connector: Option<Arc<AzureConnector>>,
    /// The `ScimTenant` of that connector.
    pub scim_tenant: Option<Arc<ScimTenant>>,
    /// Every mapping in the namespace.
    pub mappings: Vec<Arc<UserMapping>>,
}

/// Checks `mapping`; what it declares takes effect in the configuration of the `ScimTenant`.
pub fn user_mapping(mapping: &UserMapping, observed: &Observed) -> Result<Checked, Rejection> {
    claim::user_mapping(mapping, &observed.mappings)?;
    let connector = observed
        .connector
        .as_ref()
        .ok_or_else(|| Rejection::ReferenceNotFound {
            kind: "AzureConnector",
            name: mapping.spec.connector_ref.name.clone(),
            field: "spec.connectorRef",
        })?;
    let tenant = observed
        .scim_tenant
        .as_ref()
        .ok_or_else(|| Rejection::ReferenceNotFound {
            kind: "ScimTenant",
            name: connector.spec.scim_tenant_ref.name.clone(),
            field: "spec.scimTenantRef of the AzureConnector",
        })?;
    let mut checked = mapping::check(&mapping.spec, &tenant.spec);
    let warning = mapping::sign_in_warning(&mapping.spec, connector);
    checked.warnings.extend(warning);
    match checked.errors.as_slice() {
        [] => Ok(checked),
        [first, rest @ ..] => Err(Rejection::Invalid {
            field: first.field.clone(),
            problem: if rest.is_empty() {
                first.problem.clone()
            } else {
                format!("{}; and {} more", first.problem, rest.len())
            },
        }),
    }
}

/// What a checked mapping comes to, when its change was decided so.
pub fn progress(mapping: &UserMapping, checked: &Checked, decision: Option<&Decision>) -> Verdict {
    let connector = &mapping.spec.connector_ref.name;
    let fits = match decision {
        Some(Decision::Waiting) => {
            return Verdict::Waiting {
                reason: Reason::ReportUnavailable,
                message: UNREADABLE.to_owned(),
            };
        }
        Some(Decision::Held { .. }) => format!(
            "every line fits the ScimTenant of AzureConnector {connector}, and the mapping before this one is in force: see condition InForce"
        ),
        Some(Decision::InForce) | None => {
            format!("every line fits the ScimTenant of AzureConnector {connector}")
        }
    };
    Verdict::Done {
        message: match checked.warnings.as_slice() {
            [] => fits,
            [one] => format!("{fits}; likely a mistake: {one}"),
            [first, rest @ ..] => format!(
                "{fits}; likely a mistake: {first}; and {} more in status.warnings",
                rest.len()
            ),
        },
    }
}
