//! Provisioning cycles in Entra's order: test, people, managers, groups, memberships.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, TryStreamExt};
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
/// Links between people and resources are found by filter each time, so nothing is kept between two runs. People, and groups, are done
/// in their order, or as many at once as the connection allows.
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
    let run = Run {
        connection,
        dialect,
        links: Mutex::new(vec![None; population.people.len()]),
        population: &population,
        summary: Mutex::default(),
    };
    let groups = &population.groups[..groups.min(population.groups.len())];
    run.each(&people, |it| run.person(*it)).await?;
    run.each(&people, |it| run.manager(*it)).await?;
    run.each(groups, |it| run.group(it)).await?;
    let mut summary = run.summary().clone();
    summary.requests = connection.requests() - before + 1;
    Ok(summary)
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
    population: &'a Population,
    /// The resource of each person, as far as it was seen.
    links: Mutex<Vec<Option<Value>>>,
    summary: Mutex<Summary>,
}

impl Run<'_> {
    /// Does `work` for each of `all`.
    async fn each<'a, T: Sync, Work>(
        &self,
        all: &'a [T],
        work: impl Fn(&'a T) -> Work + Send,
    ) -> Result<(), ConnectionError>
    where
        Work: Future<Output = Result<(), ConnectionError>> + Send,
    {
        stream::iter(all.iter().map(Ok))
            .try_for_each_concurrent(self.connection.at_once(), work)
            .await
    }

    fn links(&self) -> MutexGuard<'_, Vec<Option<Value>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// First pass: everybody by themselves.
    async fn person(&self, position: usize) -> Result<(), ConnectionError> {
        let seen = self.provisioned(&self.population.people[position]).await?;
        self.links()[position] = seen;
        Ok(())
    }

    async fn provisioned(&self, person: &Person) -> Result<Option<Value>, ConnectionError> {
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
                        self.summary().created += 1;
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
                        self.summary().deactivated += 1;
                    } else {
                        self.summary().updated += 1;
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
    async fn manager(&self, position: usize) -> Result<(), ConnectionError> {
        let person = &self.population.people[position];
        let Some(manager) = person.manager.filter(|_| person.enabled) else {
            return Ok(());
        };
        let link = self.link(manager).await?;
        let resource = self.links()[position].clone();
        let (Some(manager), Some(resource)) = (link, resource) else {
            return Ok(());
        };
        let Some(patch) = self.dialect.manager_patch(&manager, &resource) else {
            return Ok(());
        };
        let answer = self
            .connection
            .change(&format!("Users/{}", id(&resource)), &patch)
            .await?;
        self.changed(answer, || {
            format!("PATCH Users {} (manager)", person.user_principal_name)
        });
        Ok(())
    }

    async fn group(&self, group: &Group) -> Result<(), ConnectionError> {
        if let Some(resource) = self.named(group).await? {
            self.memberships(group, &id(&resource)).await?;
        }
        Ok(())
    }

    async fn named(&self, group: &Group) -> Result<Option<Value>, ConnectionError> {
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
                        self.summary().created += 1;
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
    async fn memberships(&self, group: &Group, id: &str) -> Result<(), ConnectionError> {
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
    async fn link(&self, position: usize) -> Result<Option<String>, ConnectionError> {
        let known = self.links()[position].as_ref().map(id);
        if known.is_some() {
            return Ok(known);
        }
        let name = &self.population.people[position].user_principal_name;
        let found = self.connection.find("Users", "userName", name).await?;
        let found = found.ok().and_then(|it| it.into_iter().next());
        let link = found.as_ref().map(id);
        self.links()[position] = found;
        Ok(link)
    }

    fn changed(&self, answer: Result<Value, Refusal>, request: impl FnOnce() -> String) {
        match answer {
            Ok(_) => self.summary().updated += 1,
            Err(refusal) => {
                self.failed(request(), refusal);
            }
        }
    }

    fn failed(&self, request: String, refusal: Refusal) -> Option<Value> {
        let Refusal { status, detail } = refusal;
        self.summary().failures.push(Failure {
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
