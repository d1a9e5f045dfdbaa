//! A platform in memory that obeys the port, can be interrupted at any call, and remembers every write.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;
use serde_json::{Value, json};
use usher::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use usher::config::report::PeoplePage;
use usher::config::{Report, StoreConfig, Token, WorkloadConfig, digest};
use usher::plan::{
    Announcement, Child, ChildKey, ChildKind, ClientSecretFiles, Owner, Ownership, Site,
    WorkloadState,
};
use usher::platform::{Platform, PlatformError, StatusOf};

/// Where a call is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends before the call of this number has an effect.
    Before(usize),
    /// The call of this number has its effect, and the process ends before it learns of it.
    After(usize),
}

/// The world, as several processes see it.
#[derive(Default)]
pub(crate) struct Model {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    scim_tenants: BTreeMap<ObjectKey, Arc<ScimTenant>>,
    azure_connectors: BTreeMap<ObjectKey, Arc<AzureConnector>>,
    user_mappings: BTreeMap<ObjectKey, Arc<UserMapping>>,
    children: BTreeMap<ChildKey, Value>,
    loaded: BTreeMap<ObjectKey, String>,
    people: Vec<Value>,
    announced: Vec<String>,
    counter: u64,
    writes: usize,
    calls: usize,
    fault: Option<Fault>,
    is_down: bool,
    poisoned: Option<String>,
}

impl State {
    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn gone() -> PlatformError {
        PlatformError::Unavailable {
            action: "go on after the end of the process".to_owned(),
            source: "interrupted".into(),
        }
    }

    fn live_uids(&self) -> Vec<String> {
        let uids = |meta: &ObjectMeta| meta.uid.clone().unwrap();
        let tenants = self.scim_tenants.values().map(|it| uids(&it.metadata));
        let connectors = self.azure_connectors.values().map(|it| uids(&it.metadata));
        let mappings = self.user_mappings.values().map(|it| uids(&it.metadata));
        tenants.chain(connectors).chain(mappings).collect()
    }
}

fn meta_of(child: &Value) -> ObjectMeta {
    serde_json::from_value(child["metadata"].clone()).unwrap()
}

impl Model {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The same world once more, to do something else with.
    pub(crate) fn fork(&self) -> Self {
        Self {
            state: Mutex::new(self.state().clone()),
        }
    }

    /// Lets the process end at `fault`.
    pub(crate) fn interrupt(&self, fault: Fault) {
        let mut state = self.state();
        state.calls = 0;
        state.fault = Some(fault);
    }

    /// Begins a new process; says whether the one before was interrupted.
    pub(crate) fn restart(&self) -> bool {
        let mut state = self.state();
        state.fault = None;
        std::mem::take(&mut state.is_down)
    }

    /// Lets every look at the object of this name panic.
    pub(crate) fn poison(&self, name: &str) {
        self.state().poisoned = Some(name.to_owned());
    }

    /// How often something was written.
    pub(crate) fn writes(&self) -> usize {
        self.state().writes
    }

    /// What was announced.
    pub(crate) fn announced(&self) -> Vec<String> {
        self.state().announced.clone()
    }

    /// Makes or changes an object, as a user does; an unchanged spec keeps its generation.
    pub(crate) fn put(&self, yaml: &str) {
        let value: Value = serde_yaml::from_str(yaml).unwrap();
        let mut state = self.state();
        let fresh = state.fresh();
        macro_rules! put {
            ($map:ident, $kind:ty) => {{
                let mut object: $kind = serde_json::from_value(value).unwrap();
                object.metadata.namespace = Some("ns".to_owned());
                let key = ObjectKey::of(&object);
                match state.$map.get(&key) {
                    Some(old) => {
                        object.status = old.status.clone();
                        object.metadata = old.metadata.clone();
                        object.metadata.generation = old.metadata.generation.map(|it| it + 1);
                    }
                    None => {
                        object.metadata.uid = Some(format!("uid-{fresh}"));
                        object.metadata.generation = Some(1);
                        object.metadata.creation_timestamp = Some(
                            serde_json::from_value(json!(format!(
                                "2026-01-01T00:00:{:02}Z",
                                fresh % 60
                            )))
                            .unwrap(),
                        );
                    }
                }
                state.$map.insert(key, Arc::new(object));
            }};
        }
        match value["kind"].as_str().unwrap() {
            "ScimTenant" => put!(scim_tenants, ScimTenant),
            "AzureConnector" => put!(azure_connectors, AzureConnector),
            "UserMapping" => put!(user_mappings, UserMapping),
            other => panic!("{other} is not a kind of ours"),
        }
    }

