//! How it goes with a directory, in one page.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::connectors::{Connector, ConnectorState};
use super::{Administration, Administrator, Capability, Held, NotDone, called};
use crate::config::report::Cycle;
use crate::scim::schema::ResourceType;
use crate::store::{Fault, Related, ResourceId};
use crate::workload::activity::{HOURS, Rejection};

/// Rows of what needs a look.
const LOOKS: usize = 20;

/// How it goes with a directory.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    /// What the directory is called.
    pub(crate) display_name: String,
    /// The state in a word and a sentence.
    pub(crate) health: Health,
    /// People, deactivated ones included.
    pub(crate) people: i64,
    /// People who are not deactivated.
    pub(crate) active_people: i64,
    /// People who are.
    pub(crate) inactive_people: i64,
    /// Groups.
    pub(crate) groups: i64,
    /// Memberships of all groups together; nothing while they are counted for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memberships: Option<i64>,
    /// Sessions that last; nothing while they are counted for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signed_in: Option<SignedIn>,
    /// The last cycle of any client, or the one that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_cycle: Option<LastCycle>,
    /// SCIM requests of each of the last 36 hours, the present one last.
    pub(crate) hours: Vec<Hour>,
    /// What the brake holds.
    pub(crate) held: Held,
    /// The connectors and other SCIM clients.
    pub(crate) connectors: Vec<Connector>,
    /// What needs a look, the newest first.
    pub(crate) needs_a_look: Vec<Look>,
}

/// The state of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// In a word.
    pub(crate) state: LookState,
    /// In a sentence, with what to do.
    pub(crate) says: String,
}

/// Sessions that last, by what they were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    /// All of them.
    pub(crate) sessions: i64,
    /// Through Entra.
    pub(crate) entra: i64,
    /// By a password.
    pub(crate) password: i64,
    /// By a passkey.
    pub(crate) passkey: i64,
}

/// A cycle: requests of one client with less than five minutes between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastCycle {
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// Its last request so far.
    pub(crate) last_request_at: Timestamp,
    /// Whether it is over.
    pub(crate) ended: bool,
    /// Requests.
    pub(crate) requests: i64,
    /// People and groups created.
    pub(crate) created: i64,
    /// People and groups changed.
    pub(crate) updated: i64,
    /// People deactivated.
    pub(crate) deactivated: i64,
    /// People and groups deleted.
    pub(crate) deleted: i64,
    /// Requests refused.
    pub(crate) failed: i64,
}

impl LastCycle {
    pub(super) fn of(cycle: &Cycle) -> Self {
        Self {
            started_at: cycle.started_at,
            last_request_at: cycle.last_request_at,
            ended: cycle.ended,
            requests: cycle.requests,
            created: cycle.created,
            updated: cycle.updated,
            deactivated: cycle.deactivated,
            deleted: cycle.deleted,
            failed: cycle.failed,
        }
    }
}

/// SCIM requests of one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hour {
    /// When it began.
    pub(crate) from: Timestamp,
    /// Requests.
    pub(crate) requests: u64,
    /// Those that were refused.
    pub(crate) failed: u64,
}

/// Something that needs a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look {
    /// Since when, or when last.
    pub(crate) at: Timestamp,
    /// What it is about.
    pub(crate) subject: LookSubject,
    /// The identifier of the person or group, where there is one in the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// What it is called.
    pub(crate) name: String,
    /// What happened, and what to do.
    pub(crate) says: String,
    /// In a word.
    pub(crate) state: LookState,
}

/// What something is about that needs a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum LookSubject {
    Person,
    Group,
    Connector,
}

/// How much something needs a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum LookState {
    /// Nothing is wrong.
    Good,
    /// Nothing has come yet.
    Waiting,
    /// It goes on, and somebody should look.
    Attention,
    /// The brake holds something.
    Held,
    /// A client's request was refused.
    Rejected,
    /// Nothing can be written.
    Broken,
}

