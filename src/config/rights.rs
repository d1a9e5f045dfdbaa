//! What a SCIM client may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scim::error::ScimError;
use crate::scim::schema::ResourceType;

/// What a SCIM client may do with which resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rights {
    /// Whether it may write.
    #[serde(default)]
    pub access: Access,
    /// Which resources it may reach.
    #[serde(default)]
    pub resources: Resources,
}

/// Whether a client may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Access {
    /// It may read only.
    ReadOnly,
    /// It may read and write.
    #[default]
    ReadWrite,
}

/// Which resources a client may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Resources {
    /// People and groups.
    #[default]
    All,
    /// People.
    Users,
    /// Groups.
    Groups,
}

impl Rights {
    /// Refuses what the client may not do: to write, or to reach resources of type `kind`. Discovery, which has no type, is for everybody.
    ///
    /// # Errors
    /// 403 with the right that is missing.
    pub fn check(&self, kind: Option<ResourceType>, writes: bool) -> Result<(), ScimError> {
        let only = match (self.resources, kind) {
            (Resources::Users, Some(ResourceType::Group)) => Some("Users"),
            (Resources::Groups, Some(ResourceType::User)) => Some("Groups"),
            (Resources::All | Resources::Users | Resources::Groups, _) => None,
        };
        if let Some(only) = only {
            return Err(ScimError::forbidden(format!(
                "This client may reach {only} only; the rights of a client are declared in spec.clients of the ScimTenant."
            )));
        }
        if writes && self.access == Access::ReadOnly {
            return Err(ScimError::forbidden(
                "This client may read and not change anything; the rights of a client are declared in spec.clients of the ScimTenant.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rights: &Rights, kind: Option<ResourceType>, writes: bool, allowed: bool) {
        assert_eq!(
            rights.check(kind, writes).is_ok(),
            allowed,
            "{rights:?} {kind:?} {writes}"
        );
    }

    #[test]
    fn a_client_does_what_it_may() {
        let (user, group) = (Some(ResourceType::User), Some(ResourceType::Group));
        let all = Rights::default();
        let reader = Rights {
            access: Access::ReadOnly,
            resources: Resources::All,
        };
        let people = Rights {
            access: Access::ReadWrite,
            resources: Resources::Users,
        };
        let groups = Rights {
            access: Access::ReadOnly,
            resources: Resources::Groups,
        };

        check(&all, user, true, true);
        check(&all, group, true, true);
        check(&reader, user, false, true);
        check(&reader, user, true, false);
        check(&reader, None, false, true);
        check(&people, user, true, true);
        check(&people, group, false, false);
        check(&people, None, false, true);
        check(&groups, group, false, true);
        check(&groups, group, true, false);
        check(&groups, user, false, false);
    }
}
