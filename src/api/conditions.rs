//! Condition types, reasons, and how a finding becomes a condition (kstatus: Ready, Reconciling, Stalled).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The object serves as declared.
pub const READY: &str = "Ready";
/// Usher is still working on it; absent when it is not.
pub const RECONCILING: &str = "Reconciling";
/// Only an edit can help; absent when nothing is wrong with the declaration.
pub const STALLED: &str = "Stalled";
/// The pods of a `ScimTenant` run and have loaded its present configuration.
pub const SERVING: &str = "Serving";
/// People of a `ScimTenant` go as clients ask; the brake holds nothing.
pub const DEPROVISIONING: &str = "Deprovisioning";
/// The `ScimTenant` of a connector has the entitlement that connectors need.
pub const ENTITLED: &str = "Entitled";
/// The credential in the Secret of a connector is one that the workload accepts.
pub const CREDENTIALS_CURRENT: &str = "CredentialsCurrent";
/// Every line of a `UserMapping` fits the schema of the `ScimTenant`.
pub const MAPPINGS_VALID: &str = "MappingsValid";
/// The mapping that a `UserMapping` declares is the one in force.
pub const IN_FORCE: &str = "InForce";
/// The preview that a `UserMapping` asks for is there.
pub const PREVIEWED: &str = "Previewed";

/// Why a condition is as it is: stable words for scripts and alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// All is as declared.
    Reconciled,
    /// `spec.suspend` is true.
    Suspended,
    /// The object is being deleted.
    Deleting,
    /// The workload is starting or rolling.
    WorkloadStarting,
    /// The pods run and have not loaded the newest configuration yet.
    ConfigurationPending,
    /// The pods run and their report cannot be read.
    ReportUnavailable,
    /// People and groups can be read and not changed.
    StoreReadOnly,
    /// The brake holds deactivations, deletions or removals of members.
    RemovalsHeld,
    /// The brake holds a change of a mapping that would disable people or have them refused.
    MappingHeld,
    /// What a mapping would do is known.
    Previewed,
    /// The database of people and groups cannot be reached.
    StoreUnavailable,
    /// An object that this one refers to does not exist.
    ReferenceNotFound,
    /// An object that this one refers to is not ready.
    ReferenceNotReady,
    /// The `ScimTenant` lacks an entitlement.
    EntitlementMissing,
    /// Another object, older than this one, claims the same thing.
    Conflict,
    /// An object that Usher would have to write belongs to somebody else.
    NameTaken,
    /// A field holds something that cannot work.
    Invalid,
    /// It works, and is likely not what was meant.
    LikelyMistake,
    /// The credential was made and is accepted.
    CredentialAccepted,
    /// The credential was made and is not accepted by the workload yet.
    CredentialPending,
    /// The API server or the workload could not be asked, or refused.
    PlatformFailed,
    /// Reconciling this object panicked; others go on.
    Panicked,
}

impl Reason {
    /// The word in `reason`: CamelCase, never changed once released.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reconciled => "Reconciled",
            Self::Suspended => "Suspended",
            Self::Deleting => "Deleting",
            Self::WorkloadStarting => "WorkloadStarting",
            Self::ConfigurationPending => "ConfigurationPending",
            Self::ReportUnavailable => "ReportUnavailable",
            Self::StoreReadOnly => "StoreReadOnly",
            Self::RemovalsHeld => "RemovalsHeld",
            Self::MappingHeld => "MappingHeld",
            Self::Previewed => "Previewed",
            Self::StoreUnavailable => "StoreUnavailable",
            Self::ReferenceNotFound => "ReferenceNotFound",
            Self::ReferenceNotReady => "ReferenceNotReady",
            Self::EntitlementMissing => "EntitlementMissing",
            Self::Conflict => "Conflict",
            Self::NameTaken => "NameTaken",
            Self::Invalid => "Invalid",
            Self::LikelyMistake => "LikelyMistake",
            Self::CredentialAccepted => "CredentialAccepted",
            Self::CredentialPending => "CredentialPending",
            Self::PlatformFailed => "PlatformFailed",
            Self::Panicked => "Panicked",
        }
    }
}

/// Status of a condition; `Unknown` when it could not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be checked.
    Unknown,
}

impl Status {
    /// The word that Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a reconcile says about one condition type; the rest is bookkeeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of the condition types above.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: Status,
    /// The stable word.
    pub reason: Reason,
    /// A sentence that names the object and the next step; without times and counters, which would change at every run.
    pub message: String,
}

impl Finding {
    /// A finding from its four parts.
    pub fn new(
        type_: &'static str,
        status: Status,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            type_,
            status,
            reason,
            message: message.into(),
        }
    }
}

/// The conditions after `findings`: one each, in their order, everything else gone.
///
/// The transition time stays unless the status flipped, so unchanged findings give an unchanged list and nothing is written.
pub fn record(
    previous: &[Condition],
    findings: &[Finding],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    findings
        .iter()
        .map(|finding| {
            let status = finding.status.as_str();
            let since = previous
                .iter()
                .find(|it| it.type_ == finding.type_ && it.status == status)
                .map_or(Time(now), |it| it.last_transition_time.clone());
            Condition {
                type_: finding.type_.to_owned(),
                status: status.to_owned(),
                reason: finding.reason.as_str().to_owned(),
                message: finding.message.clone(),
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn ready(status: Status) -> Vec<Finding> {
        vec![Finding::new(READY, status, Reason::Reconciled, "serves")]
    }

    #[test]
    fn an_unchanged_finding_gives_an_unchanged_list() {
        let first = record(&[], &ready(Status::True), Some(1), at(10));

        let second = record(&first, &ready(Status::True), Some(1), at(20));

        assert_eq!(first, second);
    }

    #[test]
    fn a_flipped_status_moves_the_transition_time() {
        let first = record(&[], &ready(Status::True), Some(1), at(10));

        let second = record(&first, &ready(Status::False), Some(1), at(20));

        assert_eq!(second[0].last_transition_time, Time(at(20)));
    }

    #[test]
    fn a_condition_that_is_no_longer_found_goes() {
        let first = record(
            &[],
            &[Finding::new(STALLED, Status::True, Reason::Invalid, "host")],
            Some(1),
            at(10),
        );

        let second = record(&first, &ready(Status::True), Some(2), at(20));

        assert_eq!(second.len(), 1);
    }
}
