//! What administrators change of a person: whether it is active, its role, its sessions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::provisioner::Target;
use super::{Directory, DirectoryError, Expected, Provisioned};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEvent, Requester};
use crate::store::sessions::SecretDigest;
use crate::store::{ResourceId, Stored};

impl Directory {
    /// Whether a person is a break-glass account, which is out of reach.
    pub(crate) async fn is_break_glass(&self, person: &ResourceId) -> Result<bool, DirectoryError> {
        Ok(self.break_glass().await?.has(person))
    }

    /// Since when a write that was held holds those after it; nothing where no brake is declared, or it is open.
    pub(crate) fn holds_since(&self) -> Option<Timestamp> {
        let brake = self.policy.brake.filter(|it| !it.is_open(self.now()))?;
        Some(brake.holds_since())
    }

    /// Deactivates a person, which ends the sessions, or lets the person in again.
    pub(crate) async fn set_active(
        &self,
        person: &Stored,
        active: bool,
        requester: &Requester,
    ) -> Result<Provisioned, DirectoryError> {
        let wanted = |attributes: &mut Map<String, Value>| {
            attributes.insert("active".to_owned(), active.into());
        };
        self.set(person, requester, wanted).await
    }

    /// Puts a role into the place of those that are `replaced`, or none; other values of `roles` stay.
    pub(crate) async fn set_role(
        &self,
        person: &Stored,
        (replaced, role): (&[&str], Option<&str>),
        requester: &Requester,
    ) -> Result<Provisioned, DirectoryError> {
        let is_replaced = |it: &Value| {
            let value = it.get("value").and_then(Value::as_str);
            value.is_some_and(|it| replaced.contains(&it) && Some(it) != role)
        };
        let wanted = |attributes: &mut Map<String, Value>| {
            let roles = attributes.remove("roles");
            let roles = roles.as_ref().and_then(Value::as_array);
            let mut roles: Vec<Value> = roles.into_iter().flatten().cloned().collect();
            roles.retain(|it| !is_replaced(it));
            let has = |name: &str| roles.iter().any(|it| it.get("value") == Some(&name.into()));
            if let Some(role) = role.filter(|it| !has(it)) {
                roles.push(json!({"value": role}));
            }
            if !roles.is_empty() {
                attributes.insert("roles".to_owned(), roles.into());
            }
        };
        self.set(person, requester, wanted).await
    }

    /// Ends some sessions of a person. That it was done is remembered first, so that none ends unknown.
    pub(crate) async fn end_sessions(
        &self,
        person: &ResourceId,
        sessions: Vec<SecretDigest>,
        requester: &Requester,
    ) -> Result<(), DirectoryError> {
        let entry = self.credential_entry(person, AuditEvent::SessionsEnded, requester);
        self.store.record(entry).await?;
        for session in sessions {
            self.store.end_session(session).await?;
        }
        Ok(())
    }

    /// Changes attributes of a person, as it was looked at, as a SCIM client would: by the same rules, in one transaction.
    async fn set(
        &self,
        person: &Stored,
        requester: &Requester,
        change: impl Fn(&mut Map<String, Value>) + Send + Sync,
    ) -> Result<Provisioned, DirectoryError> {
        let kind = ResourceType::User;
        let expected = Expected {
            one_of: Some(vec![person.version]),
            none_of: Vec::new(),
        };
        let target = Target {
            kind,
            id: &person.id,
            expected: &expected,
            adopts: false,
        };
        let compute = |current: &Resource| {
            let mut attributes = current.attributes().clone();
            change(&mut attributes);
            Resource::checked(self.schema(kind), Some(current), attributes)
        };
        let provisioner = self.provisioner(requester);
        provisioner.change(&target, &[], compute).await
    }
}
