//! What administrators do to people. Who it is done to is looked at first: nobody acts on a higher role.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Administration, Administrator, Capability, NotDone, PersonRow, Role};
use crate::config::Token;
use crate::scim::schema::ResourceType;
use crate::store::Stored;
use crate::store::sessions::SecretDigest;
use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::directory::{DirectoryError, Provisioned};
use crate::workload::sessions::digest;

/// How long a link holds.
const LINK_TIME: SignedDuration = SignedDuration::from_hours(24);

/// How a person is to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum WantedMethod {
    /// Through Entra.
    Entra,
    /// By a password.
    BuiltIn,
    /// As follows from the rest: through Entra for who has its object id as `externalId`.
    Default,
}

impl WantedMethod {
    /// The one that is called so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "Entra" => Some(Self::Entra),
            "BuiltIn" => Some(Self::BuiltIn),
            "Default" => Some(Self::Default),
            _ => None,
        }
    }
}

/// A link by which a person sets a password. It is shown once, to who made it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeLink {
    /// Whose it is.
    pub(crate) person: PersonRow,
    /// The link; whoever has it sets the password.
    pub(crate) link: String,
    /// When it ends.
    pub(crate) expires: Timestamp,
}

impl Administration<'_> {
    /// Whether `who` may do something to `person`.
    pub(super) fn may_do(
        who: &Administrator,
        person: &Stored,
        capability: Capability,
    ) -> Result<(), NotDone> {
        who.must(capability)?;
        if capability.from() == Role::ReadOnly {
            return Ok(());
        }
        if let Some(role) = Role::of(&person.resource).filter(|it| *it > who.role) {
            return Err(NotDone::Above(role));
        }
        let is_oneself = person.id == who.id;
        let of_others = [Capability::SetActive, Capability::SetRole];
        if is_oneself && of_others.contains(&capability) {
            return Err(NotDone::Yourself);
        }
        Ok(())
    }

    /// The person to whom `who` may do it. What is then done counts for this version of the person alone.
    async fn reach(
        &self,
        who: &Administrator,
        person: &str,
        capability: Capability,
    ) -> Result<Stored, NotDone> {
        // First the role alone, so that who may not do it learns nothing of who is there.
        who.must(capability)?;
        let person = self.find_person(person).await?;
        Self::may_do(who, &person, capability)?;
        if self.directory().is_break_glass(&person.id).await? {
            return Err(DirectoryError::BreakGlass(ResourceType::User).into());
        }
        Ok(person)
    }

    /// Ends one session of a person.
    pub(crate) async fn end_session(
        &self,
        who: &Administrator,
        person: &str,
        session: &str,
    ) -> Result<(), NotDone> {
        let person = self.reach(who, person, Capability::EndSessions).await?;
        // Of another person it is not, so that a digest alone ends nothing.
        let session = Some(SecretDigest(session.to_owned()));
        let ended = self
            .directory()
            .end_sessions(&person, session, &who.requester);
        match ended.await? {
            0 => Err(NotDone::NotFound("session")),
            _ => Ok(()),
        }
    }

    /// Ends all sessions of a person; says how many there were.
    pub(crate) async fn end_sessions(
        &self,
        who: &Administrator,
        person: &str,
    ) -> Result<u64, NotDone> {
        let person = self.reach(who, person, Capability::EndSessions).await?;
        let directory = self.directory();
        let ended = directory.end_sessions(&person, None, &who.requester);
        Ok(ended.await?)
    }

    /// Says how a person signs in from now on.
    pub(crate) async fn set_sign_in_method(
        &self,
        who: &Administrator,
        person: &str,
        method: WantedMethod,
    ) -> Result<PersonRow, NotDone> {
        let person = self.reach(who, person, Capability::SetSignInMethod).await?;
        if !self.sign_in.built_in {
            return Err(NotDone::Conflict(
                "nobody signs in by a password here: set spec.signIn.builtIn.enabled of the ScimTenant"
                    .to_owned(),
            ));
        }
        let method = match method {
            WantedMethod::Entra => Some(SignInMethod::Entra),
            WantedMethod::BuiltIn => Some(SignInMethod::BuiltIn),
            WantedMethod::Default => None,
        };
        let directory = self.directory();
        let person = (person.id.as_str(), Some(person.version));
        let set = directory.set_sign_in_method(person, method, &who.requester);
        self.changed(&set.await?, "signInMethod")
    }

    /// Makes a link by which a person sets a password, in the place of the one before; `secret` is random.
    pub(crate) async fn make_link(
        &self,
        who: &Administrator,
        person: &str,
        purpose: Purpose,
        secret: &Token,
    ) -> Result<MadeLink, NotDone> {
        let person = self.reach(who, person, Capability::MakeLinks).await?;
        if !self.sign_in.built_in {
            return Err(NotDone::Conflict(
                "nobody signs in by a password here: set spec.signIn.builtIn.enabled of the ScimTenant"
                    .to_owned(),
            ));
        }
        let wanted = WantedLink {
            purpose,
            digest: digest(secret),
            valid: LINK_TIME,
            asked: false,
            expected: Some(person.version),
        };
        let (directory, id) = (self.directory(), person.id.as_str());
        let made = directory.make_password_link(id, wanted, self.sign_in, &who.requester);
        let made = made.await.map_err(|why| match why {
            NoLink::OtherMethod(_) => NotDone::Conflict(
                "the person signs in through Entra; set the sign-in method to BuiltIn first"
                    .to_owned(),
            ),
            NoLink::HasPassword(_) => NotDone::Conflict(
                "the person has a password; make a link to reset it instead of an invitation"
                    .to_owned(),
            ),
            NoLink::Deactivated(_) => NotDone::Conflict(
                "the person is deactivated; reactivate the person first".to_owned(),
            ),
            NoLink::Directory(error) => error.into(),
        })?;
        Ok(MadeLink {
            person: self.row(&made.person),
            link: format!(
                "{}/set-password/{}",
                self.scim_tenant.base(),
                secret.reveal()
            ),
            expires: made.expires,
        })
    }

    /// Removes the second factor of a person, who sets up another one, and ends the sessions; says whether there was one.
    pub(crate) async fn reset_second_factor(
        &self,
        who: &Administrator,
        person: &str,
    ) -> Result<bool, NotDone> {
        let person = self.reach(who, person, Capability::ResetSecondFactor);
        let person = person.await?;
        let directory = self.directory();
        let (id, expected) = (person.id.as_str(), Some(person.version));
        let reset = directory.reset_second_factor(id, expected, &who.requester);
        Ok(reset.await?.1)
    }

    /// Deactivates a person, which ends the sessions, or lets the person in again.
    pub(crate) async fn set_active(
        &self,
        who: &Administrator,
        person: &str,
        active: bool,
    ) -> Result<PersonRow, NotDone> {
        let person = self.reach(who, person, Capability::SetActive).await?;
        let directory = self.directory();
        let set = directory.set_active(&person, active, &who.requester);
        self.changed(&set.await?, "active")
    }

    /// Gives a person a role in the place of the one before, or none. Values of `roles` that are no role here stay.
    pub(crate) async fn set_role(
        &self,
        who: &Administrator,
        person: &str,
        role: Option<Role>,
    ) -> Result<PersonRow, NotDone> {
        let person = self.reach(who, person, Capability::SetRole).await?;
        if let Some(role) = role.filter(|it| *it > who.role) {
            return Err(NotDone::Above(role));
        }
        let replaced = Role::ALL.map(Role::name);
        let directory = self.directory();
        let set = directory.set_role(&person, (&replaced, role.map(Role::name)), &who.requester);
        self.changed(&set.await?, "roles")
    }

    /// The person after a change, unless the attribute stayed because a client owns it.
    fn changed(&self, done: &Provisioned, attribute: &str) -> Result<PersonRow, NotDone> {
        if done.not_owned > 0 {
            return Err(NotDone::Conflict(format!(
                "a SCIM client owns {attribute}, by spec.attributeOwners of the ScimTenant; change it there"
            )));
        }
        Ok(self.row(&done.stored))
    }
}
