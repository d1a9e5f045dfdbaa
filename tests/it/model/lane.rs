//! One writer: asks, compares each answer with the oracle, and reads back what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::ETAG;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::operations::{
    DEPARTMENT, ENTERPRISE, Edit, Generator, GroupEdit, Guard, MANAGER, Operation, user_body,
};
use super::oracle::{Group, Oracle, User};

/// Where the directory is.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) client: Client,
    pub(super) base: String,
    pub(super) token: &'static str,
}

pub(super) struct Answer {
    pub(super) status: u16,
    tag: Option<String>,
    pub(super) body: Value,
}

impl Directory {
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        tag: Option<&str>,
        body: Option<Value>,
    ) -> Result<Answer, String> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(self.token);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/scim+json")
                .body(body.to_string());
        }
        let response = request.send().await.map_err(|error| error.to_string())?;
        let tag = response.headers().get(ETAG);
        Ok(Answer {
            status: response.status().as_u16(),
            tag: tag.and_then(|it| it.to_str().ok()).map(str::to_owned),
            body: serde_json::from_slice(&response.bytes().await.unwrap_or_default())
                .unwrap_or_default(),
        })
    }
}

pub(super) struct Lane {
    directory: Directory,
    generator: Generator,
    pub(super) oracle: Oracle,
    everybody: String,
    /// Versions as they were last told.
    tags: BTreeMap<String, String>,
}

impl Lane {
    /// A writer whose names begin with `name`, and who shares the group `everybody` with the others.
    pub(super) fn new(directory: Directory, name: String, seed: u64, everybody: String) -> Self {
        Self {
            directory,
            generator: Generator::new(name, seed),
            oracle: Oracle::default(),
            everybody,
            tags: BTreeMap::new(),
        }
    }

    /// Asks `count` times; an error tells the operation and what was wrong.
    pub(super) async fn run(mut self, count: usize) -> Result<Self, String> {
        for number in 0..count {
            let operation = self.generator.next(&self.oracle);
            self.perform(&operation).await.map_err(|wrong| {
                let lane = &self.generator.lane;
                format!("{lane}, operation {number}: {wrong}\n{operation:?}")
            })?;
        }
        Ok(self)
    }

