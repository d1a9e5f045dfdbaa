//! The exchanges that Microsoft Entra has with a SCIM server: a player of the recorded cases.
//!
//! A [`Player`] hands out one request after the other and checks the answers; how they travel
//! (function call, HTTP, through a cluster) is the caller's matter.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The recorded cases, in the order in which they are played against an empty server.
const CASES: &str = include_str!("../data/entra-requests.json");

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The identifier of the case, such as `C05`.
    pub(crate) id: String,
    pub(crate) method: String,
    /// Below the SCIM base, with its query form-encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// What a server said; names of headers in any casing.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Removes `members` without saying whom, as RFC 7644 allows. No client in Entra's dialect may: it is the one case that
/// needs a strict one.
const BARE_REMOVAL: &str = "G28";

/// Plays the cases in order.
pub(crate) struct Player {
    cases: Vec<Value>,
    next: usize,
    values: HashMap<String, String>,
    strict_token: Option<String>,
}

impl Player {
    /// `base_url` is the SCIM base without a slash at its end, `token` the bearer token, `run`
    /// twelve decimal digits that make names of this run unique.
    pub(crate) fn new(base_url: &str, token: &str, run: &str) -> Self {
        Self::playing(CASES, base_url, token, run)
    }

    /// The same with other cases.
    pub(crate) fn playing(cases: &str, base_url: &str, token: &str, run: &str) -> Self {
        let cases: Vec<Value> = serde_json::from_str(cases).expect("the cases are a JSON list");
        let values = [("baseUrl", base_url), ("token", token), ("run", run)];
        let values = values
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Self {
            cases,
            next: 0,
            values,
            strict_token: None,
        }
    }

    /// Lets the client with this token send what only a strict client may. Without one, the group is emptied as Entra would.
    pub(crate) fn with_strict_client(mut self, token: &str) -> Self {
        self.strict_token = Some(token.to_owned());
        self
    }

    /// How many cases there are.
    pub(crate) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The next request; `None` after the last one.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        let mut case = self.cases.get(self.next)?.clone();
        self.next += 1;
        if case["id"] == BARE_REMOVAL {
            match &self.strict_token {
                Some(token) => case["headers"]["Authorization"] = json!(format!("Bearer {token}")),
                None => {
                    case["body"]["Operations"] =
                        json!([{"op": "Replace", "path": "members", "value": []}]);
                }
            }
        }
        let headers = case["headers"].as_object().into_iter().flatten();
        let body = match (case.get("rawBody"), case.get("body")) {
            (Some(raw), _) => raw.as_str().map(str::to_owned),
            (None, Some(body)) => Some(body.to_string()),
            (None, None) => None,
        };
        Some(Request {
            id: text(&case["id"]),
            method: text(&case["method"]),
            path: self.filled(&text(&case["path"])),
            headers: headers
                .map(|(name, value)| (name.clone(), self.filled(&text(value))))
                .collect(),
            body: body.map(|body| self.filled(&body).into_bytes()),
        })
    }

    /// Checks the answer to the request handed out last; the error names case and check.
    pub(crate) fn check(&mut self, answer: &Answer) -> Result<(), String> {
        let case = self.cases[self.next - 1].clone();
        let id = text(&case["id"]);
        let body = String::from_utf8_lossy(&answer.body);
        let fault = |what: String| Err(format!("{id}: {what}; answer {} {body}", answer.status));

        let statuses = case["expect"]["status"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !statuses.contains(&Value::from(answer.status)) {
            return fault(format!("wanted status {statuses:?}"));
        }
        let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        for (name, path) in case["capture"].as_object().into_iter().flatten() {
            let Some(Value::String(captured)) = select(&parsed, &text(path)).first().copied()
            else {
                return fault(format!("nothing to capture as {name}"));
            };
            self.values.insert(name.clone(), captured.clone());
        }
        for (name, rule) in case["expect"]["headers"].as_object().into_iter().flatten() {
            let rule = self.filled(&text(rule));
            let found = answer
                .headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            if !found.is_some_and(|(_, value)| header_fulfils(value, &rule)) {
                return fault(format!("header {name} must be {rule}, is {found:?}"));
            }
        }
        // A 204 has no body to look at.
        let checks = case["expect"]["body"].as_array().into_iter().flatten();
        for check in checks.filter(|_| answer.status != 204) {
            let found = select(&parsed, &self.filled(&text(&check["jsonPath"])));
            if !fulfils(
                &found,
                &text(&check["check"]),
                &self.filled_value(&check["value"]),
            ) {
                return fault(format!("{check} found {found:?}"));
            }
        }
        Ok(())
    }

    fn filled_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled(text)),
            other => other.clone(),
        }
    }

    /// The text with `{{name}}` replaced by what is known.
    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.values {
            filled = filled.replace(&format!("{{{{{name}}}}}"), value);
        }
        filled
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn header_fulfils(value: &str, rule: &str) -> bool {
    match rule.split_once(':') {
        Some(("startsWith", head)) => value.starts_with(head),
        Some(("endsWith", tail)) => value.ends_with(tail),
        _ => unreachable!("unknown header rule {rule}"),
    }
}

