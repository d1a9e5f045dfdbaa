//! One person, with all that an administrator can know: each attribute with where it came from, groups, roles, sessions, devices, audit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::attribute::{Attribute, attributes, origins};
use super::{Administration, Administrator, Capability, NotDone, PAGE, PersonRow, Role, Story};
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditQuery, Audited, ReplacedNames};
use crate::store::photos::Photo;
use crate::store::sessions::{Session, SignedInBy};
use crate::store::{ResourceId, Stored};
use crate::workload::directory::sign_in_method::{SignInMethod, declared};
use crate::workload::sessions::Sessions;

/// Entries of the audit that are looked at for where attributes came from.
const HISTORY: usize = 500;

/// A person with all that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    /// What a list shows of it.
    #[serde(flatten)]
    pub(crate) row: PersonRow,
    /// The client's identifier: the object id in Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// When the person came.
    pub(crate) created: Timestamp,
    /// Every attribute, those of extensions behind the others.
    pub(crate) attributes: Vec<Attribute>,
    /// The groups, by name.
    pub(crate) groups: Vec<GroupReference>,
    /// All values of `roles`, also those that are no role of an administrator.
    pub(crate) roles: Vec<String>,
    /// What the role may do, each with a sentence.
    pub(crate) capabilities: Vec<CapabilityHint>,
    /// What `signInMethod` says; nothing where it follows from the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) declared_sign_in_method: Option<String>,
    /// By what else the person signs in, where that is by a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<Credentials>,
    /// Where the person is signed in, the newest first.
    pub(crate) sessions: Vec<SessionRow>,
    /// The applications that the person is signed in to.
    pub(crate) applications: Vec<String>,
    /// What happened lately, the newest first.
    pub(crate) audit: Vec<AuditRow>,
    /// What who asks may do to this person at present.
    pub(crate) may: Vec<Capability>,
    /// Whether it is a break-glass account, which nobody changes here.
    pub(crate) is_break_glass: bool,
    /// Why the person can sign in, or cannot.
    pub(crate) story: Story,
}

/// A group that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupReference {
    /// The identifier in the directory.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
}

/// A capability and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CapabilityHint {
    /// Which one.
    pub(crate) capability: Capability,
    /// What it is.
    pub(crate) sentence: &'static str,
}

impl CapabilityHint {
    /// What a role may do.
    pub(crate) fn of(role: Role) -> Vec<Self> {
        let hint = |it: Capability| Self {
            capability: it,
            sentence: it.sentence(),
        };
        role.capabilities().map(hint).collect()
    }
}

/// By what a person signs in who does so without Entra; what it is made of is nobody's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    /// Whether there is a password.
    pub(crate) has_password: bool,
    /// Since when there is an authenticator app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authenticator_app_since: Option<Timestamp>,
    /// Recovery codes that were not used yet.
    pub(crate) recovery_codes: i64,
    /// The passkeys.
    pub(crate) passkeys: Vec<PasskeyRow>,
}

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasskeyRow {
    /// What the person knows it by.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) added: Timestamp,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Timestamp>,
}

/// A browser or device in which somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionRow {
    /// What ends it; it opens nothing.
    pub(crate) id: String,
    /// What the browser says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<String>,
    /// By what the person signed in: the name that people know of a connector, `password` or `passkey`.
    pub(crate) by: String,
    /// When.
    pub(crate) opened: Timestamp,
    /// When it was last used, within a minute.
    pub(crate) seen: Timestamp,
}

/// A change, as the audit has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditRow {
    /// Its number; later ones have greater ones.
    pub(crate) position: i64,
    /// When.
    pub(crate) at: Timestamp,
    /// The client, `portal`, `usher-cli`, `sign-in` or `report`.
    pub(crate) client: String,
    /// The administrator who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) administrator: Option<String>,
    /// What happened, the weightiest first, such as `Deactivated`.
    pub(crate) events: Vec<String>,
    /// Names of the attributes that have other values.
    pub(crate) attributes: Vec<String>,
    /// New members.
    pub(crate) members_added: u64,
    /// Members that are no longer.
    pub(crate) members_removed: u64,
    /// Names before and after, such as `lena → lena.ott`.
    pub(crate) replaced: Vec<String>,
    /// The request, as the log has it.
    pub(crate) request_id: String,
}