    async fn perform(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::CreateUser(user) => {
                let wanted = self.oracle.create_user(user);
                let answer = self
                    .send(Method::POST, "/Users", None, Some(user_body(user)))
                    .await?;
                if let Some(id) = self.created(&wanted, &answer)? {
                    self.oracle.users.insert(id.clone(), user.clone());
                    self.compare_user(&answer.body)?;
                    self.read_back_user(&id).await?;
                }
                Ok(())
            }
            Operation::PatchUser { id, edits, guard } => self.patch_user(id, edits, *guard).await,
            Operation::PutUser { id, user } => {
                let wanted = self.oracle.put_user(id, user);
                let path = format!("/Users/{id}");
                let answer = self
                    .send(Method::PUT, &path, None, Some(user_body(user)))
                    .await?;
                expect(&wanted, &answer)?;
                self.tags.remove(id);
                self.read_back_user(id).await
            }
            Operation::DeleteUser(id) => {
                for group in self.oracle.groups_of(id) {
                    self.tags.remove(&group);
                }
                let wanted = self.oracle.delete_user(id);
                self.delete("/Users", id, wanted).await?;
                self.read_back_user(id).await
            }
            Operation::ReadUser(id) => self.read_user(id).await,
            Operation::SearchUsers(filter) => {
                let own = format!("externalId sw \"{}-\"", self.generator.lane);
                self.search(
                    &format!("{own} and ({})", filter.to_text()),
                    self.oracle.search(filter),
                )
                .await
            }
            other => self.perform_on_groups(other).await,
        }
    }

    async fn patch_user(&mut self, id: &str, edits: &[Edit], guard: Guard) -> Result<(), String> {
        let operations: Vec<Value> = edits.iter().map(Edit::to_json).collect();
        let before = self.oracle.users.get(id).cloned();
        let tag = self.tag(id, guard);
        let wanted = match (&before, guard) {
            (Some(_), Guard::Stale) => vec![412],
            _ => self.oracle.patch_user(id, edits),
        };
        let path = format!("/Users/{id}");
        let answer = self
            .send(Method::PATCH, &path, tag, Some(patch(&operations)))
            .await?;
        expect(&wanted, &answer)?;
        let changed = before.as_ref() != self.oracle.users.get(id);
        self.settle(id, &answer, changed, edits.len() == 1)?;
        if answer.status == 200 {
            self.compare_user(&answer.body)?;
        }
        self.read_back_user(id).await
    }

    async fn perform_on_groups(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::CreateGroup { name, members } => {
                let wanted = self.oracle.create_group(name, members);
                let list: Vec<Value> = members.iter().map(|it| json!({"value": it})).collect();
                let body = json!({"displayName": name, "members": list});
                let answer = self.send(Method::POST, "/Groups", None, Some(body)).await?;
                if let Some(id) = self.created(&wanted, &answer)? {
                    let members = members.iter().cloned().collect();
                    self.oracle.groups.insert(
                        id.clone(),
                        Group {
                            name: name.clone(),
                            members,
                        },
                    );
                    self.read_back_group(&id).await?;
                }
                Ok(())
            }
            Operation::PatchGroup { id, edits, guard } => {
                let operations: Vec<Value> = edits.iter().map(GroupEdit::to_json).collect();
                let before = self.oracle.groups.get(id).cloned();
                let tag = self.tag(id, *guard);
                let wanted = match (&before, *guard) {
                    (Some(_), Guard::Stale) => vec![412],
                    _ => self.oracle.patch_group(id, edits),
                };
                let path = format!("/Groups/{id}");
                let answer = self
                    .send(Method::PATCH, &path, tag, Some(patch(&operations)))
                    .await?;
                expect(&wanted, &answer)?;
                let changed = before.as_ref() != self.oracle.groups.get(id);
                self.settle(id, &answer, changed, edits.len() == 1)?;
                self.read_back_group(id).await
            }
            Operation::DeleteGroup(id) => {
                let wanted = self.oracle.delete_group(id);
                self.delete("/Groups", id, wanted).await?;
                self.read_back_group(id).await
            }
            Operation::ReadGroup(id) => self.read_group(id).await,
            Operation::Everybody { id, add } => self.join_or_leave(id, *add).await,
            other => unreachable!("{other:?} is no operation on groups"),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        tag: Option<String>,
        body: Option<Value>,
    ) -> Result<Answer, String> {
        self.directory.ask(method, path, tag.as_deref(), body).await
    }

    /// The version that a request insists on.
    fn tag(&self, id: &str, guard: Guard) -> Option<String> {
        match guard {
            Guard::None => None,
            Guard::Current => self.tags.get(id).cloned(),
            Guard::Stale => Some("W/\"999999\"".to_owned()),
        }
    }

    /// The new identifier, when there was to be one.
    fn created(&mut self, wanted: &[u16], answer: &Answer) -> Result<Option<String>, String> {
        expect(wanted, answer)?;
        if answer.status != 201 {
            return Ok(None);
        }
        let id = answer.body["id"]
            .as_str()
            .ok_or("a resource without an id")?;
        self.tags
            .extend(answer.tag.clone().map(|tag| (id.to_owned(), tag)));
        Ok(Some(id.to_owned()))
    }

    /// A version is another one when something changed. When one operation changed nothing, it is the same.
    fn settle(
        &mut self,
        id: &str,
        answer: &Answer,
        changed: bool,
        one: bool,
    ) -> Result<(), String> {
        let (true, Some(tag)) = (answer.status < 300, &answer.tag) else {
            return Ok(());
        };
        let before = self.tags.insert(id.to_owned(), tag.clone());
        match before {
            Some(before) if changed && before == *tag => Err(format!("the version stayed {tag}")),
            Some(before) if !changed && one && before != *tag => Err(format!(
                "nothing changed, but the version: {before} became {tag}"
            )),
            _ => Ok(()),
        }
    }

    async fn delete(&mut self, kind: &str, id: &str, wanted: Vec<u16>) -> Result<(), String> {
        let answer = self
            .send(Method::DELETE, &format!("{kind}/{id}"), None, None)
            .await?;
        self.tags.remove(id);
        expect(&wanted, &answer)
    }

    async fn join_or_leave(&mut self, id: &str, add: bool) -> Result<(), String> {
        let known = self.oracle.users.contains_key(id);
        let op = if add { "Add" } else { "Remove" };
        let operation = json!({"op": op, "path": "members", "value": [{"value": id}]});
        let path = format!("/Groups/{}", self.everybody);
        let answer = self
            .send(Method::PATCH, &path, None, Some(patch(&[operation])))
            .await?;
        expect(&[if add && !known { 400 } else { 204 }], &answer)?;
        if add && known {
            self.oracle.everybody.insert(id.to_owned());
        } else {
            self.oracle.everybody.remove(id);
        }
        self.read_back_user(id).await
    }

    /// Reads back what was written, one time in four: all is compared in the end.
    async fn read_back_user(&mut self, id: &str) -> Result<(), String> {
        if self.generator.chance.happens(1, 4) {
            return self.read_user(id).await;
        }
        Ok(())
    }

    async fn read_back_group(&mut self, id: &str) -> Result<(), String> {
        if self.generator.chance.happens(1, 4) {
            return self.read_group(id).await;
        }
        Ok(())
    }

    /// Reads a user: there as the oracle has it, or gone.
    async fn read_user(&self, id: &str) -> Result<(), String> {
        let answer = self
            .send(Method::GET, &format!("/Users/{id}"), None, None)
            .await?;
        if !self.oracle.users.contains_key(id) {
            return expect(&[404], &answer);
        }
        expect(&[200], &answer)?;
        self.compare_user(&answer.body)
    }

    async fn read_group(&self, id: &str) -> Result<(), String> {
        let answer = self
            .send(Method::GET, &format!("/Groups/{id}"), None, None)
            .await?;
        if !self.oracle.groups.contains_key(id) {
            return expect(&[404], &answer);
        }
        expect(&[200], &answer)?;
        self.compare_group(&answer.body)
    }

    async fn search(&self, filter: &str, wanted: BTreeSet<String>) -> Result<(), String> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", filter)
            .append_pair("count", "1000")
            .finish();
        let answer = self
            .send(Method::GET, &format!("/Users?{query}"), None, None)
            .await?;
        expect(&[200], &answer)?;
        let found = answer.body["Resources"].as_array().ok_or("no Resources")?;
        found.iter().try_for_each(|it| self.compare_user(it))?;
        let ids: BTreeSet<String> = found.iter().map(identifier).collect();
        if ids.len() != found.len() || ids != wanted {
            return Err(format!("{filter} found {ids:?}, not {wanted:?}"));
        }
        Ok(())
    }

    /// Compares an answered user with the one of the oracle, and the groups that it says with those that have it.
    pub(super) fn compare_user(&self, answered: &Value) -> Result<(), String> {
        let id = identifier(answered);
        let known = self
            .oracle
            .users
            .get(&id)
            .ok_or("nobody asked for this user")?;
        let mut groups = self.oracle.groups_of(&id);
        if self.oracle.everybody.contains(&id) {
            groups.insert(self.everybody.clone());
        }
        if observed_user(answered)? != *known || values(&answered["groups"]) != groups {
            return Err(format!(
                "the user is {answered}, not {known:?} in {groups:?}"
            ));
        }
        Ok(())
    }

    pub(super) fn compare_group(&self, answered: &Value) -> Result<(), String> {
        let known = self.oracle.groups.get(&identifier(answered));
        let observed = Group {
            name: answered["displayName"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            members: values(&answered["members"]),
        };
        if known != Some(&observed) {
            return Err(format!("the group is {answered}, not {known:?}"));
        }
        Ok(())
    }
}

