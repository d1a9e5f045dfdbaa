//! Provisioning cycles in Entra's order: test, people, managers, groups, memberships.

use serde_json::Value;

use super::client::{Connection, ConnectionError, Refusal};
use super::dialect::{self, Dialect};
use super::population::{Group, Person, Population};

/// What the connection test looks for: nobody is called so.
const NOBODY: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// How many members go into one PATCH.
const MEMBERS_AT_ONCE: usize = 20;

/// Which cycle to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Everybody in scope.
    Initial,
    /// A working day later, those who have changed.
    Incremental,
}

/// An object that could not be provisioned; Entra tries it again in later cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Method, resource and its name.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// What the server says.
    pub detail: String,
}

/// How a cycle went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests sent.
    pub requests: u64,
    /// People and groups created.
    pub created: u64,
    /// People and groups changed, memberships included.
    pub updated: u64,
    /// People deactivated.
    pub deactivated: u64,
    /// Objects that could not be provisioned.
    pub failures: Vec<Failure>,
}

/// Plays `cycle` for the people and groups of `population`, as they are before the working day.
///
/// Links between people and resources are found by filter each time, so nothing is kept between two runs.
pub async fn provision(
    connection: &Connection,
    population: &Population,
    cycle: Cycle,
    dialect: Dialect,
) -> Result<Summary, ConnectionError> {
    test(connection).await?;
    let before = connection.requests();
    let (population, people, groups) = match cycle {
        Cycle::Initial => {
            let everybody = (0..population.people.len()).collect();
            (population.clone(), everybody, population.groups.len())
        }
        Cycle::Incremental => {
            let (later, changed) = population.a_day_later();
            (later, changed, 1)
        }
    };
    let mut run = Run {
        connection,
        dialect,
        links: vec![None; population.people.len()],
        population,
        summary: Summary::default(),
    };
    run.people(&people).await?;
    run.managers(&people).await?;
    run.groups(groups).await?;
    run.summary.requests = connection.requests() - before + 1;
    Ok(run.summary)
}

/// Entra's Test Connection, which it repeats at the beginning of each cycle.
async fn test(connection: &Connection) -> Result<(), ConnectionError> {
    match connection.find("Users", "userName", NOBODY).await? {
        Ok(_) => Ok(()),
        Err(Refusal { status, detail }) => Err(ConnectionError::Refused {
            request: "the connection test".to_owned(),
            status,
            detail,
        }),
    }
}

struct Run<'a> {
    connection: &'a Connection,
    dialect: Dialect,
    population: Population,
    /// The resource of each person, as far as it was seen.
    links: Vec<Option<Value>>,
    summary: Summary,
}

