//! The list of people: found by the beginning of a user name, a display name or an e-mail address, a page at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Administration, Administrator, Capability, NotDone, PAGE, Role, called, place};
use crate::scim::fold_case;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::browsing::{PeoplePlace, PeopleQuery};
use crate::store::{Related, ResourceId, Stored};
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::directory::sign_in_name::sign_in_name;

/// Characters of a search at most.
const LONGEST_SEARCH: usize = 256;

/// Groups that are counted of a person in the list.
const COUNTED: i64 = 100;

/// Which people are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeopleWanted {
    /// What the user name, the display name or an e-mail address begins with, in any casing; everybody when empty.
    pub(crate) search: String,
    /// How they sign in.
    pub(crate) method: Option<SignInMethod>,
    /// Whether they are active.
    pub(crate) state: Option<PersonState>,
    /// Their `userType`.
    pub(crate) user_type: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum PersonState {
    /// The person may.
    Active,
    /// A client or an administrator deactivated the person.
    Inactive,
}

impl PersonState {
    pub(super) fn of(person: &Resource) -> Self {
        if person.is_active() {
            Self::Active
        } else {
            Self::Inactive
        }
    }
}

/// A page of people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Persons {
    /// Those of the page; fewer than fit where many had to be looked at.
    pub(crate) people: Vec<ListedPerson>,
    /// The values that `userType` may have, to choose from; empty where any may be.
    pub(crate) user_types: Vec<String>,
    /// How many people there are, deactivated ones included, whatever was asked for.
    pub(crate) all_people: i64,
    /// How many of them are not deactivated.
    pub(crate) active_people: i64,
    /// Where the next page begins; nothing when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A person in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedPerson {
    /// The person.
    #[serde(flatten)]
    pub(crate) row: PersonRow,
    /// How many groups the person is in.
    pub(crate) groups: GroupCount,
}

/// How many groups a person is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupCount {
    /// So many.
    pub(crate) count: i64,
    /// Or more: it was not counted further.
    pub(crate) or_more: bool,
}

/// A person among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersonRow {
    /// The identifier in the directory.
    pub(crate) id: String,
    /// The display name, else the user name.
    pub(crate) name: String,
    /// The name by which the person signs in.
    pub(crate) user_name: String,
    /// The primary e-mail address, else the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// The highest role; nothing for who has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    /// How the person signs in.
    pub(crate) sign_in_method: SignInMethod,
    /// Whether the person may.
    pub(crate) state: PersonState,
    /// What kind of person it is, where a client says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_type: Option<String>,
    /// When the person was last changed.
    pub(crate) last_modified: Timestamp,
}

impl Administration<'_> {
    /// A page of people, in the order of what they were found by.
    pub(crate) async fn people(
        &self,
        who: &Administrator,
        wanted: &PeopleWanted,
    ) -> Result<Persons, NotDone> {
        who.must(Capability::SeePeople)?;
        let search = wanted.search.trim();
        if search.chars().count() > LONGEST_SEARCH {
            return Err(NotDone::Invalid {
                field: "search",
                got: search.chars().take(40).collect(),
                wanted: format!("write at most {LONGEST_SEARCH} characters"),
            });
        }
        let counts = self.store().counts().await?;
        let persons = Persons {
            user_types: self.scim_tenant.config.schema.user_types.clone(),
            all_people: counts.users,
            active_people: counts.active_users,
            ..Persons::default()
        };
        let built_in = match self.only_method() {
            Some(only) if wanted.method.is_some_and(|it| it != only) => {
                return Ok(persons);
            }
            Some(_) => None,
            None => wanted.method.map(|it| it == SignInMethod::BuiltIn),
        };
        let query = PeopleQuery {
            prefix: fold_case(search),
            active: wanted.state.map(|it| it == PersonState::Active),
            built_in,
            user_type: wanted.user_type.clone(),
            behind: place::decode::<PeoplePlace>(wanted.cursor.as_deref())?,
            count: PAGE,
        };
        let page = self.store().people(&query).await?;
        Ok(Persons {
            people: self.listed(&page.people, wanted).await?,
            next_cursor: page.next.as_ref().and_then(place::encode),
            ..persons
        })
    }

    /// People with how many groups each is in.
    async fn listed(
        &self,
        people: &[Stored],
        wanted: &PeopleWanted,
    ) -> Result<Vec<ListedPerson>, NotDone> {
        let ids: Vec<ResourceId> = people.iter().map(|it| it.id.clone()).collect();
        let groups = self.store().group_counts(&ids, COUNTED + 1).await?;
        let listed = people.iter().zip(groups);
        let listed = listed.map(|(person, groups)| ListedPerson {
            row: self.row(person),
            groups: GroupCount {
                count: groups.min(COUNTED),
                or_more: groups > COUNTED,
            },
        });
        // The store finds an attribute of an extension as well that is called so.
        let user_type = wanted.user_type.as_ref();
        let fits =
            |it: &ListedPerson| user_type.is_none() || it.row.user_type.as_ref() == user_type;
        Ok(listed.filter(fits).collect())
    }

    /// The one way to sign in that there is; nothing where a person may have either.
    fn only_method(&self) -> Option<SignInMethod> {
        match (self.sign_in.built_in, self.sign_in.providers.is_empty()) {
            (false, _) => Some(SignInMethod::Entra),
            (true, true) => Some(SignInMethod::BuiltIn),
            (true, false) => None,
        }
    }

    /// The person with this id, or with this user name.
    pub(super) async fn find_person(&self, person: &str) -> Result<Stored, NotDone> {
        match self.directory().person(person).await {
            // What is no user name is nobody's.
            Err(DirectoryError::Refused(_)) => Err(NotDone::NotFound("person")),
            found => Ok(found?),
        }
    }

    pub(super) fn row(&self, person: &Stored) -> PersonRow {
        let resource = &person.resource;
        let user_name = resource.user_name().unwrap_or_default();
        PersonRow {
            id: person.id.to_string(),
            name: called(resource).to_owned(),
            user_name: sign_in_name(user_name, resource.external_id()).to_owned(),
            email: resource.email().map(str::to_owned),
            role: Role::of(resource),
            sign_in_method: SignInMethod::of(resource, self.sign_in),
            state: PersonState::of(resource),
            user_type: user_type(resource).map(str::to_owned),
            last_modified: person.last_modified,
        }
    }

    /// The names of some people, by their ids; of who is gone there is none.
    pub(super) async fn names_of(
        &self,
        ids: impl Iterator<Item = &ResourceId>,
    ) -> Result<BTreeMap<ResourceId, String>, NotDone> {
        let mut names = BTreeMap::new();
        for id in ids {
            if names.contains_key(id) {
                continue;
            }
            let found = self.store().find(ResourceType::User, id, Related::Skip);
            if let Some(found) = found.await? {
                names.insert(id.clone(), called(&found.resource).to_owned());
            }
        }
        Ok(names)
    }
}

/// What kind of person it is, where a client says so.
fn user_type(person: &Resource) -> Option<&str> {
    person.attributes().get("userType")?.as_str()
}
