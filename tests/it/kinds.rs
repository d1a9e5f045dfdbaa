//! Every rule of the kinds, tried as data against `usher lint` and against a real API server: both must say the same.
//!
//! `kinds/*.yaml` hold one accepted and one refused object for each rule. Values may be written short: `{$repeat: [text, n]}`,
//! `{$list: [element, n]}` and `{$members: [value, n]}`; `%` in an element becomes its number.

use std::collections::BTreeSet;

use axum::http::Request;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};
use usher::api;
use usher::lint::{Finding, Rules, Severity, Source};

use crate::apiserver::cluster;

const FILES: [&str; 3] = [
    include_str!("kinds/scim_tenant.yaml"),
    include_str!("kinds/azure_connector.yaml"),
    include_str!("kinds/user_mapping.yaml"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    base: Value,
    create: Vec<Case>,
    update: Vec<Case>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    accepts: Option<String>,
    refuses: Option<String>,
    #[serde(default)]
    from: Map<String, Value>,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    field: Option<String>,
}

impl Case {
    fn name(&self) -> String {
        match (&self.accepts, &self.refuses) {
            (Some(name), None) if self.field.is_none() => format!("accepts {name}"),
            (None, Some(name)) if self.field.is_some() => format!("refuses {name}"),
            _ => panic!("a case accepts something, or refuses something and names the field"),
        }
    }

    fn before(&self, base: &Value) -> Value {
        changed(base, &self.from, &[])
    }

    fn object(&self, base: &Value) -> Value {
        changed(&self.before(base), &self.set, &self.remove)
    }
}

fn files() -> Vec<File> {
    FILES
        .iter()
        .map(|text| serde_yaml::from_str(text).expect("a file of cases"))
        .collect()
}

fn changed(base: &Value, set: &Map<String, Value>, remove: &[String]) -> Value {
    let mut object = base.clone();
    for (pointer, value) in set {
        let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = object
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("no {parent} in the base"));
        parent[key] = expanded(value, 0);
    }
    for pointer in remove {
        let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
        parent
            .expect("an object")
            .remove(key)
            .expect("a field to remove");
    }
    object
}

fn expanded(value: &Value, number: usize) -> Value {
    let short = |name: &str| {
        let arguments = value.get(name)?.as_array()?;
        Some((
            arguments.first()?,
            usize::try_from(arguments.get(1)?.as_u64()?).ok()?,
        ))
    };
    if let Some((text, times)) = short("$repeat") {
        return text.as_str().expect("text to repeat").repeat(times).into();
    }
    if let Some((element, times)) = short("$list") {
        return (0..times).map(|number| expanded(element, number)).collect();
    }
    if let Some((element, times)) = short("$members") {
        return (0..times)
            .map(|number| (format!("a{number}"), element.clone()))
            .collect();
    }
    match value {
        Value::String(text) => text.replace('%', &number.to_string()).into(),
        Value::Array(items) => items.iter().map(|it| expanded(it, number)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, it)| (key.clone(), expanded(it, number)))
            .collect(),
        other => other.clone(),
    }
}

fn linted(rules: &Rules, object: &Value) -> Vec<Finding> {
    // JSON is YAML.
    let text = serde_json::to_string_pretty(object).expect("JSON");
    rules
        .read(&[Source {
            file: "case".to_owned(),
            text,
        }])
        .findings
}

/// What the change from `before` to `after` breaks.
fn linted_change(rules: &Rules, before: &Value, after: &Value) -> Vec<Finding> {
    let read = |object: &Value| {
        let text = serde_json::to_string_pretty(object).expect("JSON");
        rules.read(&[Source {
            file: "case".to_owned(),
            text,
        }])
    };
    let (before, mut after) = (read(before), read(after));
    match (before.objects.first(), after.objects.first()) {
        (Some(before), Some(new)) => rules.change(&before.json, new),
        _ => std::mem::take(&mut after.findings),
    }
}

/// Says what is wrong with an answer, `refused` being the fields and words of it.
fn complaint(case: &Case, refused: &[(String, String)]) -> Option<String> {
    match &case.field {
        None if refused.is_empty() => None,
        None => Some(format!("{}: {refused:?}", case.name())),
        Some(field) if refused.iter().any(|(it, _)| it == field) => None,
        Some(field) => Some(format!("{}: wanted {field}, got {refused:?}", case.name())),
    }
}

