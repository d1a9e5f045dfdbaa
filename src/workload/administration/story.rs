//! Why somebody is here or not, has a role or not, can sign in or not: what was asked, what was decided, and the next step.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::person::SessionRow;
use super::requests::Request;
use super::{Administration, Administrator, Capability, NotDone, PersonRow, Role, called};
use crate::scim::fold_case;
use crate::scim::schema::ResourceType;
use crate::store::Stored;
use crate::store::audit::{AuditEvent, Audited};
use crate::workload::activity::Rejection;
use crate::workload::directory::sign_in_method::{SignInMethod, declared};

/// What is known of somebody, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Story {
    /// Who was asked about.
    pub(crate) about: String,
    /// The person, where there is one in the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<PersonRow>,
    /// What was decided and why, from the first request to the sessions.
    pub(crate) steps: Vec<Step>,
    /// What to do next; nothing has to be done when it says so.
    pub(crate) next: String,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// What was decided.
    pub(crate) name: &'static str,
    /// How it was.
    pub(crate) state: StepState,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    /// Why, in a sentence.
    pub(crate) says: String,
}

/// How a decision was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum StepState {
    /// It stands in nobody's way.
    Good,
    /// It keeps the person out, or a client's wish from being done.
    Bad,
    /// It is neither.
    Plain,
}

impl Step {
    fn new(name: &'static str, state: StepState, says: impl Into<String>) -> Self {
        Self {
            name,
            state,
            at: None,
            says: says.into(),
        }
    }

    fn at(self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }
}

