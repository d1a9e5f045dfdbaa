//! What administrators see of a directory and do to it, for the pages of the portal and the API alike. Rights are checked here, and changes
//! go the way of every other change: the same transaction, the same audit, the same owners of attributes.

mod acts;
mod attribute;
mod capability;
mod connectors;
mod groups;
mod held;
mod overview;
mod people;
mod person;
mod place;
mod refused;
mod requests;
mod settings;
mod story;

use jiff::Timestamp;

use super::directory::Directory;
use super::routing::ScimTenant;
use crate::config::{PortalConfig, SignInConfig};
use crate::scim::resource::Resource;
use crate::store::audit::Requester;
use crate::store::{ResourceId, Store, Stored};
pub(crate) use acts::{MadeLink, WantedMethod};
pub(crate) use attribute::{Attribute, Origin, Source};
pub(crate) use capability::{Capability, Role};
pub(crate) use connectors::{Connector, ConnectorState, Credential};
pub(crate) use groups::{Group, Groups, GroupsWanted, MemberCount};
pub(crate) use held::Held;
pub(crate) use overview::{Health, Look, LookState, LookSubject, Overview};
pub(crate) use people::{ListedPerson, PeopleWanted, PersonRow, PersonState, Persons};
pub(crate) use person::{AuditRow, CapabilityHint, Person, SessionRow};
pub(crate) use refused::{NotDone, Why};
pub(crate) use requests::{Request, RequestRow, Requests, RequestsWanted};
pub(crate) use settings::Setting;
pub(crate) use story::{StepState, Story};

/// Rows of a page.
pub(crate) const PAGE: usize = 50;

/// A directory as its administrators see it, at one time.
pub(crate) struct Administration<'a> {
    scim_tenant: &'a ScimTenant,
    sign_in: &'a SignInConfig,
    portal: &'a PortalConfig,
    now: Timestamp,
}

/// By what an administrator acts; the audit has it as the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// Pages in a browser, or what presents the cookie of one.
    Portal,
    /// An access token of the command line.
    CommandLine,
}

impl Through {
    /// What the audit calls it.
    pub(crate) const fn client(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::CommandLine => "usher-cli",
        }
    }
}

/// Somebody who is signed in and has a role.
#[derive(Clone, Debug)]
pub(crate) struct Administrator {
    /// Who it is.
    pub(crate) id: ResourceId,
    /// The display name, else the user name.
    pub(crate) name: String,
    /// What the person may do.
    pub(crate) role: Role,
    /// Who asks, as the audit has it.
    requester: Requester,
}

impl Administrator {
    /// Whether the role has a capability, for who shows only what can be done.
    pub(crate) fn may(&self, capability: Capability) -> bool {
        self.role.may(capability)
    }

    fn must(&self, capability: Capability) -> Result<(), NotDone> {
        if self.may(capability) {
            Ok(())
        } else {
            Err(NotDone::Forbidden(capability, self.role))
        }
    }
}

impl<'a> Administration<'a> {
    /// The administration of `scim_tenant`; nothing where no portal is declared or nobody signs in.
    pub(crate) fn of(scim_tenant: &'a ScimTenant, now: Timestamp) -> Option<Self> {
        Some(Self {
            scim_tenant,
            sign_in: scim_tenant.config.sign_in.as_ref()?,
            portal: scim_tenant.config.portal.as_ref()?,
            now,
        })
    }

    /// What the directory is called.
    pub(crate) fn display_name(&self) -> &'a str {
        &self.portal.display_name
    }

    /// `person`, who is signed in, as an administrator; refused who has none of the roles. `request_id` names the request in the audit.
    #[expect(
        clippy::unused_self,
        reason = "who is admitted is admitted to this directory"
    )]
    pub(crate) fn admit(
        &self,
        person: &Stored,
        through: Through,
        request_id: &str,
    ) -> Result<Administrator, NotDone> {
        let role = Role::of(&person.resource).ok_or(NotDone::NoRole)?;
        Ok(Administrator {
            id: person.id.clone(),
            name: called(&person.resource).to_owned(),
            role,
            requester: Requester {
                request_id: request_id.to_owned(),
                client: through.client().to_owned(),
                person: Some(person.id.clone()),
                ..Requester::default()
            },
        })
    }

    fn directory(&self) -> &'a Directory {
        &self.scim_tenant.directory
    }

    fn store(&self) -> &'a dyn Store {
        &*self.scim_tenant.opened.store
    }
}

/// What a person is called: the display name, else the user name.
fn called(person: &Resource) -> &str {
    let name = person.display_name().filter(|it| !it.trim().is_empty());
    name.or_else(|| person.user_name()).unwrap_or("somebody")
}
