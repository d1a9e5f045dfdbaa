//! How many people and groups there are.

use std::ops::AddAssign;

use crate::scim::schema::ResourceType;

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users, deactivated ones included.
    pub users: i64,
    /// Users who are not deactivated.
    pub active_users: i64,
    /// Groups.
    pub groups: i64,
}

impl Counts {
    /// How many of one kind.
    pub(crate) fn of(self, kind: ResourceType) -> i64 {
        match kind {
            ResourceType::User => self.users,
            ResourceType::Group => self.groups,
        }
    }

    /// Counts one of a kind `by` times.
    pub(super) fn count(&mut self, kind: ResourceType, active: bool, by: i64) {
        match kind {
            ResourceType::User => {
                self.users += by;
                self.active_users += if active { by } else { 0 };
            }
            ResourceType::Group => self.groups += by,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.users += more.users;
        self.active_users += more.active_users;
        self.groups += more.groups;
    }
}
