//! All that is kept of one person, for the person to have; and what is remembered of changes, for who looks after the directory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::audit::Entry;
use super::sign_in_name::sign_in_name;
use super::{Directory, DirectoryError};
use crate::config::report::PeoplePage;
use crate::scim::schema::ResourceType;
use crate::scim::sort::SortValue;
use crate::store::audit::{AuditQuery, Audited, Requester};
use crate::store::photos::Photo;
use crate::store::second_factors::SecondFactor;
use crate::store::{ListQuery, Position, Related, ResourceId, Stored, Window};

/// Entries that are read at a time.
const PAGE: usize = 1000;

impl Directory {
    /// What is remembered of changes, the newest first.
    pub(crate) async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audited>, DirectoryError> {
        Ok(self.store.audit(query).await?)
    }

    /// Attributes, groups and audit of the person with this id or user name. That it was handed out is remembered.
    pub(crate) async fn export(
        &self,
        person: &str,
        requester: &Requester,
    ) -> Result<Value, DirectoryError> {
        let found = self.person(person).await?;
        let kind = ResourceType::User;
        let entry = Entry::new(requester, kind, &found.id, self.now()).export();
        self.store.record(entry).await?;
        let groups = found
            .related
            .iter()
            .map(|group| json!({"id": group.id.as_str(), "displayName": group.display}));
        let passkeys = self
            .store
            .passkeys_of(&found.id)
            .await?
            .into_iter()
            .map(|it| {
                json!({
                    "name": it.name,
                    "added": it.added.to_string(),
                    "lastUsed": it.used.map(|it| it.to_string()),
                })
            });
        let user_name = found.resource.user_name().unwrap_or_default();
        Ok(json!({
            "id": found.id.as_str(),
            "created": found.created.to_string(),
            "lastModified": found.last_modified.to_string(),
            "signInName": sign_in_name(user_name, found.resource.external_id()),
            "attributes": found.resource.attributes(),
            "groups": groups.collect::<Vec<_>>(),
            "secondFactor": second_factor(&self.store.second_factor(&found.id).await?),
            "passkeys": passkeys.collect::<Vec<_>>(),
            "photo": self.store.photo(&found.id).await?.as_ref().map(photo),
            "audit": self.history(&found.id).await?,
        }))
    }

    /// At most `count` people behind the place `after`, in the order in which they came: what clients wrote of each.
    pub(crate) async fn people(
        &self,
        after: Option<i64>,
        count: usize,
    ) -> Result<PeoplePage, DirectoryError> {
        let position = Position {
            key: SortValue::Absent,
            sequence: after.unwrap_or_default(),
        };
        let query = ListQuery {
            window: Window::Behind { position, count },
            ..ListQuery::default()
        };
        let listed = self.list(ResourceType::User, &query).await?;
        let is_last = listed.resources.len() >= listed.total;
        let people = listed.resources.into_iter();
        Ok(PeoplePage {
            people: people.map(|it| json!(it.resource.attributes())).collect(),
            next: listed.end.filter(|_| !is_last).map(|it| it.sequence),
        })
    }

    /// The person with this id or user name, with groups.
    pub(crate) async fn person(&self, person: &str) -> Result<Stored, DirectoryError> {
        let kind = ResourceType::User;
        let id = ResourceId::new(person);
        if let Some(found) = self.store.find(kind, &id, Related::Include).await? {
            return Ok(found);
        }
        let named = self.with_user_name(person).await?;
        let named = named.ok_or(DirectoryError::NotFound(kind))?;
        self.find(kind, &named.id, Related::Include).await
    }

    /// All entries of one person, the newest first.
    async fn history(&self, id: &ResourceId) -> Result<Vec<Value>, DirectoryError> {
        let mut query = AuditQuery {
            id: Some(id.clone()),
            count: PAGE,
            ..AuditQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.store.audit(&query).await?;
            query.before = page.last().map(|it| it.position);
            let is_last = page.len() < PAGE;
            all.extend(page.into_iter().map(|it| json!(it.entry)));
            if is_last {
                return Ok(all);
            }
        }
    }
}

/// A profile photo, its bytes in Base64.
fn photo(kept: &Photo) -> Value {
    json!({
        "read": kept.at.to_string(),
        "contentType": kept.content_type(),
        "base64": STANDARD.encode(kept.bytes()),
    })
}

/// What is told of a second factor; what it is made of is nobody's to know.
fn second_factor(kept: &SecondFactor) -> Value {
    match &kept.totp {
        Some(totp) => json!({
            "authenticatorAppSince": totp.added.to_string(),
            "recoveryCodes": kept.recovery_codes,
        }),
        None => Value::Null,
    }
}
