//! The provisioning log, in the shape of Graph's `provisioningObjectSummary`.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::Failure;
use super::mapped::Change;
use super::run::Named;

/// Takes entries of the log.
pub trait ProvisioningLog: Send + Sync {
    /// Takes one entry.
    fn record(&self, entry: Value);
}

/// What was done, or was to be done, to a resource; words of `provisioningAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Disable,
    Delete,
    StagedDelete,
    Other,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::StagedDelete => "stagedDelete",
            Self::Other => "other",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    Success,
    /// The error code and the reason.
    Skipped(&'static str, &'a str),
    Failure(&'a Failure),
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) action: Action,
    pub(super) of: Named<'a>,
    pub(super) target: Option<&'a str>,
    pub(super) changes: &'a [Change<'a>],
    pub(super) outcome: Outcome<'a>,
}

/// Whose log it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) tenant: Uuid,
    pub(super) cycle: Uuid,
    pub(super) now: Timestamp,
    /// Number of the entry in its cycle, from which its id is made.
    pub(super) number: u64,
}

impl Entry<'_> {
    pub(super) fn to_json(&self, context: Context) -> Value {
        let Context {
            tenant,
            cycle,
            now,
            number,
        } = context;
        let id = Uuid::from_u128(cycle.as_u128() ^ u128::from(number));
        let (status, error) = match self.outcome {
            Outcome::Success => ("success", Value::Null),
            Outcome::Skipped(code, reason) => (
                "skipped",
                json!({"errorCode": code, "reason": reason, "errorCategory": "nonServiceFailure"}),
            ),
            Outcome::Failure(failure) => (
                "failure",
                json!({
                    "errorCode": failure.code,
                    "reason": failure.detail,
                    "additionalDetails": failure.to_string(),
                    "errorCategory": "failure",
                }),
            ),
        };
        let modified = self.changes.iter().map(|it| {
            json!({
                "displayName": it.target.path(),
                "oldValue": text(&it.before),
                "newValue": text(&it.value),
            })
        });
        json!({
            "id": id,
            "activityDateTime": now,
            "tenantId": tenant,
            "jobId": format!("scim.{}", tenant.simple()),
            "cycleId": cycle,
            "changeId": id,
            "provisioningAction": self.action.as_str(),
            "provisioningStatusInfo": {"status": status, "errorInformation": error},
            "provisioningSteps": [self.step(status)],
            "modifiedProperties": modified.collect::<Vec<_>>(),
            "servicePrincipal": {"id": tenant, "displayName": "usher emulator"},
            "sourceSystem": {"id": tenant, "displayName": "Azure Active Directory", "details": {}},
            "targetSystem": {"id": tenant, "displayName": "customappsso", "details": {}},
            "sourceIdentity": {"id": self.of.id, "displayName": self.of.name, "identityType": self.of.kind, "details": {}},
            "targetIdentity": {"id": self.target.unwrap_or_default(), "displayName": "", "identityType": self.of.kind, "details": {}},
            "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        })
    }

    /// The step that was decisive.
    fn step(&self, status: &str) -> Value {
        let type_ = match self.outcome {
            Outcome::Skipped(..) => "scoping",
            Outcome::Failure(failure) if failure.request.starts_with("GET") => "matching",
            Outcome::Failure(failure) if failure.status.is_none() => "processing",
            Outcome::Success | Outcome::Failure(_) => "export",
        };
        let description = match self.outcome {
            Outcome::Success => String::new(),
            Outcome::Skipped(_, reason) => reason.to_owned(),
            Outcome::Failure(failure) => failure.to_string(),
        };
        json!({
            "name": format!("Entry{}{}", type_[..1].to_uppercase(), &type_[1..]),
            "provisioningStepType": type_,
            "status": status,
            "description": description,
            "details": {},
        })
    }
}

fn text(value: &Value) -> Value {
    match value {
        Value::Null | Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}
