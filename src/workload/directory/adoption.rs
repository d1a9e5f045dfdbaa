//! Accounts that are there before a client creates them: refused, or taken over, as the `ScimTenant` declares.

use serde_json::Value;

use super::provisioner::{Provisioner, Target};
use super::{DirectoryError, Expected, Provisioned};
use crate::config::Adoption;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::ResourceId;

impl Provisioner<'_> {
    /// Makes the POST of `posted` an update of an account that is there already, where that is declared. The account keeps its id, and what the POST does
    /// not speak of.
    pub(super) async fn adopt(
        &self,
        kind: ResourceType,
        posted: &Resource,
    ) -> Result<Option<Provisioned>, DirectoryError> {
        if kind == ResourceType::Group || self.directory.policy.adoption == Adoption::Never {
            return Ok(None);
        }
        let Some(id) = self.same_external_id(posted).await? else {
            return Ok(None);
        };
        let target = Target {
            kind,
            id: &id,
            expected: &Expected::default(),
            adopts: true,
        };
        let schema = self.directory.schema(kind);
        let adopted = self.change(&target, &[], |current| {
            let mut attributes = current.attributes().clone();
            for (name, value) in posted.attributes() {
                match (attributes.get_mut(name), value) {
                    (Some(Value::Object(before)), Value::Object(after)) => {
                        before.extend(after.clone());
                    }
                    _ => drop(attributes.insert(name.clone(), value.clone())),
                }
            }
            Resource::checked(schema, Some(current), attributes)
        });
        adopted.await.map(Some)
    }

    /// The one person with the same `externalId`.
    async fn same_external_id(
        &self,
        posted: &Resource,
    ) -> Result<Option<ResourceId>, DirectoryError> {
        let Some(external_id) = posted.external_id() else {
            return Ok(None);
        };
        let found = self
            .directory
            .with_external_id(ResourceType::User, external_id);
        let mut found = found.await?;
        let first = found.pop().map(|it| it.id);
        Ok(first.filter(|_| found.is_empty()))
    }
}