    /// Lets these people be in the directory.
    pub(crate) fn provision(&self, people: Vec<Value>) {
        self.state().people = people;
    }

    /// Ends the pods of a `ScimTenant`, until time passes.
    pub(crate) fn unload(&self, name: &str) {
        self.state().loaded.remove(&ObjectKey::new("ns", name));
    }

    /// Deletes an object, as a user does.
    pub(crate) fn remove(&self, kind: &str, name: &str) {
        let key = ObjectKey::new("ns", name);
        let mut state = self.state();
        match kind {
            "ScimTenant" => drop(state.scim_tenants.remove(&key).unwrap()),
            "AzureConnector" => drop(state.azure_connectors.remove(&key).unwrap()),
            "UserMapping" => drop(state.user_mappings.remove(&key).unwrap()),
            other => panic!("{other} is not a kind of ours"),
        }
    }

    /// Deletes a child, as somebody else does.
    pub(crate) fn remove_child(&self, kind: ChildKind, name: &str) {
        let key = ChildKey::new(kind, "ns", name);
        self.state().children.remove(&key).unwrap();
    }

    /// Puts something in the place of a child, or changes it, as somebody else does.
    pub(crate) fn edit_child(&self, kind: ChildKind, name: &str, edit: impl Fn(&mut Value)) {
        let mut state = self.state();
        let fresh = state.fresh();
        let child = state
            .children
            .entry(ChildKey::new(kind, "ns", name))
            .or_insert_with(|| json!({"metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{fresh}")}}));
        edit(child);
        child["metadata"]["resourceVersion"] = json!(fresh.to_string());
    }

    /// Lets owner references take effect, and the pods load their configuration.
    pub(crate) fn pass_time(&self) {
        let mut state = self.state();
        let live = state.live_uids();
        state.children.retain(|_, child| {
            let owners = meta_of(child).owner_references.unwrap_or_default();
            owners.is_empty() || owners.iter().any(|it| live.contains(&it.uid))
        });
        let documents: BTreeMap<ObjectKey, String> = state
            .children
            .iter()
            .filter(|(key, _)| key.kind == ChildKind::Deployment)
            .filter_map(|(key, _)| {
                let name = format!("{}-config", key.object.name);
                let secret = state
                    .children
                    .get(&ChildKey::new(ChildKind::Secret, "ns", &name))?;
                let secret: Secret = serde_json::from_value(secret.clone()).unwrap();
                let document = secret.data?.remove("config.json")?.0;
                Some((key.object.clone(), String::from_utf8(document).unwrap()))
            })
            .collect();
        state.loaded = documents;
    }

    /// Names of every object and child.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state()
            .children
            .keys()
            .map(ToString::to_string)
            .collect()
    }

    /// The Secret called `name`.
    pub(crate) fn secret_now(&self, name: &str) -> Option<Secret> {
        let key = ChildKey::new(ChildKind::Secret, "ns", name);
        let secret = self.state().children.get(&key).cloned()?;
        Some(serde_json::from_value(secret).unwrap())
    }

    /// What the pods of a `ScimTenant` serve.
    pub(crate) fn config(&self, name: &str) -> Option<WorkloadConfig> {
        let state = self.state();
        let document = state.loaded.get(&ObjectKey::new("ns", name))?;
        Some(WorkloadConfig::parse(document).unwrap())
    }

    /// Children and statuses, without what differs between two runs that are the same.
    pub(crate) fn snapshot(&self) -> String {
        let state = self.state();
        let statuses = json!({
            "scimTenants": state.scim_tenants.values().map(|it| &it.status).collect::<Vec<_>>(),
            "azureConnectors": state.azure_connectors.values().map(|it| &it.status).collect::<Vec<_>>(),
            "userMappings": state.user_mappings.values().map(|it| &it.status).collect::<Vec<_>>(),
        });
        let children: BTreeMap<String, Value> = state
            .children
            .iter()
            .map(|(key, child)| (key.to_string(), child.clone()))
            .collect();
        let mut whole = json!({"children": children, "statuses": statuses});
        erase(&mut whole);
        serde_json::to_string_pretty(&whole).unwrap()
    }

    /// Begins a call; fails when the process has ended.
    async fn enter(&self) -> Result<usize, PlatformError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.is_down {
            return Err(State::gone());
        }
        let call = state.calls;
        state.calls += 1;
        if state.fault == Some(Fault::Before(call)) {
            state.is_down = true;
            return Err(State::gone());
        }
        Ok(call)
    }

    /// Ends a call; fails when its answer is lost.
    async fn leave<T>(&self, call: usize, answer: T) -> Result<T, PlatformError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.fault == Some(Fault::After(call)) {
            state.is_down = true;
            return Err(State::gone());
        }
        Ok(answer)
    }

    fn store(
        state: &mut State,
        owner: Option<&Owner>,
        key: ChildKey,
        mut body: Value,
    ) -> Result<(), PlatformError> {
        let metadata = body["metadata"].as_object_mut().unwrap();
        let wanted_version = metadata.shift_remove("resourceVersion");
        let wanted_uid = metadata.shift_remove("uid");
        let old = state.children.get(&key).cloned();
        if let (Some(old), Some(owner)) = (&old, owner)
            && owner.ownership(&meta_of(old)) == Ownership::Foreign
        {
            return Err(PlatformError::NameTaken { child: key });
        }
        let version = old
            .as_ref()
            .map(|it| it["metadata"]["resourceVersion"].clone());
        // As the API server has it: an apply with the version of an object that is gone makes it anew, one with its uid does not.
        let is_other = wanted_version.is_some() && version.is_some() && wanted_version != version;
        let uid = old.as_ref().map(|it| it["metadata"]["uid"].clone());
        if is_other || wanted_uid.is_some() && wanted_uid != uid {
            return Err(PlatformError::Conflict {
                what: key.to_string(),
            });
        }
        let fresh = state.fresh();
        let (uid, version) = old.as_ref().map_or_else(
            || (json!(format!("uid-{fresh}")), json!(fresh.to_string())),
            |old| {
                (
                    old["metadata"]["uid"].clone(),
                    old["metadata"]["resourceVersion"].clone(),
                )
            },
        );
        body["metadata"]["uid"] = uid;
        body["metadata"]["resourceVersion"] = version;
        if old.as_ref() != Some(&body) {
            body["metadata"]["resourceVersion"] = json!(fresh.to_string());
            state.children.insert(key, body);
            state.writes += 1;
        }
        Ok(())
    }
}

