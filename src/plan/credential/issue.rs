//! The Secret of one SCIM client, made once, healed, renamed.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::conditions::Reason;
use crate::config::Token;

use super::super::child::{Child, ChildKey, ChildKind, Owner, Seen};
use super::super::step::{Announcement, AnnouncementType, Step};
use super::super::verdict::Rejection;
use super::{Cause, Credential, Finding, inspect, secret};

/// The Secret of one SCIM client: how it should be, and what was found.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The custom resource that the client belongs to.
    pub owner: &'a Owner,
    /// Name of the client, and user name for Basic.
    pub client: &'a str,
    /// Where the values are pasted: `Entra`, or the name of the client.
    pub into: &'a str,
    /// Name of the Secret.
    pub name: &'a str,
    /// The field that names it.
    pub field: &'static str,
    /// Base URL of SCIM.
    pub url: &'a str,
    /// What is under the name.
    pub secret: Option<&'a Secret>,
    /// Secrets of this client under other names, which are to go.
    pub renamed: &'a [&'a Secret],
    /// Whether a password of it was served before.
    pub had_one: bool,
    /// Random, for the case that a password is needed.
    pub fresh_token: &'a Token,
    /// The present.
    pub now: Timestamp,
}

/// What to do, and the password that the Secret holds afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// In order; the first that fails ends the run.
    pub steps: Vec<Step>,
    /// The password.
    pub credential: Credential,
}

impl Wanted<'_> {
    /// The steps after which the Secret holds a password that Usher made.
    ///
    /// # Errors
    /// When the Secret is somebody else's.
    pub fn issue(&self) -> Result<Issued, Rejection> {
        let (mut steps, credential) = self.held()?;
        if credential.token == *self.fresh_token {
            steps.push(Step::Announce(self.announcement(credential.cause)));
        }
        // The old name goes last: until then the password is in two places rather than in none.
        steps.extend(self.renamed.iter().map(|secret| Step::Delete {
            child: self.child(secret.metadata.name.as_deref().unwrap_or_default()),
            uid: secret.metadata.uid.clone().unwrap_or_default(),
        }));
        Ok(Issued { steps, credential })
    }

    fn child(&self, name: &str) -> ChildKey {
        ChildKey::new(ChildKind::Secret, &self.owner.object.namespace, name)
    }

    fn held(&self) -> Result<(Vec<Step>, Credential), Rejection> {
        let child = self.child(self.name);
        Ok(match inspect(self.owner, self.client, self.secret) {
            Finding::Foreign => {
                return Err(Rejection::NameTaken {
                    child,
                    field: self.field,
                });
            }
            Finding::Sound(current) => {
                let mut secret = secret(self, &current);
                // A change that is not seen yet is not undone by this, but looked at.
                let seen = self.secret.map(|it| Seen::of(&it.metadata));
                seen.unwrap_or_default().pin(&mut secret.metadata);
                (vec![Step::Apply(Child::Secret(Box::new(secret)))], current)
            }
            Finding::Absent => {
                let current = self.moved_or_new();
                let step = Step::Create(Box::new(secret(self, &current)));
                (vec![step], current)
            }
            Finding::Predecessor { uid } => {
                let current = self.moved_or_new();
                let create = Step::Create(Box::new(secret(self, &current)));
                (vec![Step::Delete { child, uid }, create], current)
            }
            Finding::Damaged { seen } => {
                let current = self.new_one(Cause::PasswordEdited);
                let mut secret = secret(self, &current);
                // Healed once: should another process have healed it meanwhile, this one looks again.
                seen.pin(&mut secret.metadata);
                (vec![Step::Apply(Child::Secret(Box::new(secret)))], current)
            }
        })
    }

    /// The password of the Secret under its old name, or a new one.
    fn moved_or_new(&self) -> Credential {
        let moved =
            self.renamed
                .iter()
                .find_map(|it| match inspect(self.owner, self.client, Some(it)) {
                    Finding::Sound(credential) => Some(credential),
                    Finding::Absent
                    | Finding::Damaged { .. }
                    | Finding::Predecessor { .. }
                    | Finding::Foreign => None,
                });
        moved.unwrap_or_else(|| {
            self.new_one(if self.had_one {
                Cause::SecretDeleted
            } else {
                Cause::First
            })
        })
    }

    fn new_one(&self, cause: Cause) -> Credential {
        Credential {
            token: self.fresh_token.clone(),
            issued_at: Timestamp::from_second(self.now.as_second()).unwrap_or(self.now),
            cause,
        }
    }

    fn announcement(&self, cause: Cause) -> Announcement {
        let (secret, into) = (self.name, self.into);
        let (type_, note) = match cause {
            Cause::First => (
                AnnouncementType::Normal,
                format!("made Secret {secret} with the values to paste into {into}"),
            ),
            Cause::SecretDeleted => (
                AnnouncementType::Warning,
                format!(
                    "Secret {secret} was deleted, so it was made again with a new password; the one before is accepted for 24 hours: paste the new one into {into}"
                ),
            ),
            Cause::PasswordEdited => (
                AnnouncementType::Warning,
                format!(
                    "the password in Secret {secret} was changed by somebody else, so a new one was made; the one before is accepted for 24 hours: paste the new one into {into}"
                ),
            ),
        };
        Announcement {
            type_,
            reason: Reason::CredentialPending,
            action: "IssueCredential",
            note,
        }
    }
}