impl Administration<'_> {
    /// The story of whoever is called so: by id, user name, or, of who never arrived, by what a client wanted to create.
    pub(crate) async fn explain(
        &self,
        who: &Administrator,
        person: &str,
    ) -> Result<Story, NotDone> {
        who.must(Capability::SeePeople)?;
        self.scim_tenant.opened.refresh_activity().await;
        match self.find_person(person).await {
            Ok(found) => {
                let sessions = self.sessions_of(&found).await?;
                let history = self.history(&found.id).await?;
                self.story_of(&found, &sessions, &history).await
            }
            Err(NotDone::NotFound(_)) => Ok(self.story_of_nobody(person)),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn story_of(
        &self,
        person: &Stored,
        sessions: &[SessionRow],
        history: &[Audited],
    ) -> Result<Story, NotDone> {
        let mut steps = vec![arrival(person, history)];
        if let Some(request) = self.last_request(person).await? {
            steps.push(asked(&request));
        }
        let rejection = self.rejection_of(person);
        steps.extend(rejection.as_ref().map(rejected));
        let held_since = self.directory().holds_since();
        let held = history.iter().find(|it| has(it, AuditEvent::Held));
        let held = held.filter(|it| held_since.is_some_and(|since| it.entry.time >= since));
        steps.extend(held.map(|it| {
            let says = format!(
                "The brake held what {} asked for last; nothing was changed.",
                it.entry.requester.client
            );
            Step::new("Brake", StepState::Bad, says).at(it.entry.time)
        }));
        steps.extend(self.user_type(person));
        steps.push(activity(person, history));
        steps.push(role(person));
        let (method, can) = self.method(person).await?;
        steps.push(method);
        steps.push(signed_in(sessions));
        let next = next_step(person, rejection.as_ref(), held.is_some(), can);
        Ok(Story {
            about: called(&person.resource).to_owned(),
            person: Some(self.row(person)),
            steps,
            next,
        })
    }

    /// Of who is not in the directory, what clients were refused.
    fn story_of_nobody(&self, person: &str) -> Story {
        let names = self.scim_tenant.clients.names();
        let opened = &self.scim_tenant.opened;
        let all = opened.with_activity(|it| it.rejections(names, self.now));
        let is_it = |it: &&Rejection| it.kind == ResourceType::User && it.is_of(person);
        let rejection = all.iter().find(is_it);
        let next = match rejection {
            Some(it) => format!(
                "Correct it in Entra or in the mapping: {}. Then choose Provision on demand, or wait for the next cycle.",
                it.reason.trim_end_matches('.')
            ),
            None => "Look in Entra whether the person is assigned to the application and in the scope of provisioning, and whether the cycle is in quarantine; Provision on demand tells at once.".to_owned(),
        };
        let step = match rejection {
            Some(it) => rejected(it),
            None => Step::new(
                "Arrival",
                StepState::Bad,
                "Nobody is called so here, and no request about such a person was refused as far as is kept.",
            ),
        };
        Story {
            about: person.to_owned(),
            person: None,
            steps: vec![step],
            next,
        }
    }

    /// The last request of a client about a person, by the identifier in its path.
    async fn last_request(&self, person: &Stored) -> Result<Option<Request>, NotDone> {
        let names: Vec<String> = self
            .scim_tenant
            .clients
            .names()
            .map(str::to_owned)
            .collect();
        let all = self
            .recorded(names.iter(), None, person.id.as_str())
            .await?;
        let path = format!("Users/{}", person.id);
        let about = all.into_iter().filter(|it| it.row.path == path);
        Ok(about.max_by_key(|it| it.row.number))
    }

    fn rejection_of(&self, person: &Stored) -> Option<Rejection> {
        let names = self.scim_tenant.clients.names();
        let opened = &self.scim_tenant.opened;
        let all = opened.with_activity(|it| it.rejections(names, self.now));
        let resource = &person.resource;
        let is_it = |it: &Rejection| {
            it.kind == ResourceType::User
                && (it.id.as_deref() == Some(person.id.as_str())
                    || it.id.is_none() && resource.user_name().is_some_and(|name| it.is_of(name)))
        };
        all.into_iter().find(is_it)
    }

    fn user_type(&self, person: &Stored) -> Option<Step> {
        let allowed = &self.scim_tenant.config.schema.user_types;
        if allowed.is_empty() {
            return None;
        }
        let value = person.resource.attributes().get("userType");
        Some(match value.and_then(|it| it.as_str()) {
            Some(value) if allowed.iter().any(|it| it == value) => Step::new(
                "User type",
                StepState::Good,
                format!("userType is {value}."),
            ),
            Some(value) => Step::new(
                "User type",
                StepState::Bad,
                format!(
                    "userType is {value}; it must be one of {} by spec.schema.userTypes.",
                    allowed.join(", ")
                ),
            ),
            None => Step::new(
                "User type",
                StepState::Plain,
                format!(
                    "userType is not set; it may be one of {}.",
                    allowed.join(", ")
                ),
            ),
        })
    }

    /// How the person signs in and why, and what is missing for it.
    async fn method(&self, person: &Stored) -> Result<(Step, Option<&'static str>), NotDone> {
        let method = SignInMethod::of(&person.resource, self.sign_in);
        let why = match declared(&person.resource) {
            _ if !self.sign_in.built_in => "passwords are not declared",
            _ if self.sign_in.providers.is_empty() => "no connector has oidc",
            Some(_) => "signInMethod says so",
            None if method == SignInMethod::Entra => "externalId is an object id of Entra",
            None => "externalId is no object id of Entra",
        };
        let missing = match method {
            SignInMethod::Entra if self.sign_in.providers.is_empty() => {
                Some("Add spec.oidc to an AzureConnector of this ScimTenant.")
            }
            SignInMethod::Entra => None,
            SignInMethod::BuiltIn => {
                let kept = self.store().password(&person.id).await?;
                kept.is_none()
                    .then_some("Make an invitation, by which the person sets a password.")
            }
        };
        let (state, lacks) = match missing {
            Some(_) => (StepState::Bad, ", which cannot work yet"),
            None => (StepState::Good, ""),
        };
        let through = match method {
            SignInMethod::Entra => "through Entra",
            SignInMethod::BuiltIn => "by a password",
        };
        let says = format!("The person signs in {through}{lacks}: {why}.");
        Ok((Step::new("Sign-in method", state, says), missing))
    }
}

fn has(audited: &Audited, event: AuditEvent) -> bool {
    audited.entry.events.contains(&event)
}

fn arrival(person: &Stored, history: &[Audited]) -> Step {
    let adopted = history.iter().find(|it| has(it, AuditEvent::Adopted));
    let created = history.iter().find(|it| has(it, AuditEvent::Created));
    let says = match (adopted, created) {
        (Some(adopted), _) => format!(
            "{} took over the account that was there already.",
            adopted.entry.requester.client
        ),
        (None, Some(created)) => format!("{} created the person.", created.entry.requester.client),
        (None, None) => "The person was created; by whom is no longer kept.".to_owned(),
    };
    let at = adopted.map_or(person.created, |it| it.entry.time);
    Step::new("Arrival", StepState::Good, says).at(at)
}

fn asked(request: &Request) -> Step {
    let row = &request.row;
    let (state, outcome) = match &row.detail {
        Some(detail) => (StepState::Bad, format!("refused: {detail}")),
        None => (StepState::Good, "done".to_owned()),
    };
    let says = format!(
        "{} {} by {}: {}, {outcome}",
        row.method, row.path, row.client, row.status
    );
    Step::new("Last request", state, says).at(row.at)
}

fn rejected(rejection: &Rejection) -> Step {
    let says = format!(
        "{} was refused{}: {}",
        rejection.client,
        match rejection.times {
            0 | 1 => String::new(),
            times => format!(" {times} times"),
        },
        rejection.reason
    );
    Step::new("Rejected", StepState::Bad, says).at(rejection.at)
}

fn activity(person: &Stored, history: &[Audited]) -> Step {
    if person.resource.is_active() {
        return Step::new("Active", StepState::Good, "The person is active.");
    }
    let step = |says: String| Step::new("Active", StepState::Bad, says);
    match history.iter().find(|it| has(it, AuditEvent::Deactivated)) {
        Some(it) => step(format!(
            "{} deactivated the person, which ended all sessions.",
            it.entry.requester.client
        ))
        .at(it.entry.time),
        None => step("The person is deactivated.".to_owned()),
    }
}

fn role(person: &Stored) -> Step {
    match Role::of(&person.resource) {
        Some(role) => {
            let says = format!("The role {} gives the portal.", role.name());
            Step::new("Role", StepState::Good, says)
        }
        None => Step::new(
            "Role",
            StepState::Plain,
            "No role of the portal: the person signs in to applications only.",
        ),
    }
}

fn signed_in(sessions: &[SessionRow]) -> Step {
    match sessions.first() {
        None => Step::new("Sessions", StepState::Plain, "The person is not signed in."),
        Some(newest) => {
            let says = match sessions.len() {
                1 => "The person is signed in with one browser.".to_owned(),
                count => format!("The person is signed in with {count} browsers."),
            };
            Step::new("Sessions", StepState::Good, says).at(newest.opened)
        }
    }
}

fn next_step(
    person: &Stored,
    rejection: Option<&Rejection>,
    held: bool,
    missing: Option<&str>,
) -> String {
    if held {
        return "Look at what the brake holds, and let it pass if it is meant.".to_owned();
    }
    if let Some(rejection) = rejection {
        return format!(
            "Correct it in Entra or in the mapping: {}. Then choose Provision on demand, or wait for the next cycle.",
            rejection.reason.trim_end_matches('.')
        );
    }
    if !person.resource.is_active() {
        return "Assign the person again in Entra, or reactivate the person here.".to_owned();
    }
    missing.map_or_else(
        || "Nothing has to be done: the person can sign in.".to_owned(),
        str::to_owned,
    )
}

impl Rejection {
    /// Whether it is about somebody of whom `text` is the identifier, the user name or the client's identifier.
    fn is_of(&self, text: &str) -> bool {
        let folded = fold_case(text);
        let is = |it: &Option<String>| it.as_deref().is_some_and(|it| fold_case(it) == folded);
        is(&self.id) || is(&self.name) || is(&self.external_id)
    }
}
