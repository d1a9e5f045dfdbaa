//! The links by which people set their passwords: who gets one, and what is remembered of it.

use jiff::{SignedDuration, Timestamp};

use super::audit::Entry;
use super::sign_in_method::SignInMethod;
use super::{Directory, DirectoryError};
use crate::config::SignInConfig;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, AuditEvent, Requester};
use crate::store::passwords::PasswordLink;
use crate::store::sessions::SecretDigest;
use crate::store::{ResourceId, Stored, Version};

/// A link that was made.
pub(crate) struct MadeLink {
    /// Whose it is.
    pub(crate) person: Stored,
    /// When it ends.
    pub(crate) expires: Timestamp,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// The first password of a person.
    Invitation,
    /// Whatever password the person has.
    Reset,
}

impl Purpose {
    /// Its name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }
}

/// A link that is to be made.
pub(crate) struct WantedLink {
    pub(crate) purpose: Purpose,
    /// Of the secret in it.
    pub(crate) digest: SecretDigest,
    /// How long it holds.
    pub(crate) valid: SignedDuration,
    /// Whether somebody asks for it at the sign-in.
    pub(crate) asked: bool,
    /// The version of the person by which it was decided that it may be made; any when absent.
    pub(crate) expected: Option<Version>,
}

/// Why no link is made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLink {
    #[error(
        "{0} signs in through Entra; `usher sign-in-method PERSON BuiltIn` lets the person have a password"
    )]
    OtherMethod(ResourceId),
    #[error("{0} has a password; `usher reset-password PERSON` makes a link for another one")]
    HasPassword(ResourceId),
    #[error("{0} is deactivated; activate the person first")]
    Deactivated(ResourceId),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Directory {
    /// Keeps a link for the person with this id or user name, in the place of those before. That it was made is remembered.
    pub(crate) async fn make_password_link(
        &self,
        person: &str,
        wanted: WantedLink,
        config: &SignInConfig,
        requester: &Requester,
    ) -> Result<MadeLink, NoLink> {
        let person = self.person(person).await?;
        if SignInMethod::of(&person.resource, config) == SignInMethod::Entra {
            return Err(NoLink::OtherMethod(person.id));
        }
        if wanted.purpose == Purpose::Invitation {
            let kept = self.store.password(&person.id).await;
            if kept.map_err(DirectoryError::from)?.is_some() {
                return Err(NoLink::HasPassword(person.id));
            }
        }
        let now = self.now();
        let expires = now.checked_add(wanted.valid).unwrap_or(now);
        let link = PasswordLink {
            digest: wanted.digest,
            person: person.id.clone(),
            expires,
            asked: wanted.asked,
        };
        let audit = self.credential_entry(&person.id, AuditEvent::PasswordLinkMade, requester);
        let offered = self.store.offer_password_link(link, wanted.expected, audit);
        if !offered.await.map_err(DirectoryError::from)? {
            return Err(NoLink::Deactivated(person.id));
        }
        Ok(MadeLink { person, expires })
    }

    /// Removes the second factor of the person with this id or user name, and ends the person's sessions; says whether there was one.
    /// Another version than the one `expected`, where one is, is refused.
    pub(crate) async fn reset_second_factor(
        &self,
        person: &str,
        expected: Option<Version>,
        requester: &Requester,
    ) -> Result<(Stored, bool), DirectoryError> {
        let person = self.person(person).await?;
        let audit = self.credential_entry(&person.id, AuditEvent::SecondFactorReset, requester);
        let id = person.id.clone();
        let had = self.store.reset_second_factor(id, expected, audit).await?;
        Ok((person, had))
    }

    /// What is remembered when something happens to what a person signs in by.
    pub(crate) fn credential_entry(
        &self,
        person: &ResourceId,
        event: AuditEvent,
        requester: &Requester,
    ) -> AuditEntry {
        Entry::new(requester, ResourceType::User, person, self.now()).credential(event)
    }
}
