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

    /// Ends one session of a person, as it was looked at, or all; says how many.
    pub(crate) async fn end_sessions(
        &self,
        person: &Stored,
        session: Option<SecretDigest>,
        requester: &Requester,
    ) -> Result<u64, DirectoryError> {
        let entry = self.credential_entry(&person.id, AuditEvent::SessionsEnded, requester);
        let (id, terms) = (person.id.clone(), (person.version, entry));
        let ended = self.store.end_sessions_of(id, session, terms);
        Ok(ended.await?)
    }

    /// Changes attributes of a person, as it was looked at, as a SCIM client would: by the same rules, in one transaction.
    async fn set(
        &self,
        person: &Stored,
        requester: &Requester,
        change: impl Fn(&mut Map<String, Value>) + Send + Sync,
    ) -> Result<Provisioned, DirectoryError> {
        let kind = ResourceType::User;
        let expected = Expected::version(Some(person.version));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::clock::{SystemClock, SystemRandom};
    use crate::config::SignInConfig;
    use crate::scim::schema::{Rules, Schemas};
    use crate::store::audit::AuditQuery;
    use crate::store::{Location, StoreError, open};
    use crate::workload::directory::Policy;
    use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
    use crate::workload::directory::sign_in_method::SignInMethod;

    async fn directory(folder: &TempDir) -> Directory {
        let location = Location::Sqlite(folder.path().join("people.db"));
        let rules = Rules {
            sign_in_method: true,
            ..Rules::default()
        };
        Directory::new(
            (Schemas::new(&rules).unwrap(), Policy::default()),
            open(&location).await.unwrap(),
            Arc::new(SystemClock),
            Arc::new(SystemRandom),
        )
    }

    /// What an administrator does counts for the person whose role was looked at, and not for who has another one meanwhile.
    #[tokio::test]
    async fn nothing_is_done_to_who_was_changed_since_an_administrator_looked() {
        let folder = TempDir::new().unwrap();
        let directory = directory(&folder).await;
        let requester = Requester::default();
        let sign_in = json!({"session": {"idleMinutes": 60, "absoluteMinutes": 720}, "builtIn": true, "providers": []});
        let sign_in: SignInConfig = serde_json::from_value(sign_in).unwrap();
        let provisioner = directory.provisioner(&requester);
        let body = json!({"userName": "bert@contoso.example"});
        let made = provisioner.create(ResourceType::User, &body).await;
        let seen = made.unwrap().stored;
        let role = (&[][..], Some("EnterpriseAdmin"));
        directory.set_role(&seen, role, &requester).await.unwrap();
        let link = || WantedLink {
            purpose: Purpose::Reset,
            digest: SecretDigest("digest".to_owned()),
            valid: jiff::SignedDuration::from_hours(1),
            asked: false,
            expected: Some(seen.version),
        };
        let all = AuditQuery {
            count: 100,
            ..AuditQuery::default()
        };
        let entries = async || directory.audit(&all).await.unwrap().len();
        let before = entries().await;

        let (id, version) = (seen.id.as_str(), Some(seen.version));
        let method = Some(SignInMethod::BuiltIn);
        let refused = [
            directory.set_active(&seen, false, &requester).await.err(),
            directory.set_role(&seen, role, &requester).await.err(),
            directory
                .set_sign_in_method((id, version), method, &requester)
                .await
                .err(),
            directory.end_sessions(&seen, None, &requester).await.err(),
            directory
                .reset_second_factor(id, version, &requester)
                .await
                .err(),
            match directory
                .make_password_link(id, link(), &sign_in, &requester)
                .await
            {
                Err(NoLink::Directory(error)) => Some(error),
                _ => None,
            },
        ];
        for (at, error) in refused.iter().enumerate() {
            let is_late = matches!(
                error,
                Some(
                    DirectoryError::Precondition
                        | DirectoryError::Store(StoreError::VersionConflict)
                )
            );
            assert!(is_late, "{at}: {error:?}");
        }
        assert_eq!(entries().await, before);
    }
}