/// The nodes that a path leads to: `.name`, `['name']`, `[n]` and `[?(@.name=='text')]`.
fn select<'v>(root: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut nodes = vec![root];
    let mut rest = path.strip_prefix('$').expect("a path begins with $");
    while !rest.is_empty() {
        if let Some(filter) = rest.strip_prefix("[?(@.") {
            let (filter, tail) = filter.split_once("')]").expect("a filter ends");
            let (name, wanted) = filter.split_once("=='").expect("a filter compares");
            let elements = nodes.into_iter().filter_map(Value::as_array).flatten();
            nodes = elements.filter(|element| element[name] == wanted).collect();
            rest = tail;
        } else if let Some(quoted) = rest.strip_prefix("['") {
            let (name, tail) = quoted.split_once("']").expect("a name ends");
            nodes = nodes
                .into_iter()
                .filter_map(|node| node.get(name))
                .collect();
            rest = tail;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, tail) = index.split_once(']').expect("an index ends");
            let index: usize = index.parse().expect("an index is a number");
            nodes = nodes
                .into_iter()
                .filter_map(|node| node.get(index))
                .collect();
            rest = tail;
        } else {
            let name = rest
                .strip_prefix('.')
                .expect("a step begins with a dot or a bracket");
            let end = name.find(['.', '[']).unwrap_or(name.len());
            nodes = nodes
                .into_iter()
                .filter_map(|node| node.get(&name[..end]))
                .collect();
            rest = &name[end..];
        }
    }
    nodes
}

fn fulfils(found: &[&Value], check: &str, wanted: &Value) -> bool {
    let one = match found {
        [one] => Some(*one),
        _ => None,
    };
    let list = one.and_then(Value::as_array);
    let size = wanted.as_u64().and_then(|size| usize::try_from(size).ok());
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match check {
        "equals" => one == Some(wanted),
        "notEquals" => one.is_some_and(|one| one != wanted),
        "exists" => !found.is_empty(),
        "absent" => found.is_empty(),
        "absentOrEmpty" => found.iter().all(|value| is_empty(value)),
        "count" => Some(found.len()) == size,
        "length" => list.map(Vec::len) == size && size.is_some(),
        "lengthAtLeast" => list.is_some_and(|list| Some(list.len()) >= size),
        "contains" => match one {
            Some(Value::Array(elements)) => elements.contains(wanted),
            Some(Value::String(whole)) => whole.contains(wanted.as_str().unwrap_or_default()),
            _ => false,
        },
        "nonEmptyString" => one
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty()),
        "endsWith" => one
            .and_then(Value::as_str)
            .zip(wanted.as_str())
            .is_some_and(|(text, tail)| text.ends_with(tail)),
        "setEquals" => list.zip(wanted.as_array()).is_some_and(|(list, wanted)| {
            list.len() == wanted.len() && wanted.iter().all(|element| list.contains(element))
        }),
        "atLeast" => one.and_then(Value::as_f64) >= wanted.as_f64() && one.is_some(),
        unknown => unreachable!("unknown check {unknown}"),
    }
}
