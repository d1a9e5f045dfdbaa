//! `Report`: what a workload knows and the operator asks for: counts, Entra's cycles, errors, use of credentials.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CredentialId, ScimTenantName};

/// What one workload knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Digest of the configuration document that is in effect.
    pub config_digest: String,
    /// Why the newest configuration document was not taken up; the previous one goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_error: Option<String>,
    /// The directories.
    pub scim_tenants: Vec<ScimTenantReport>,
}

impl Report {
    /// What is known of one directory.
    pub fn scim_tenant(&self, name: &ScimTenantName) -> Option<&ScimTenantReport> {
        self.scim_tenants.iter().find(|it| it.name == *name)
    }
}

/// What is known of one directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantReport {
    /// Namespace and name of its `ScimTenant`.
    pub name: ScimTenantName,
    /// People, deactivated ones included.
    pub users: i64,
    /// People who are not deactivated.
    pub active_users: i64,
    /// Groups.
    pub groups: i64,
    /// Why nothing can be written; nothing when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_fault: Option<StoreFault>,
    /// What the brake holds; nothing when it holds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRemovals>,
    /// Break-glass accounts that are declared and do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_break_glass: Vec<String>,
    /// Why the last letter was not sent; gone once one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_trouble: Option<EmailTrouble>,
    /// How far what clients sent last was read again; nothing when nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayReport>,
    /// Why the store cannot be used at all, in words; then nothing is known of how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_unavailable: Option<String>,
    /// Who has provisioned.
    pub clients: Vec<ClientReport>,
}

/// Why a letter was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailTrouble {
    /// When it was tried last.
    pub time: Timestamp,
    /// The kind of letter, and why; no address.
    pub summary: String,
}

/// Why people and groups can be read and not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreFault {
    /// The volume has no room left.
    Full,
    /// A part of it is not what was written.
    Damaged,
    /// It cannot be written for another reason; the log of the workload has it.
    Failed,
}

/// What a brake holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldRemovals {
    /// Since when.
    pub since: Timestamp,
    /// People who would have been deactivated.
    pub deactivations: u64,
    /// People and groups that would have been deleted.
    pub deletions: u64,
    /// Memberships that would have been removed.
    pub membership_removals: u64,
    /// Ids of some of the people and groups.
    pub examples: Vec<String>,
}

/// How far what clients sent last was read again, since rules changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayReport {
    /// How often it is in effect now.
    pub replayed: i64,
    /// How often it is refused as before.
    pub refused: i64,
    /// Whether all was read.
    pub ended: bool,
}

impl ScimTenantReport {
    /// What is known of the client called `name`.
    pub fn client(&self, name: &str) -> Option<&ClientReport> {
        self.clients.iter().find(|it| it.name == name)
    }
}

/// What is known of one SCIM client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientReport {
    /// Name of the client.
    pub name: String,
    /// First time each thing was seen to work.
    pub evidence: Evidence,
    /// Use of each credential.
    pub credentials: Vec<CredentialUse>,
    /// The last cycle, or the one that is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_cycle: Option<Cycle>,
    /// The last request that was refused; gone once a later cycle had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<RefusedRequest>,
}

/// First time each thing was seen to work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// An authenticated request: Entra's Test Connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_request: Option<Timestamp>,
    /// A person created or changed: provisioning is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_user: Option<Timestamp>,
    /// A group created or changed: the mapping of groups is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_group: Option<Timestamp>,
    /// A person who signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sign_in: Option<Timestamp>,
}

/// Use of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialUse {
    /// Which one.
    pub id: CredentialId,
    /// When it was last presented.
    pub last_used_at: Timestamp,
    /// Address from which it was last presented.
    pub last_used_from: String,
    /// `User-Agent` with which it was last presented, cut at 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Requests of one client with less than five minutes between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cycle {
    /// Time of the first request.
    pub started_at: Timestamp,
    /// Time of the last request so far.
    pub last_request_at: Timestamp,
    /// Whether five quiet minutes have passed since.
    pub ended: bool,
    /// Requests.
    pub requests: i64,
    /// People and groups created.
    pub created: i64,
    /// People and groups changed.
    pub updated: i64,
    /// People deactivated.
    pub deactivated: i64,
    /// People and groups deleted.
    pub deleted: i64,
    /// Requests refused.
    pub failed: i64,
    /// How often requests deviated from the SCIM standard and were understood all the same, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repairs: BTreeMap<String, i64>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedRequest {
    /// When.
    pub time: Timestamp,
    /// Method, resource, status and the reason in words for an Entra administrator; no attribute values but those of enumerations.
    pub summary: String,
}

/// A page of the people of a directory, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeoplePage {
    /// Each as a SCIM user with what clients wrote of it.
    pub people: Vec<serde_json::Value>,
    /// What to ask for the next page by; nothing on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}