/// Replaces random and temporal values.
fn erase(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for moving in [
                "uid",
                "resourceVersion",
                "lastTransitionTime",
                "id",
                "issuedAt",
                "computedAt",
            ] {
                fields.shift_remove(moving);
            }
            for (key, value) in fields.iter_mut() {
                match key.as_str() {
                    "usher.dev/owner-uid"
                    | "usher.dev/credential-id"
                    | "usher.dev/issued-at"
                    | "usher.dev/clients"
                    | "password"
                    | "report-token" => *value = json!("…"),
                    "expiresAt" => *value = json!("later"),
                    "config.json" => *value = shape(value),
                    _ => erase(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(erase),
        Value::String(text) if text.contains("until 20") => {
            let (before, after) = text.split_once("until ").unwrap();
            let rest = after.split_once(": ").unwrap().1;
            *text = format!("{before}until later: {rest}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A configuration document without its digests.
fn shape(document: &Value) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(document.as_str().unwrap())
        .unwrap();
    let mut config: Value = serde_json::from_slice(&bytes).unwrap();
    config["reportToken"] = json!("…");
    for tenant in config["scimTenants"].as_array_mut().unwrap() {
        for client in tenant["clients"].as_array_mut().unwrap() {
            for credential in client["credentials"].as_array_mut().unwrap() {
                let kind = if credential.get("expiresAt").is_some() {
                    "previous"
                } else {
                    "current"
                };
                *credential = json!(kind);
            }
        }
    }
    config
}

#[async_trait]
impl Platform for Model {
    fn scim_tenants(&self) -> Vec<Arc<ScimTenant>> {
        self.state().scim_tenants.values().cloned().collect()
    }

    fn azure_connectors(&self, namespace: &str) -> Vec<Arc<AzureConnector>> {
        let state = self.state();
        let found = state.azure_connectors.iter();
        found
            .filter(|(key, _)| key.namespace == namespace)
            .map(|(_, it)| Arc::clone(it))
            .collect()
    }

    fn user_mappings(&self, namespace: &str) -> Vec<Arc<UserMapping>> {
        let state = self.state();
        let found = state.user_mappings.iter();
        found
            .filter(|(key, _)| key.namespace == namespace)
            .map(|(_, it)| Arc::clone(it))
            .collect()
    }

    fn scim_tenant(&self, key: &ObjectKey) -> Option<Arc<ScimTenant>> {
        self.state().scim_tenants.get(key).cloned()
    }

    fn azure_connector(&self, key: &ObjectKey) -> Option<Arc<AzureConnector>> {
        self.state().azure_connectors.get(key).cloned()
    }

    fn user_mapping(&self, key: &ObjectKey) -> Option<Arc<UserMapping>> {
        self.state().user_mappings.get(key).cloned()
    }

    fn site(&self, tenant: &ScimTenant) -> Site {
        Site {
            public_url: format!("https://{}", tenant.spec.host).parse().unwrap(),
            store: StoreConfig::Sqlite {
                path: "directory.db".into(),
            },
            client_secrets: ClientSecretFiles::Mounted,
        }
    }

    async fn secret(&self, key: &ObjectKey) -> Result<Option<Secret>, PlatformError> {
        let call = self.enter().await?;
        let poisoned = self.state().poisoned.clone();
        assert!(
            poisoned.is_none_or(|it| !key.name.starts_with(&it)),
            "a poisoned Secret was looked at"
        );
        let answer = self.secret_now(&key.name);
        self.leave(call, answer).await
    }

    async fn create_secret(&self, secret: &Secret) -> Result<(), PlatformError> {
        let call = self.enter().await?;
        let child = Child::Secret(Box::new(secret.clone()));
        {
            let mut state = self.state();
            if state.children.contains_key(&child.key()) {
                return Err(PlatformError::Conflict {
                    what: child.key().to_string(),
                });
            }
            Self::store(&mut state, None, child.key(), child.to_json().unwrap())?;
        }
        self.leave(call, ()).await
    }

    async fn apply(&self, owner: &Owner, child: &Child) -> Result<(), PlatformError> {
        let call = self.enter().await?;
        Self::store(
            &mut self.state(),
            Some(owner),
            child.key(),
            child.to_json().unwrap(),
        )?;
        self.leave(call, ()).await
    }

    async fn delete(&self, child: &ChildKey, uid: &str) -> Result<(), PlatformError> {
        let call = self.enter().await?;
        {
            let mut state = self.state();
            let found = state.children.get(child);
            if found.is_some_and(|it| it["metadata"]["uid"] == json!(uid)) {
                state.children.remove(child);
                state.writes += 1;
            }
        }
        self.leave(call, ()).await
    }

    async fn owned(
        &self,
        owner: &Owner,
        kind: ChildKind,
    ) -> Result<Vec<ObjectMeta>, PlatformError> {
        let call = self.enter().await?;
        let found = self
            .state()
            .children
            .iter()
            .filter(|(key, _)| key.kind == kind)
            .map(|(_, child)| meta_of(child))
            .filter(|it| {
                it.owner_references
                    .iter()
                    .flatten()
                    .any(|it| it.uid == owner.uid)
            })
            .collect();
        self.leave(call, found).await
    }

    async fn workload(&self, key: &ObjectKey) -> Result<WorkloadState, PlatformError> {
        let call = self.enter().await?;
        let child = ChildKey::new(ChildKind::Deployment, &key.namespace, &key.name);
        let answer = if self.state().children.contains_key(&child) {
            WorkloadState::Available
        } else {
            WorkloadState::Absent
        };
        self.leave(call, answer).await
    }

    async fn report(&self, key: &ObjectKey, token: &Token) -> Result<Report, PlatformError> {
        let call = self.enter().await?;
        let document = self.state().loaded.get(key).cloned();
        let known = document.filter(|it| {
            WorkloadConfig::parse(it).is_ok_and(|config| config.report_token.matches(token))
        });
        let Some(document) = known else {
            return Err(PlatformError::ReportUnavailable {
                workload: key.to_string(),
                source: "there are no pods, or they have another token".into(),
            });
        };
        let report = Report {
            config_digest: digest(&document),
            ..Report::default()
        };
        self.leave(call, report).await
    }

    async fn people(
        &self,
        key: &ObjectKey,
        _: &Token,
        after: Option<i64>,
    ) -> Result<PeoplePage, PlatformError> {
        let call = self.enter().await?;
        let (is_served, people) = {
            let state = self.state();
            (state.loaded.contains_key(key), state.people.clone())
        };
        if !is_served {
            return Err(PlatformError::ReportUnavailable {
                workload: key.to_string(),
                source: "there are no pods".into(),
            });
        }
        // One a page, so that the walk can be interrupted.
        let index = usize::try_from(after.unwrap_or_default()).unwrap();
        let page = PeoplePage {
            people: people.get(index).cloned().into_iter().collect(),
            next: (index + 1 < people.len()).then(|| i64::try_from(index + 1).unwrap()),
        };
        self.leave(call, page).await
    }

    async fn write_status(&self, status: &StatusOf) -> Result<(), PlatformError> {
        let call = self.enter().await?;
        {
            let mut state = self.state();
            state.writes += 1;
            macro_rules! write {
                ($map:ident, $owner:ident, $status:ident) => {
                    if let Some(object) = state.$map.get_mut(&$owner.object)
                        && object.metadata.uid.as_ref() == Some(&$owner.uid)
                    {
                        Arc::make_mut(object).status = Some($status.clone());
                    }
                };
            }
            match status {
                StatusOf::ScimTenant(owner, it) => write!(scim_tenants, owner, it),
                StatusOf::AzureConnector(owner, it) => {
                    let it = it.as_ref();
                    write!(azure_connectors, owner, it);
                }
                StatusOf::UserMapping(owner, it) => write!(user_mappings, owner, it),
            }
        }
        self.leave(call, ()).await
    }

    async fn announce(&self, owner: &Owner, announcement: &Announcement) {
        let text = format!(
            "{} {}: {}",
            owner.object.name,
            announcement.reason.as_str(),
            announcement.note
        );
        self.state().announced.push(text);
    }
}
