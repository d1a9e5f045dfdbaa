//! Break-glass accounts: declared by user name, and out of the reach of every client.

use std::collections::BTreeSet;

use super::DirectoryError;
use super::sign_in_name::sign_in_name;
use crate::scim::filter::Filter;
use crate::scim::fold_case;
use crate::scim::patch::MemberChange;
use crate::scim::resource::Resource;
use crate::scim::schema::{ResourceSchema, ResourceType};
use crate::store::{ListQuery, Related, ResourceId, Store, StoreError};

/// The break-glass accounts of a directory. No client changes them, so what was found once stays so.
#[derive(Clone, Debug, Default)]
pub(crate) struct BreakGlass {
    names: BTreeSet<String>,
    ids: BTreeSet<ResourceId>,
    /// Declared, and not there.
    missing: Vec<String>,
}

impl BreakGlass {
    /// Looks for the accounts that are declared.
    pub(crate) async fn find(
        declared: &[String],
        schema: &ResourceSchema,
        store: &dyn Store,
    ) -> Result<Self, StoreError> {
        let mut found = Self::default();
        for name in declared {
            found.names.insert(fold_case(name));
            let text = format!("userName eq {}", serde_json::Value::from(name.as_str()));
            let query = ListQuery {
                filter: Filter::parse(&text, schema).ok(),
                ..ListQuery::default()
            };
            let listed = match query.filter {
                Some(_) => store.list(ResourceType::User, &query).await?.resources,
                None => Vec::new(),
            };
            if listed.is_empty() {
                found.missing.push(name.clone());
            }
            found.ids.extend(listed.into_iter().map(|it| it.id));
        }
        Ok(found)
    }

    /// Those that are declared and not there.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, person: &ResourceId) -> bool {
        self.ids.contains(person)
    }

    /// Refuses what would change an account, or take its name.
    pub(super) fn guard(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        wanted: Option<&Resource>,
    ) -> Result<(), DirectoryError> {
        let takes_name = wanted.is_some_and(|it| self.is_named(it));
        if kind == ResourceType::User && (self.ids.contains(id) || takes_name) {
            return Err(DirectoryError::BreakGlass(kind));
        }
        Ok(())
    }

    /// Refuses a new person with the name of an account.
    pub(super) fn guard_new(
        &self,
        kind: ResourceType,
        wanted: &Resource,
    ) -> Result<(), DirectoryError> {
        if kind == ResourceType::User && self.is_named(wanted) {
            return Err(DirectoryError::BreakGlass(kind));
        }
        Ok(())
    }

    fn is_named(&self, resource: &Resource) -> bool {
        let name = resource.user_name().unwrap_or_default();
        let name = sign_in_name(name, resource.external_id());
        !self.names.is_empty() && self.names.contains(&fold_case(name))
    }

    /// Refuses a new group with one of the accounts.
    pub(super) fn guard_first(&self, members: &[String]) -> Result<(), DirectoryError> {
        refuse_if(self.is_among(members))
    }

    /// Refuses changes of members by which one of the accounts would come or go.
    pub(super) async fn guard_members(
        &self,
        store: &dyn Store,
        group: &ResourceId,
        changes: &[MemberChange],
    ) -> Result<(), DirectoryError> {
        for change in changes {
            let touched = match change {
                MemberChange::Add(ids) | MemberChange::Remove(ids) => self.is_among(ids),
                MemberChange::Replace(ids) => self.moves(store, group, ids).await?,
                MemberChange::Clear => self.moves(store, group, &[]).await?,
            };
            refuse_if(touched)?;
        }
        Ok(())
    }

    fn is_among(&self, ids: &[String]) -> bool {
        !self.ids.is_empty()
            && ids
                .iter()
                .any(|it| self.ids.iter().any(|id| id.as_str() == it))
    }

    /// Whether one of the accounts would come or go if the group had the members `wanted` and no others.
    async fn moves(
        &self,
        store: &dyn Store,
        group: &ResourceId,
        wanted: &[String],
    ) -> Result<bool, StoreError> {
        for id in &self.ids {
            let account = store.find(ResourceType::User, id, Related::Include).await?;
            let is_member = account.is_some_and(|it| it.related.iter().any(|it| it.id == *group));
            if is_member != wanted.iter().any(|it| it == id.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn refuse_if(touched: bool) -> Result<(), DirectoryError> {
    if touched {
        return Err(DirectoryError::BreakGlass(ResourceType::Group));
    }
    Ok(())
}