impl Run<'_> {
    /// First pass: everybody by themselves.
    async fn people(&mut self, positions: &[usize]) -> Result<(), ConnectionError> {
        for position in positions {
            let person = self.population.people[*position].clone();
            self.links[*position] = self.person(&person).await?;
        }
        Ok(())
    }

    async fn person(&mut self, person: &Person) -> Result<Option<Value>, ConnectionError> {
        let name = &person.user_principal_name;
        let found = self.connection.find("Users", "userName", name).await?;
        let resource = match found {
            Err(refusal) => return Ok(self.failed(format!("GET Users {name}"), refusal)),
            Ok(found) => found.into_iter().next(),
        };
        let Some(resource) = resource else {
            if !person.enabled {
                return Ok(None); // whoever is disabled and was never linked is not created
            }
            return Ok(
                match self
                    .connection
                    .create("Users", &dialect::new_user(person))
                    .await?
                {
                    Ok(created) => {
                        self.summary.created += 1;
                        Some(created)
                    }
                    Err(refusal) => self.failed(format!("POST Users {name}"), refusal),
                },
            );
        };
        let Some(patch) = self.dialect.user_patch(person, &resource) else {
            return Ok(Some(resource));
        };
        let leaves = resource["active"] == true && !person.enabled;
        Ok(
            match self
                .connection
                .change(&format!("Users/{}", id(&resource)), &patch)
                .await?
            {
                Ok(changed) => {
                    if leaves {
                        self.summary.deactivated += 1;
                    } else {
                        self.summary.updated += 1;
                    }
                    Some(if changed.is_null() { resource } else { changed })
                }
                Err(refusal) => {
                    self.failed(format!("PATCH Users {name}"), refusal);
                    Some(resource)
                }
            },
        )
    }

    /// Second pass: references, once whoever is referred to exists.
    async fn managers(&mut self, positions: &[usize]) -> Result<(), ConnectionError> {
        for position in positions {
            let person = self.population.people[*position].clone();
            let Some(manager) = person.manager.filter(|_| person.enabled) else {
                continue;
            };
            let (Some(manager), Some(resource)) =
                (self.link(manager).await?, self.links[*position].clone())
            else {
                continue;
            };
            let Some(patch) = self.dialect.manager_patch(&manager, &resource) else {
                continue;
            };
            let answer = self
                .connection
                .change(&format!("Users/{}", id(&resource)), &patch)
                .await?;
            self.changed(answer, || {
                format!("PATCH Users {} (manager)", person.user_principal_name)
            });
        }
        Ok(())
    }

    async fn groups(&mut self, count: usize) -> Result<(), ConnectionError> {
        for group in self.population.groups.clone().iter().take(count) {
            let Some(resource) = self.group(group).await? else {
                continue;
            };
            self.memberships(group, &id(&resource)).await?;
        }
        Ok(())
    }

    async fn group(&mut self, group: &Group) -> Result<Option<Value>, ConnectionError> {
        let name = &group.display_name;
        let found = match self.connection.find("Groups", "displayName", name).await? {
            Err(refusal) => return Ok(self.failed(format!("GET Groups {name}"), refusal)),
            Ok(found) => found.into_iter().next(),
        };
        let Some(resource) = found else {
            return Ok(
                match self
                    .connection
                    .create("Groups", &dialect::new_group(group))
                    .await?
                {
                    Ok(created) => {
                        self.summary.created += 1;
                        Some(created)
                    }
                    Err(refusal) => self.failed(format!("POST Groups {name}"), refusal),
                },
            );
        };
        if let Some(patch) = self.dialect.group_patch(group, &resource) {
            let answer = self
                .connection
                .change(&format!("Groups/{}", id(&resource)), &patch)
                .await?;
            self.changed(answer, || format!("PATCH Groups {name}"));
        }
        Ok(Some(resource))
    }

    /// Entra never reads memberships back: it sends what it knows.
    async fn memberships(&mut self, group: &Group, id: &str) -> Result<(), ConnectionError> {
        let path = format!("Groups/{id}");
        let mut joining = Vec::new();
        for member in &group.members {
            joining.extend(self.link(*member).await?);
        }
        for some in joining.chunks(MEMBERS_AT_ONCE) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let answer = self
                .connection
                .change(&path, &self.dialect.join_patch(&some))
                .await?;
            self.changed(answer, || {
                format!("PATCH Groups {} (members)", group.display_name)
            });
        }
        for member in &group.left {
            let Some(member) = self.link(*member).await? else {
                continue;
            };
            let answer = self
                .connection
                .change(&path, &self.dialect.leave_patch(&member))
                .await?;
            self.changed(answer, || {
                format!("PATCH Groups {} (members)", group.display_name)
            });
        }
        Ok(())
    }

    /// The identifier of the resource of a person, looked for once.
    async fn link(&mut self, position: usize) -> Result<Option<String>, ConnectionError> {
        if self.links[position].is_none() {
            let name = self.population.people[position].user_principal_name.clone();
            let found = self.connection.find("Users", "userName", &name).await?;
            self.links[position] = found.ok().and_then(|it| it.into_iter().next());
        }
        Ok(self.links[position].as_ref().map(id))
    }

    fn changed(&mut self, answer: Result<Value, Refusal>, request: impl FnOnce() -> String) {
        match answer {
            Ok(_) => self.summary.updated += 1,
            Err(refusal) => {
                self.failed(request(), refusal);
            }
        }
    }

    fn failed(&mut self, request: String, refusal: Refusal) -> Option<Value> {
        let Refusal { status, detail } = refusal;
        self.summary.failures.push(Failure {
            request,
            status,
            detail,
        });
        None
    }
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_default().to_owned()
}