fn fields(findings: &[Finding]) -> Vec<(String, String)> {
    let errors = findings.iter().filter(|it| it.severity == Severity::Error);
    errors
        .map(|it| (it.field.clone(), it.message.clone()))
        .collect()
}

#[test]
fn lint_accepts_and_refuses_each_object_at_its_field() {
    let rules = Rules::of_this_version();
    let mut wrong = Vec::new();

    for file in files() {
        for case in &file.create {
            wrong.extend(complaint(
                case,
                &fields(&linted(&rules, &case.object(&file.base))),
            ));
        }
        for case in &file.update {
            let (before, after) = (case.before(&file.base), case.object(&file.base));
            wrong.extend(complaint(
                case,
                &fields(&linted_change(&rules, &before, &after)),
            ));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_api_server_accepts_and_refuses_each_object_at_its_field() {
    let cluster = cluster().await;
    cluster
        .install_crds(&api::custom_resource_definitions())
        .await;
    let namespace = cluster.namespace("rules").await;
    let mut cases = Vec::new();
    for file in files() {
        let api = Objects::of(cluster.client.clone(), &namespace, &file.base);
        cases.extend(
            file.create
                .iter()
                .map(|it| (api.clone(), file.base.clone(), it.clone(), None)),
        );
        cases.extend(file.update.iter().enumerate().map(|(index, it)| {
            (
                api.clone(),
                file.base.clone(),
                it.clone(),
                Some(format!("update-{index}")),
            )
        }));
    }

    let answers = stream::iter(cases).map(|(api, base, case, update)| async move {
        let refused = match update {
            None => api.create(&case.object(&base)).await,
            Some(name) => api.update(&name, &case, &base).await,
        };
        complaint(&case, &refused)
    });
    let wrong: Vec<String> = answers
        .buffer_unordered(8)
        .filter_map(|it| async { it })
        .collect()
        .await;

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The objects of one kind in one namespace, sent as raw JSON: our own types know no unknown field.
#[derive(Clone)]
struct Objects {
    client: kube::Client,
    url: String,
}

impl Objects {
    fn of(client: kube::Client, namespace: &str, base: &Value) -> Self {
        let kind = base["kind"].as_str().expect("a kind").to_lowercase();
        let url = format!(
            "/apis/{}/{}/namespaces/{namespace}/{kind}s",
            api::GROUP,
            api::VERSION
        );
        Self { client, url }
    }

    /// Sends `object` to be validated as strictly as kubectl has it; the fields and words of what was refused.
    async fn send(&self, method: &str, below: &str, object: &Value) -> Vec<(String, String)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{below}", self.url))
            .header("Content-Type", "application/json")
            .body(object.to_string().into_bytes())
            .expect("a request");
        refusal(self.client.request::<Value>(request).await.err())
    }

    /// Creates `object` without keeping it.
    async fn create(&self, object: &Value) -> Vec<(String, String)> {
        self.send("POST", "?dryRun=All&fieldValidation=Strict", object)
            .await
    }

    /// Creates the first state of `case` and tries the second.
    async fn update(&self, name: &str, case: &Case, base: &Value) -> Vec<(String, String)> {
        let (mut before, mut after) = (case.before(base), case.object(base));
        before["metadata"]["name"] = name.into();
        after["metadata"]["name"] = name.into();
        let url = format!("{}/{name}", self.url);
        let first = self.send("POST", "", &before).await;
        assert!(first.is_empty(), "the first state is accepted: {first:?}");
        let request = Request::get(url).body(Vec::new()).expect("a request");
        let stored: Value = self.client.request(request).await.expect("it is there");
        after["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
        self.send(
            "PUT",
            &format!("/{name}?dryRun=All&fieldValidation=Strict"),
            &after,
        )
        .await
    }
}

/// The fields and words of a refusal; the fields of unknown ones stand in the message only.
fn refusal(error: Option<kube::Error>) -> Vec<(String, String)> {
    let status = match error {
        None => return Vec::new(),
        Some(kube::Error::Api(status)) => status,
        Some(other) => panic!("{other}"),
    };
    let mut refused: Vec<(String, String)> = status
        .details
        .iter()
        .flat_map(|it| &it.causes)
        .map(|it| (field(&it.field), it.message.clone()))
        .collect();
    for part in status.message.split("unknown field \"").skip(1) {
        let field = part.split('"').next().unwrap_or_default();
        refused.push((field.to_owned(), "unknown field".to_owned()));
    }
    if refused.is_empty() {
        refused.push((String::new(), status.message.clone()));
    }
    refused
}

/// The rules of the root are about `metadata.name`; the API server names no field for them.
fn field(named: &str) -> String {
    match named {
        "" | "<nil>" => "metadata.name".to_owned(),
        other => other.to_owned(),
    }
}

#[test]
fn every_rule_has_a_refused_object() {
    let rules = Rules::of_this_version();
    let mut refusals = BTreeSet::new();
    for file in files() {
        let kind = file.base["kind"].as_str().expect("a kind").to_owned();
        let created = file
            .create
            .iter()
            .flat_map(|it| linted(&rules, &it.object(&file.base)));
        let updated = file
            .update
            .iter()
            .flat_map(|it| linted_change(&rules, &it.before(&file.base), &it.object(&file.base)));
        for finding in created.chain(updated) {
            refusals.insert((
                kind.clone(),
                without_numbers(&finding.field),
                finding.message,
            ));
        }
    }

    let mut untried = Vec::new();
    for crd in api::custom_resource_definitions() {
        let kind = crd.spec.names.kind.clone();
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
        let mut wanted = Vec::new();
        demands(&schema["openAPIV3Schema"], "", &mut wanted);
        untried.extend(wanted.into_iter().filter(|(field, words)| {
            let named = if field.is_empty() {
                "metadata.name"
            } else {
                field
            };
            !refusals.iter().any(|(of, at, message)| {
                *of == kind && at == named && message.contains(words.as_str())
            })
        }));
    }
    assert!(
        untried.is_empty(),
        "rules that no case breaks: {untried:#?}"
    );
}

/// `a[3].b` as `a[].b`, and members of maps as `{}`.
fn without_numbers(field: &str) -> String {
    field
        .chars()
        .filter(|it| !it.is_ascii_digit() || !field.contains('['))
        .collect()
}

/// Field and words of every demand of `schema` on a spec.
fn demands(schema: &Value, path: &str, wanted: &mut Vec<(String, String)>) {
    wanted.extend(
        own_demands(schema)
            .into_iter()
            .map(|words| (path.to_owned(), words)),
    );
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    for key in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        wanted.push((below(key), "is required".to_owned()));
    }
    if matches!(
        schema["x-kubernetes-list-type"].as_str(),
        Some("set" | "map")
    ) {
        wanted.push((format!("{path}[]"), "duplicate value".to_owned()));
    }
    if let Some(items) = schema.get("items") {
        demands(items, &format!("{path}[]"), wanted);
    }
    if let Some(items) = schema.get("additionalProperties") {
        let member = if path.ends_with("requests") || path.ends_with("limits") {
            "cpu"
        } else {
            "a"
        };
        demands(items, &below(member), wanted);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        if !path.is_empty() || key == "spec" {
            demands(schema, &below(key), wanted);
        }
    }
}

/// Words of the demands of `schema` itself.
fn own_demands(schema: &Value) -> Vec<String> {
    let mut wanted = Vec::new();
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        wanted.push(
            rule["message"]
                .as_str()
                .expect("every rule has a message")
                .to_owned(),
        );
    }
    for (key, words) in [
        ("maxLength", "must have at most N characters"),
        ("minLength", "must have at least N characters"),
        ("maxItems", "must have at most N elements"),
        ("minItems", "must have at least N elements"),
        ("maxProperties", "must have at most N members"),
    ] {
        if let Some(limit) = schema.get(key) {
            let words = words.replace('N', &limit.to_string());
            let is_one = limit.as_u64() == Some(1);
            wanted.push(
                words
                    .strip_suffix('s')
                    .filter(|_| is_one)
                    .unwrap_or(&words)
                    .to_owned(),
            );
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        wanted.push(format!("must match {pattern}"));
    }
    if let Some(options) = schema["enum"].as_array() {
        let first = options
            .first()
            .and_then(Value::as_str)
            .expect("options are strings");
        wanted.push(first.to_owned());
    }
    wanted
}
