//! What administrators see and do from a terminal: the API of a directory, as tables for people or JSON for scripts.

mod credentials;
mod login;
mod server;
mod shown;
mod table;

use reqwest::Method;
use serde_json::{Value, json};

use super::output;
use credentials::Place;
pub(super) use login::{Args as LoginArgs, login};
use server::{Server, path};

/// Which directory is asked, and how the answer is written.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// The directory, such as `https://contoso.id.example.com`; the one that was signed in to last when left out
    #[arg(long, value_name = "URL", env = "USHER_SERVER", global = true)]
    server: Option<reqwest::Url>,
    /// Write the answer as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What is asked of people.
#[derive(Debug, clap::Args)]
pub(super) struct PeopleArgs {
    #[command(subcommand)]
    act: People,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum People {
    /// List people, fifty at a time
    List {
        /// What the user name, the display name or an e-mail address begins with
        #[arg(default_value = "")]
        search: String,
        /// How they sign in
        #[arg(long, value_name = "METHOD", value_parser = ["Entra", "BuiltIn"])]
        sign_in_method: Option<String>,
        /// Whether they may
        #[arg(long, value_parser = ["Active", "Inactive"])]
        state: Option<String>,
        /// Their userType, as it is written
        #[arg(long, value_name = "TYPE")]
        user_type: Option<String>,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show all that is kept of a person
    Show {
        /// Id or user name
        person: String,
    },
    /// Make the link by which a person sets the first password
    Invite {
        /// Id or user name
        person: String,
    },
    /// Make the link by which a person sets another password
    ResetPassword {
        /// Id or user name
        person: String,
    },
    /// Say how a person signs in
    SignInMethod {
        /// Id or user name
        person: String,
        /// How, from now on
        #[arg(value_parser = ["Entra", "BuiltIn", "Default"])]
        method: String,
    },
    /// Remove the second factor of a person, who sets up another one
    ResetSecondFactor {
        /// Id or user name
        person: String,
    },
    /// Deactivate a person, which ends all sessions
    Deactivate {
        /// Id or user name
        person: String,
    },
    /// Let a person in again
    Reactivate {
        /// Id or user name
        person: String,
    },
    /// Give a person a role of the portal, or none
    Role {
        /// Id or user name
        person: String,
        /// The role
        #[arg(value_parser = ["ReadOnly", "User", "Admin", "EnterpriseAdmin", "none"])]
        role: String,
    },
}

/// What is asked of groups.
#[derive(Debug, clap::Args)]
pub(super) struct GroupsArgs {
    #[command(subcommand)]
    act: Groups,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum Groups {
    /// List groups, fifty at a time
    List {
        /// What the name begins with
        #[arg(default_value = "")]
        search: String,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a group and its members, fifty at a time
    Show {
        /// Its id
        group: String,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
    },
}

/// What is asked of requests.
#[derive(Debug, clap::Args)]
pub(super) struct RequestsArgs {
    #[command(subcommand)]
    act: Requests,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum Requests {
    /// List what SCIM clients asked lately, fifty at a time
    List {
        /// Of this client
        #[arg(long)]
        client: Option<String>,
        /// Those alone that were refused
        #[arg(long)]
        failed: bool,
        /// By this HTTP method
        #[arg(long)]
        method: Option<String>,
        /// About the person or group with this id
        #[arg(long)]
        about: Option<String>,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one of them with body and answer
    Show {
        /// The client
        client: String,
        /// The number in the list
        number: i64,
    },
}

/// What is asked of the brake.
#[derive(Debug, clap::Args)]
pub(super) struct HeldArgs {
    #[command(subcommand)]
    act: Option<Held>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum Held {
    /// List what the brake holds, and some of whom; also when nothing is said
    List,
    /// Show why something of a person, by id or user name, is held
    Show { person: String },
    /// Print the command that lets it pass, and nothing else
    Release,
}

/// What is asked of sessions.
#[derive(Debug, clap::Args)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    act: Sessions,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Subcommand)]
enum Sessions {
    /// List where a person is signed in
    List {
        /// Id or user name
        person: String,
    },
    /// End one session of a person, or all
    End {
        /// Id or user name
        person: String,
        /// The id in the list; all of them when left out
        session: Option<String>,
    },
}

/// Whose story.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Id or user name, also of who never arrived
    person: String,
    #[command(flatten)]
    asked: Asked,
}

impl Asked {
    fn server(&self) -> anyhow::Result<Server> {
        Server::known(self.server.as_ref(), &self.place)
    }

    /// Writes an answer: as it is, or for people.
    fn write(&self, answer: &Value, shown: fn(&Value) -> String) -> anyhow::Result<()> {
        let text = if self.json {
            format!("{answer:#}\n")
        } else {
            shown(answer)
        };
        output::print(&text)?;
        Ok(())
    }

    async fn get(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
        shown: fn(&Value) -> String,
    ) -> anyhow::Result<()> {
        let answer = self.server()?.ask(Method::GET, path, query, None).await?;
        self.write(&answer, shown)
    }

    async fn act(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        shown: fn(&Value) -> String,
    ) -> anyhow::Result<()> {
        let answer = self.server()?.ask(method, path, &[], body).await?;
        self.write(&answer, shown)
    }
}

pub(super) async fn people(args: PeopleArgs) -> anyhow::Result<()> {
    let asked = &args.asked;
    let put = async |person: &str, what: &str, body: Value| {
        let path = path(&["people", person, what]);
        let row = shown::person_row;
        asked.act(Method::PUT, &path, Some(&body), row).await
    };
    let link = async |person: &str, purpose: &str| {
        let path = path(&["people", person, "password-links"]);
        let body = json!({"purpose": purpose});
        asked
            .act(Method::POST, &path, Some(&body), shown::link)
            .await
    };
    match &args.act {
        People::List {
            search,
            sign_in_method,
            state,
            user_type,
            cursor,
        } => {
            let query = [
                ("search", Some(search.as_str()).filter(|it| !it.is_empty())),
                ("signInMethod", sign_in_method.as_deref()),
                ("state", state.as_deref()),
                ("userType", user_type.as_deref()),
                ("cursor", cursor.as_deref()),
            ];
            asked.get("/people", &query, shown::people).await
        }
        People::Show { person } => {
            asked
                .get(&path(&["people", person]), &[], shown::person)
                .await
        }
        People::Invite { person } => link(person, "invitation").await,
        People::ResetPassword { person } => link(person, "reset").await,
        People::SignInMethod { person, method } => {
            let body = json!({"signInMethod": method});
            put(person, "sign-in-method", body).await
        }
        People::ResetSecondFactor { person } => {
            let path = path(&["people", person, "second-factor"]);
            asked
                .act(Method::DELETE, &path, None, shown::second_factor)
                .await
        }
        People::Deactivate { person } => put(person, "active", json!({"active": false})).await,
        People::Reactivate { person } => put(person, "active", json!({"active": true})).await,
        People::Role { person, role } => {
            let role = Some(role).filter(|it| *it != "none");
            put(person, "role", json!({"role": role})).await
        }
    }
}

pub(super) async fn groups(args: GroupsArgs) -> anyhow::Result<()> {
    match &args.act {
        Groups::List { search, cursor } => {
            let query = [
                ("search", Some(search.as_str()).filter(|it| !it.is_empty())),
                ("cursor", cursor.as_deref()),
            ];
            args.asked.get("/groups", &query, shown::groups).await
        }
        Groups::Show { group, cursor } => {
            let query = [("cursor", cursor.as_deref())];
            let path = path(&["groups", group]);
            args.asked.get(&path, &query, shown::group).await
        }
    }
}

pub(super) async fn requests(args: RequestsArgs) -> anyhow::Result<()> {
    match &args.act {
        Requests::List {
            client,
            failed,
            method,
            about,
            cursor,
        } => {
            let query = [
                ("client", client.as_deref()),
                ("failed", failed.then_some("true")),
                ("method", method.as_deref()),
                ("about", about.as_deref()),
                ("cursor", cursor.as_deref()),
            ];
            args.asked.get("/requests", &query, shown::requests).await
        }
        Requests::Show { client, number } => {
            let path = path(&["requests", client, &number.to_string()]);
            args.asked.get(&path, &[], shown::request).await
        }
    }
}

pub(super) async fn held(args: HeldArgs) -> anyhow::Result<()> {
    let HeldArgs { act, asked } = args;
    match act {
        None | Some(Held::List) => asked.get("/held", &[], shown::held).await,
        Some(Held::Show { person }) => explain(ExplainArgs { person, asked }).await,
        Some(Held::Release) => {
            let answer = asked.server()?.ask(Method::GET, "/held", &[], None).await?;
            anyhow::ensure!(answer["isDeclared"] == true, shown::release(&answer));
            asked.write(&answer, shown::release)
        }
    }
}

pub(super) async fn sessions(args: SessionsArgs) -> anyhow::Result<()> {
    match &args.act {
        Sessions::List { person } => {
            let path = path(&["people", person, "sessions"]);
            args.asked.get(&path, &[], shown::sessions).await
        }
        Sessions::End { person, session } => {
            let mut places = vec!["people", person, "sessions"];
            places.extend(session.as_deref());
            args.asked
                .act(Method::DELETE, &path(&places), None, shown::ended)
                .await
        }
    }
}

pub(super) async fn explain(args: ExplainArgs) -> anyhow::Result<()> {
    let path = path(&["people", &args.person, "story"]);
    args.asked.get(&path, &[], shown::story).await
}