impl Administration<'_> {
    /// How it goes with the directory.
    pub(crate) async fn overview(&self, who: &Administrator) -> Result<Overview, NotDone> {
        who.must(Capability::SeeOverview)?;
        let opened = &self.scim_tenant.opened;
        opened.refresh_activity().await;
        let counts = self.store().counts().await?;
        let session = self.sign_in.session;
        let counting = opened.counting.figures(&opened.store, session, self.now);
        let figures = counting.await;
        let held = self.held_now().await?;
        let connectors = self.connectors_now();
        let needs_a_look = self.looks(&connectors).await?;
        let cycles = connectors.iter().filter_map(|it| it.last_cycle.clone());
        Ok(Overview {
            display_name: self.display_name().to_owned(),
            health: self.health(&held, &connectors, &needs_a_look),
            people: counts.users,
            active_people: counts.active_users,
            inactive_people: counts.users - counts.active_users,
            groups: counts.groups,
            memberships: figures.memberships,
            signed_in: figures.sessions.map(|it| SignedIn {
                sessions: it.connector + it.password + it.passkey,
                entra: it.connector,
                password: it.password,
                passkey: it.passkey,
            }),
            last_cycle: cycles.max_by_key(|it| it.last_request_at),
            hours: self.hours(),
            held,
            connectors,
            needs_a_look,
        })
    }

    /// Requests of all clients together.
    fn hours(&self) -> Vec<Hour> {
        let names = self.scim_tenant.clients.names();
        let opened = &self.scim_tenant.opened;
        let counted = opened.with_activity(|it| it.hours(names));
        let present = self.now.as_second().div_euclid(3600);
        let hours = (present - HOURS + 1)..=present;
        hours
            .map(|hour| {
                let (requests, failed) = counted.get(&hour).copied().unwrap_or_default();
                Hour {
                    from: Timestamp::from_second(hour * 3600).unwrap_or(self.now),
                    requests,
                    failed,
                }
            })
            .collect()
    }

    fn health(&self, held: &Held, connectors: &[Connector], looks: &[Look]) -> Health {
        let health = |state, says: String| Health { state, says };
        match self.store().fault() {
            Some(Fault::Full) => {
                let says = "The volume is full: nothing can be written. Enlarge it.";
                return health(LookState::Broken, says.to_owned());
            }
            Some(Fault::Damaged) => {
                let says = "A part of the store is damaged: nothing is written until a backup is restored.";
                return health(LookState::Broken, says.to_owned());
            }
            Some(Fault::Failed) => {
                let says = "The store cannot be written; the log of the pods says why.";
                return health(LookState::Broken, says.to_owned());
            }
            None => {}
        }
        if held.is_something() {
            let what = held.what();
            let says = format!("The brake holds {what}. If they are meant, let them pass.");
            return health(LookState::Held, says);
        }
        let rejected = looks.iter().filter(|it| it.state == LookState::Rejected);
        match rejected.count() {
            0 => {}
            1 => {
                let says = "One person or group was rejected; see below why.";
                return health(LookState::Attention, says.to_owned());
            }
            count => {
                let says = format!("{count} people and groups were rejected; see below why.");
                return health(LookState::Attention, says);
            }
        }
        let bad = |it: &&Connector| it.state == ConnectorState::Attention;
        if let Some(connector) = connectors.iter().find(bad) {
            return health(LookState::Attention, connector.says.clone());
        }
        if connectors
            .iter()
            .all(|it| it.state == ConnectorState::Waiting)
        {
            let says = "Nothing has been provisioned yet. The connector has the values to paste into Entra.";
            return health(LookState::Waiting, says.to_owned());
        }
        health(
            LookState::Good,
            "Everything is in step with Entra ID.".to_owned(),
        )
    }

    /// What needs a look beside what the brake holds.
    async fn looks(&self, connectors: &[Connector]) -> Result<Vec<Look>, NotDone> {
        let opened = &self.scim_tenant.opened;
        let names = self.scim_tenant.clients.names();
        let rejected = opened.with_activity(|it| it.rejections(names, self.now));
        let mut looks = Vec::new();
        for rejection in rejected.into_iter().take(LOOKS) {
            looks.push(self.look(rejection).await?);
        }
        let silent = connectors
            .iter()
            .filter(|it| it.state == ConnectorState::Attention && it.last_error.is_none());
        looks.extend(silent.map(|it| {
            Look {
                at: it
                    .last_cycle
                    .as_ref()
                    .map_or(self.now, |it| it.last_request_at),
                subject: LookSubject::Connector,
                id: None,
                name: it.name.clone(),
                says: it.says.clone(),
                state: LookState::Attention,
            }
        }));
        Ok(looks)
    }

    async fn look(&self, rejection: Rejection) -> Result<Look, NotDone> {
        let kind = rejection.kind;
        let found = match &rejection.id {
            Some(id) => {
                let id = ResourceId::new(id.clone());
                self.store().find(kind, &id, Related::Skip).await?
            }
            None => None,
        };
        let name = found.as_ref().map(|it| called(&it.resource).to_owned());
        Ok(Look {
            at: rejection.at,
            subject: match kind {
                ResourceType::User => LookSubject::Person,
                ResourceType::Group => LookSubject::Group,
            },
            id: found.map(|it| it.id.to_string()),
            name: name.unwrap_or_else(|| rejection.called().to_owned()),
            says: rejection.reason,
            state: LookState::Rejected,
        })
    }
}
