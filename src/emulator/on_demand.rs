//! What an administrator starts by hand: provisioning on demand, and account discovery.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::clock::SystemRandom;
use crate::expression::Environment;

use super::cycle::{CycleKind, Provisioner, Summary};
use super::dialect::Dialect;
use super::failure::Failure;
use super::job::Job;
use super::mapped::mapped;
use super::run::Run;
use super::tenant::{EntraTenant, ObjectId};

/// How many members of a group may be chosen.
const MOST_MEMBERS: usize = 5;

/// Why somebody cannot be provisioned on demand.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnDemandError {
    /// There is no such object.
    #[error("there is no user and no group with the objectId {0}")]
    Unknown(ObjectId),
    /// The user was deleted.
    #[error("a deleted user cannot be restored on demand; wait for the next cycle")]
    SoftDeleted,
    /// Too many members.
    #[error("a group is provisioned with at most {MOST_MEMBERS} chosen members, got {0}")]
    Members(usize),
}

/// What account discovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// Accounts at the target.
    pub accounts: usize,
    /// Those that a user of the tenant has.
    pub matched: usize,
    /// Names of those that nobody has.
    pub unmatched: Vec<String>,
}

impl Provisioner {
    /// Provisions one user, or one group with `members`. The flag of the Tenant URL is not honoured, and roles are not sent.
    pub async fn on_demand(
        &self,
        tenant: &EntraTenant,
        job: &mut Job,
        (id, members): (ObjectId, &[ObjectId]),
        now: Timestamp,
    ) -> Result<Summary, OnDemandError> {
        let user = tenant.users().get(&id);
        if user.is_none() && !tenant.groups().contains_key(&id) {
            return Err(OnDemandError::Unknown(id));
        }
        if user.is_some_and(|it| it.soft_deleted.is_some()) {
            return Err(OnDemandError::SoftDeleted);
        }
        if members.len() > MOST_MEMBERS {
            return Err(OnDemandError::Members(members.len()));
        }
        let before = self.connection.requests();
        let seen = (tenant, tenant.version());
        let mut run = Run::new(self, seen, job, now, Dialect::Default);
        run.on_demand = true;
        if user.is_some() {
            run.user(id).await;
            run.references().await;
        } else {
            run.group(id).await;
            run.memberships(id, Some(members)).await;
        }
        let (mut summary, _) = run.end(job);
        summary.kind = CycleKind::OnDemand;
        summary.requests = self.connection.requests() - before;
        Ok(summary)
    }

    /// Reads every account at the target, and matches it by the first matching attribute.
    pub async fn discover(
        &self,
        tenant: &EntraTenant,
        now: Timestamp,
    ) -> Result<Discovery, Failure> {
        let accounts = self.connection.discover_users().await?;
        let mapping = &self.schema.users;
        let Some(place) = mapping.matching.first() else {
            return Ok(Discovery::default());
        };
        let target = &mapping.lines[*place].target;
        let environment = Environment::at(now, &SystemRandom);
        let mut names: BTreeMap<String, ObjectId> = BTreeMap::new();
        for (id, user) in tenant.users() {
            let object = user.source(*id, false);
            let assigned = mapped(mapping, &object, &environment).unwrap_or_default();
            let value = assigned.iter().find(|it| it.target == target);
            if let Some(value) = value.and_then(|it| it.value.as_str()) {
                names.insert(value.to_lowercase(), *id);
            }
        }
        let name = |it: &Value| target.read(it).as_str().unwrap_or_default().to_owned();
        let unmatched: Vec<String> = accounts
            .iter()
            .map(name)
            .filter(|it| !names.contains_key(&it.to_lowercase()))
            .collect();
        Ok(Discovery {
            accounts: accounts.len(),
            matched: accounts.len() - unmatched.len(),
            unmatched,
        })
    }
}