impl Administration<'_> {
    /// All that can be known of the person with this id or user name.
    pub(crate) async fn person(
        &self,
        who: &Administrator,
        person: &str,
    ) -> Result<Person, NotDone> {
        who.must(Capability::SeePeople)?;
        let person = self.find_person(person).await?;
        let resource = &person.resource;
        let role = Role::of(resource);
        let history = self.history(&person.id).await?;
        let mut groups: Vec<GroupReference> = person
            .related
            .iter()
            .map(|it| GroupReference {
                id: it.id.to_string(),
                name: it.display.clone().unwrap_or_default(),
            })
            .collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let sessions = self.sessions_of(&person).await?;
        let story = self.story_of(&person, &sessions, &history).await?;
        let (attributes, audit) = self.told(&person, ResourceType::User, history).await?;
        let is_break_glass = self.directory().is_break_glass(&person.id).await?;
        let may = |it: &Capability| {
            let is_in_reach = !is_break_glass || it.from() == Role::ReadOnly;
            is_in_reach && Self::may_do(who, &person, *it).is_ok()
        };
        Ok(Person {
            row: self.row(&person),
            external_id: resource.external_id().map(str::to_owned),
            created: person.created,
            attributes,
            groups,
            roles: role_values(&person),
            capabilities: role.map(CapabilityHint::of).unwrap_or_default(),
            declared_sign_in_method: declared(resource).map(str::to_owned),
            credentials: self.credentials(&person).await?,
            sessions,
            applications: self.store().applications_of(&person.id, self.now).await?,
            audit,
            may: Capability::all().filter(may).collect(),
            is_break_glass,
            story,
        })
    }

    /// The profile photo of a person, where photos are read.
    pub(crate) async fn photo(
        &self,
        who: &Administrator,
        person: &ResourceId,
    ) -> Result<Option<Photo>, NotDone> {
        who.must(Capability::SeePeople)?;
        if !self.sign_in.has_photos() {
            return Ok(None);
        }
        Ok(self.store().photo(person).await?)
    }

    /// Where a person is signed in at present.
    pub(crate) async fn sessions(
        &self,
        who: &Administrator,
        person: &str,
    ) -> Result<Vec<SessionRow>, NotDone> {
        who.must(Capability::SeePeople)?;
        let person = self.find_person(person).await?;
        self.sessions_of(&person).await
    }

    pub(super) async fn sessions_of(&self, person: &Stored) -> Result<Vec<SessionRow>, NotDone> {
        let sessions = Sessions::new(self.store(), self.sign_in, self.now);
        let all = self.store().sessions_of(&person.id).await?.into_iter();
        let lasting = all.filter(|it| sessions.admits(it, &person.resource));
        Ok(lasting.map(|it| self.session_row(it)).collect())
    }

    fn session_row(&self, session: Session) -> SessionRow {
        SessionRow {
            by: match &session.by {
                SignedInBy::Password => "password".to_owned(),
                SignedInBy::PasswordAndCode => "password and code".to_owned(),
                SignedInBy::Passkey => "passkey".to_owned(),
                SignedInBy::Connector { name, .. } => {
                    let provider = self.sign_in.provider(name);
                    provider.map_or(name, |it| &it.display_name).clone()
                }
            },
            id: session.digest.0,
            device: session.device,
            opened: session.opened,
            seen: session.seen,
        }
    }

    async fn credentials(&self, person: &Stored) -> Result<Option<Credentials>, NotDone> {
        if SignInMethod::of(&person.resource, self.sign_in) == SignInMethod::Entra {
            return Ok(None);
        }
        let store = self.store();
        let factor = store.second_factor(&person.id).await?;
        let passkeys = store.passkeys_of(&person.id).await?.into_iter();
        Ok(Some(Credentials {
            has_password: store.password(&person.id).await?.is_some(),
            authenticator_app_since: factor.totp.map(|it| it.added),
            recovery_codes: factor.recovery_codes,
            passkeys: passkeys
                .map(|it| PasskeyRow {
                    name: it.name,
                    added: it.added,
                    used: it.used,
                })
                .collect(),
        }))
    }

    /// The attributes of a person or group, each with where it came from, and what happened to it lately.
    pub(super) async fn told(
        &self,
        of: &Stored,
        kind: ResourceType,
        history: Vec<Audited>,
    ) -> Result<(Vec<Attribute>, Vec<AuditRow>), NotDone> {
        let people = history
            .iter()
            .filter_map(|it| it.entry.requester.person.as_ref());
        let names = self.names_of(people).await?;
        let origins = origins(&history, kind, &names);
        let audit = history.into_iter().take(PAGE);
        let audit = audit.map(|it| audit_row(it, &names)).collect();
        Ok((attributes(of, &origins), audit))
    }

    /// The last entries of the audit about somebody, the newest first.
    pub(super) async fn history(&self, id: &ResourceId) -> Result<Vec<Audited>, NotDone> {
        let query = AuditQuery {
            id: Some(id.clone()),
            count: HISTORY,
            ..AuditQuery::default()
        };
        Ok(self.directory().audit(&query).await?)
    }
}

/// All values among the `roles` of a person.
pub(super) fn role_values(person: &Stored) -> Vec<String> {
    let roles = person.resource.attributes().get("roles");
    let roles = roles.and_then(Value::as_array).into_iter().flatten();
    let values = roles.filter_map(|it| it.get("value").and_then(Value::as_str));
    values.map(str::to_owned).collect()
}

fn audit_row(audited: Audited, names: &BTreeMap<ResourceId, String>) -> AuditRow {
    let Audited { position, entry } = audited;
    let person = entry.requester.person.as_ref();
    AuditRow {
        position,
        at: entry.time,
        administrator: person.map(|it| names.get(it).unwrap_or(&it.to_string()).clone()),
        client: entry.requester.client,
        events: entry.events.iter().map(|it| format!("{it:?}")).collect(),
        attributes: entry.attributes,
        members_added: entry.members.added,
        members_removed: entry.members.removed,
        replaced: replaced(&entry.replaced),
        request_id: entry.requester.request_id,
    }
}

fn replaced(names: &ReplacedNames) -> Vec<String> {
    let all = [&names.name, &names.external_id, &names.sign_in_method];
    let told = |it: &Option<String>| it.clone().unwrap_or_else(|| "nothing".to_owned());
    all.into_iter()
        .flatten()
        .map(|it| format!("{} → {}", told(&it.before), told(&it.after)))
        .collect()
}