fn patch(operations: &[Value]) -> Value {
    let urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    json!({"schemas": [urn], "Operations": operations})
}

fn expect(wanted: &[u16], answer: &Answer) -> Result<(), String> {
    if wanted.contains(&answer.status) {
        return Ok(());
    }
    Err(format!(
        "wanted {wanted:?}, got {} {}",
        answer.status, answer.body
    ))
}

pub(super) fn identifier(answered: &Value) -> String {
    answered["id"].as_str().unwrap_or_default().to_owned()
}

/// The `value` of each element of a list.
pub(super) fn values(list: &Value) -> BTreeSet<String> {
    let elements = list.as_array().into_iter().flatten();
    elements
        .filter_map(|it| it["value"].as_str().map(str::to_owned))
        .collect()
}

/// An answered user, taken apart; what the model does not know is an error.
fn observed_user(answered: &Value) -> Result<User, String> {
    let mut user = User::default();
    for (name, value) in answered.as_object().ok_or("no object")? {
        let mut text = |path: &'static str, value: &Value| match value.as_str() {
            Some(text) if !text.is_empty() => {
                user.texts.insert(path, text.to_owned());
                Ok(())
            }
            _ => Err(format!("{path} is {value}")),
        };
        match name.as_str() {
            "schemas" | "id" | "meta" | "groups" => {}
            "userName" => text("userName", value)?,
            "externalId" => text("externalId", value)?,
            "displayName" => text("displayName", value)?,
            "title" => text("title", value)?,
            "nickName" => text("nickName", value)?,
            "name" => {
                for (part, value) in value.as_object().ok_or("name is no object")? {
                    match part.as_str() {
                        "givenName" => text("name.givenName", value)?,
                        "familyName" => text("name.familyName", value)?,
                        unknown => return Err(format!("name has {unknown}")),
                    }
                }
            }
            ENTERPRISE => {
                for (part, value) in value.as_object().ok_or("no extension")? {
                    match part.as_str() {
                        "department" => text(DEPARTMENT, value)?,
                        "manager" => text(MANAGER, &value["value"])?,
                        unknown => return Err(format!("the extension has {unknown}")),
                    }
                }
            }
            "active" => user.active = Some(value.as_bool().ok_or("active is no boolean")?),
            "emails" => {
                for email in value.as_array().ok_or("emails is no list")? {
                    let kinds = ["work", "home", "other"];
                    let kind = kinds.into_iter().find(|kind| email["type"] == *kind);
                    let kind = kind.ok_or_else(|| format!("an email {email}"))?;
                    let text = email["value"].as_str().unwrap_or_default().to_owned();
                    if user.emails.insert(kind, text).is_some() {
                        return Err(format!("two emails of type {kind}"));
                    }
                }
            }
            unknown => return Err(format!("the user has {unknown}")),
        }
    }
    Ok(user)
}
