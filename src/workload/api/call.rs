//! An endpoint that is called: its query and body are read, the domain does it, and the answer is JSON.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::endpoints::Operation;
use super::problem::Problem;
use crate::workload::administration::{
    Administration, Administrator, CapabilityHint, Connector, GroupsWanted, PeopleWanted,
    PersonState, RequestsWanted, Role, SessionRow, Setting, WantedMethod,
};
use crate::workload::directory::password::Purpose;
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::http::Shared;

/// A call of an endpoint by an administrator.
pub(super) struct Call<'c> {
    pub(super) administration: &'c Administration<'c>,
    pub(super) shared: &'c Shared,
    pub(super) who: &'c Administrator,
    pub(super) query: &'c str,
    pub(super) body: &'c [u8],
    /// What stands in the places of the path.
    pub(super) places: Vec<String>,
}

/// Who asks.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    /// The identifier in the directory.
    id: String,
    /// The display name, else the user name.
    name: String,
    /// The role.
    role: Role,
    /// What it may do, each with a sentence.
    capabilities: Vec<CapabilityHint>,
    /// What the directory is called.
    display_name: String,
}

/// The sessions of a person.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllSessions {
    /// The newest first.
    sessions: Vec<SessionRow>,
}

/// How many sessions have ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndedSessions {
    /// So many.
    ended: u64,
}

/// What became of a second factor.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecondFactorRemoved {
    /// Whether there was one.
    had_second_factor: bool,
}

/// The connectors.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllConnectors {
    /// By name.
    connectors: Vec<Connector>,
}

/// What is declared.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllSettings {
    /// In the order of the YAML, mostly.
    settings: Vec<Setting>,
}

/// How a person is to sign in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WantedSignInMethod {
    /// The way.
    sign_in_method: WantedMethod,
}

/// What a link is for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WantedLink {
    /// The first password, or whatever password the person has.
    purpose: Purpose,
}

/// Whether a person is to be active.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WantedActive {
    /// Whether it is.
    active: bool,
}

/// The role that a person is to have.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WantedRole {
    /// The role; none when null.
    #[serde(deserialize_with = "Option::deserialize")]
    role: Option<Role>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PeopleQuery {
    #[serde(default)]
    search: String,
    sign_in_method: Option<SignInMethod>,
    state: Option<PersonState>,
    user_type: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupsQuery {
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupQuery {
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestsQuery {
    client: Option<String>,
    failed: Option<Flag>,
    method: Option<String>,
    about: Option<String>,
    cursor: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Flag {
    True,
    False,
}

type Answer = Result<(StatusCode, Option<Value>), Problem>;

impl Call<'_> {
    pub(super) async fn perform(&self, operation: Operation) -> Answer {
        let (administration, who) = (self.administration, self.who);
        let place = |at: usize| self.places.get(at).map_or("", String::as_str);
        match operation {
            Operation::Me => ok(&self.me()),
            Operation::Overview => ok(&administration.overview(who).await?),
            Operation::People => self.people().await,
            Operation::Person => ok(&administration.person(who, place(0)).await?),
            Operation::Story => ok(&administration.explain(who, place(0)).await?),
            Operation::Sessions => ok(&AllSessions {
                sessions: administration.sessions(who, place(0)).await?,
            }),
            Operation::Groups => self.groups().await,
            Operation::Group => {
                let query: GroupQuery = self.query()?;
                let cursor = query.cursor.as_deref();
                ok(&administration.group(who, place(0), cursor).await?)
            }
            Operation::Connectors => ok(&AllConnectors {
                connectors: administration.connectors(who).await?,
            }),
            Operation::Connector => ok(&administration.connector(who, place(0)).await?),
            Operation::Requests => self.requests().await,
            Operation::Request => {
                let number = place(1).parse().map_err(|_| Problem::NotFound)?;
                ok(&administration.request(who, place(0), number).await?)
            }
            Operation::Held => ok(&administration.held(who).await?),
            Operation::Settings => ok(&AllSettings {
                settings: administration.settings(who)?,
            }),
            Operation::EndSessions
            | Operation::EndSession
            | Operation::SetSignInMethod
            | Operation::MakeLink
            | Operation::ResetSecondFactor
            | Operation::SetActive
            | Operation::SetRole => self.act(operation).await,
        }
    }

    async fn act(&self, operation: Operation) -> Answer {
        let (administration, who) = (self.administration, self.who);
        let place = |at: usize| self.places.get(at).map_or("", String::as_str);
        let person = place(0);
        match operation {
            Operation::EndSession => {
                let ended = administration.end_session(who, person, place(1));
                ended.await?;
                Ok((StatusCode::NO_CONTENT, None))
            }
            Operation::EndSessions => ok(&EndedSessions {
                ended: administration.end_sessions(who, person).await?,
            }),
            Operation::SetSignInMethod => {
                let wanted: WantedSignInMethod = self.body()?;
                let set = administration.set_sign_in_method(who, person, wanted.sign_in_method);
                ok(&set.await?)
            }
            Operation::MakeLink => {
                let wanted: WantedLink = self.body()?;
                let secret = self.shared.secret();
                let made = administration.make_link(who, person, wanted.purpose, &secret);
                ok(&made.await?)
            }
            Operation::ResetSecondFactor => ok(&SecondFactorRemoved {
                had_second_factor: administration.reset_second_factor(who, person).await?,
            }),
            Operation::SetActive => {
                let wanted: WantedActive = self.body()?;
                ok(&administration
                    .set_active(who, person, wanted.active)
                    .await?)
            }
            Operation::SetRole => {
                let wanted: WantedRole = self.body()?;
                ok(&administration.set_role(who, person, wanted.role).await?)
            }
            _ => Err(Problem::NotFound),
        }
    }

    fn me(&self) -> Me {
        let who = self.who;
        Me {
            id: who.id.to_string(),
            name: who.name.clone(),
            role: who.role,
            capabilities: CapabilityHint::of(who.role),
            display_name: self.administration.display_name().to_owned(),
        }
    }

    async fn people(&self) -> Answer {
        let query: PeopleQuery = self.query()?;
        let wanted = PeopleWanted {
            search: query.search,
            method: query.sign_in_method,
            state: query.state,
            user_type: query.user_type,
            cursor: query.cursor,
        };
        ok(&self.administration.people(self.who, &wanted).await?)
    }

    async fn groups(&self) -> Answer {
        let query: GroupsQuery = self.query()?;
        let wanted = GroupsWanted {
            search: query.search,
            cursor: query.cursor,
        };
        ok(&self.administration.groups(self.who, &wanted).await?)
    }

    async fn requests(&self) -> Answer {
        let query: RequestsQuery = self.query()?;
        let wanted = RequestsWanted {
            client: query.client,
            failed: query.failed.map(|it| it == Flag::True),
            method: query.method,
            about: query.about,
            cursor: query.cursor,
        };
        ok(&self.administration.requests(self.who, &wanted).await?)
    }

    /// The query; a parameter that is not known, or there twice, is refused.
    fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut fields = serde_json::Map::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let value = Value::from(value.into_owned());
            if fields.insert(name.clone().into_owned(), value).is_some() {
                return Err(Problem::Parameter(format!("{name} is there twice")));
            }
        }
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| Problem::Parameter(error.to_string()))
    }

    /// The body; a field that is not known is refused, so that nothing is set by the way.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.body).map_err(|error| Problem::Body(error.to_string()))
    }
}

fn ok<T: Serialize>(value: &T) -> Answer {
    let value = serde_json::to_value(value).map_err(|_| Problem::Unavailable)?;
    Ok((StatusCode::OK, Some(value)))
}
