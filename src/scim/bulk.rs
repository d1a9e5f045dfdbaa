//! Bulk requests (RFC 7644, section 3.7): what is asked for, in which order it can be done, and what stands for what.

use std::collections::{HashMap, HashSet};

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::scim::bounds;
use crate::scim::error::ScimError;
use crate::scim::value;

/// The schema URN of a bulk request.
pub const BULK_REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The schema URN of a bulk response.
pub const BULK_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What a reference to an operation begins with.
const REFERENCE: &str = "bulkId:";

/// Operations of one bulk request: each is a transaction of its own, and all must end within the time for a request.
pub const MAX_BULK_OPERATIONS: usize = 1_000;

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    /// In capitals.
    pub method: String,
    pub bulk_id: Option<String>,
    /// The version that the resource must have, as an entity tag.
    pub version: Option<String>,
    /// Below the SCIM base.
    pub path: String,
    pub data: Value,
}

/// A bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// After how many errors no operation is begun any more; never when absent.
    pub fail_on_errors: Option<usize>,
    pub operations: Vec<BulkOperation>,
}

impl BulkRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// `400 invalidSyntax` or `invalidValue`; 413 when there are more than [`MAX_BULK_OPERATIONS`].
    pub fn parse(body: &Value) -> Result<Self, ScimError> {
        let members = body
            .as_object()
            .ok_or_else(|| ScimError::invalid_syntax("The body must be a JSON object."))?;
        let operations = value::find(members, "Operations").and_then(Value::as_array);
        let operations = operations.ok_or_else(|| {
            ScimError::invalid_syntax("A bulk request needs a list named Operations.")
        })?;
        if operations.len() > MAX_BULK_OPERATIONS {
            return Err(ScimError::too_large(format!(
                "A bulk request may have at most {MAX_BULK_OPERATIONS} operations, and this one has {}.",
                operations.len()
            )));
        }
        bounds::check(body)?;
        let fail_on_errors = match value::find(members, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(number) => Some(
                number
                    .as_u64()
                    .filter(|it| *it > 0)
                    .and_then(|it| usize::try_from(it).ok())
                    .ok_or_else(|| {
                        ScimError::invalid_value("failOnErrors must be a whole number above 0.")
                    })?,
            ),
        };
        let read = |(index, it): (usize, &Value)| operation(index + 1, it);
        let operations: Vec<BulkOperation> = operations
            .iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()?;
        let mut seen = HashSet::new();
        for id in operations.iter().filter_map(|it| it.bulk_id.as_deref()) {
            if !seen.insert(id) {
                return Err(ScimError::invalid_value(
                    "Two operations have the same bulkId.",
                ));
            }
        }
        Ok(Self {
            fail_on_errors,
            operations,
        })
    }

    /// The operations in waves: those of one wave need only what earlier waves make, and none of them is about the same resource.
    ///
    /// Whoever is part of a circle, or refers to nobody, goes as early as the rest of its references allow.
    pub fn waves(&self) -> Vec<Vec<usize>> {
        let makers: HashMap<&str, usize> = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, it)| it.method == "POST")
            .filter_map(|(index, it)| Some((it.bulk_id.as_deref()?, index)))
            .collect();
        let needs: Vec<Vec<usize>> = self
            .operations
            .iter()
            .map(|it| {
                let ids = it.references();
                ids.iter()
                    .filter_map(|id| makers.get(id.as_str()).copied())
                    .collect()
            })
            .collect();
        let mut levels = vec![None; self.operations.len()];
        let mut last_on_path: HashMap<&str, usize> = HashMap::new();
        for index in 0..self.operations.len() {
            place(index, &needs, &mut levels);
            let operation = &self.operations[index];
            if operation.method != "POST" {
                let after = last_on_path
                    .get(operation.path.as_str())
                    .map_or(0, |it| it + 1);
                let level = levels[index].unwrap_or_default().max(after);
                levels[index] = Some(level);
                last_on_path.insert(&operation.path, level);
            }
        }
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for (index, level) in levels.into_iter().enumerate() {
            let level = level.unwrap_or_default();
            if waves.len() <= level {
                waves.resize(level + 1, Vec::new());
            }
            waves[level].push(index);
        }
        waves.retain(|wave| !wave.is_empty());
        waves
    }
}

/// Finds the level of an operation behind those that it needs, without recursion; who waits for itself does not wait.
fn place(index: usize, needs: &[Vec<usize>], levels: &mut [Option<usize>]) {
    let mut open = vec![(index, 0)];
    let mut is_open = vec![false; needs.len()];
    is_open[index] = true;
    while let Some((current, next)) = open.pop() {
        if levels[current].is_some() {
            is_open[current] = false;
            continue;
        }
        if let Some(&needed) = needs[current].get(next) {
            open.push((current, next + 1));
            if levels[needed].is_none() && !is_open[needed] {
                is_open[needed] = true;
                open.push((needed, 0));
            }
        } else {
            let above = needs[current].iter().filter_map(|&it| levels[it]).max();
            levels[current] = Some(above.map_or(0, |it| it + 1));
            is_open[current] = false;
        }
    }
}

impl BulkOperation {
    /// The bulkIds that the operation refers to, in its path and its data.
    pub fn references(&self) -> Vec<String> {
        let segment = self.path.rsplit('/').next().unwrap_or_default();
        let mut found: Vec<String> = referred(segment).map(str::to_owned).into_iter().collect();
        found.extend(references(&self.data));
        found
    }

    /// The attributes that refer to other operations.
    pub fn referring(&self) -> Vec<String> {
        let members = self.data.as_object().into_iter().flatten();
        members
            .filter(|(_, value)| !references(value).is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The same operation without references to what does not exist yet, to break a circle.
    #[must_use]
    pub fn without(&self, is_pending: impl Fn(&str) -> bool) -> Self {
        Self {
            data: without(&self.data, &is_pending).unwrap_or_default(),
            ..self.clone()
        }
    }

    /// The same operation with the identifiers that `id` knows in the place of references.
    #[must_use]
    pub fn resolved(&self, id: impl Fn(&str) -> Option<String>) -> Self {
        let mut operation = self.clone();
        if let Some((before, segment)) = self.path.rsplit_once('/')
            && let Some(known) = referred(segment).and_then(&id)
        {
            operation.path = format!("{before}/{known}");
        }
        let mut open = vec![&mut operation.data];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => {
                    if let Some(known) = referred(text).and_then(&id) {
                        *text = known;
                    }
                }
                Value::Array(elements) => open.extend(elements),
                Value::Object(members) => open.extend(members.values_mut()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        operation
    }
}

/// The bulkIds in a value.
fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.extend(referred(text).map(str::to_owned)),
            Value::Array(elements) => open.extend(elements),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// A value without the references that `is_pending` names, and without the values that are nothing but such a reference.
fn without(value: &Value, is_pending: &impl Fn(&str) -> bool) -> Option<Value> {
    match value {
        Value::String(text) if referred(text).is_some_and(is_pending) => None,
        Value::Array(elements) => {
            let kept = elements.iter().filter_map(|it| without(it, is_pending));
            Some(Value::Array(kept.collect()))
        }
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, member) in members {
                match without(member, is_pending) {
                    Some(member) => drop(kept.insert(name.clone(), member)),
                    None if name == "value" => return None,
                    None => {}
                }
            }
            Some(Value::Object(kept))
        }
        other => Some(other.clone()),
    }
}

fn referred(text: &str) -> Option<&str> {
    text.strip_prefix(REFERENCE).filter(|id| !id.is_empty())
}

fn operation(number: usize, written: &Value) -> Result<BulkOperation, ScimError> {
    let fault = |what: &str| ScimError::invalid_syntax(format!("Operation {number} {what}."));
    let members = written
        .as_object()
        .ok_or_else(|| fault("must be an object"))?;
    let text = |name| value::find(members, name).and_then(Value::as_str);
    let method = text("method").unwrap_or_default().to_ascii_uppercase();
    if !["POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(fault("needs a method: POST, PUT, PATCH or DELETE"));
    }
    let path = text("path").filter(|it| it.starts_with('/'));
    let path = path.ok_or_else(|| fault("needs a path such as /Users or /Users/{id}"))?;
    let bulk_id = text("bulkId").filter(|it| !it.is_empty());
    if method == "POST" && bulk_id.is_none() {
        return Err(fault("is a POST, so it needs a bulkId"));
    }
    let data = value::find(members, "data").cloned().unwrap_or_default();
    if method != "DELETE" && !data.is_object() {
        return Err(fault("needs data, an object"));
    }
    Ok(BulkOperation {
        method,
        bulk_id: bulk_id.map(str::to_owned),
        version: text("version").map(str::to_owned),
        path: path.to_owned(),
        data,
    })
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkResult {
    pub status: u16,
    pub location: Option<String>,
    pub version: Option<String>,
    /// The body of an error.
    pub response: Option<Value>,
}

impl BulkResult {
    /// As an operation of a bulk response.
    pub fn to_value(&self, operation: &BulkOperation) -> Value {
        let mut body = json!({"method": operation.method, "status": self.status.to_string()});
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[name] = value;
            }
        };
        put("bulkId", operation.bulk_id.clone().map(Value::from));
        put("location", self.location.clone().map(Value::from));
        put("version", self.version.clone().map(Value::from));
        put("response", self.response.clone());
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(operations: &Value) -> BulkRequest {
        BulkRequest::parse(&json!({"Operations": operations})).unwrap()
    }

    fn post(id: &str, refers: &[&str]) -> Value {
        let members: Vec<Value> = refers
            .iter()
            .map(|it| json!({"value": format!("bulkId:{it}")}))
            .collect();
        json!({"method": "post", "path": "/Groups", "bulkId": id, "data": {"members": members}})
    }

    #[test]
    fn who_is_referred_to_comes_first_and_a_circle_is_cut() {
        let check = |operations: Value, expected: &[&[usize]]| {
            assert_eq!(parse(&operations).waves(), expected, "{operations}");
        };
        check(json!([]), &[]);
        check(
            json!([post("g", &["a", "b"]), post("a", &[]), post("b", &["a"])]),
            &[&[1], &[2], &[0]],
        );
        check(json!([post("a", &["b"]), post("b", &["a"])]), &[&[1], &[0]]);
        check(json!([post("a", &["a", "nobody"])]), &[&[0]]);
        let patch = |path: &str| json!({"method": "PATCH", "path": path, "data": {}});
        check(
            json!([patch("/Users/1"), patch("/Users/2"), patch("/Users/1")]),
            &[&[0, 1], &[2]],
        );
        check(
            json!([patch("/Users/bulkId:a"), post("a", &[])]),
            &[&[1], &[0]],
        );
        let chain = (0..MAX_BULK_OPERATIONS).map(|it| {
            let next = (it + 1).to_string();
            post(&it.to_string(), &[next.as_str()])
        });
        assert_eq!(parse(&chain.collect()).waves().len(), MAX_BULK_OPERATIONS);
    }

    #[test]
    fn references_become_identifiers_wherever_they_are() {
        let request = parse(&json!([
            {"method": "PUT", "path": "/Users/bulkId:a", "data": {"manager": {"value": "bulkId:b"}, "title": "bulkId:"}}
        ]));
        let resolved = request.operations[0].resolved(|id| (id == "a").then(|| "1".to_owned()));
        assert_eq!(resolved.path, "/Users/1");
        assert_eq!(
            resolved.data,
            json!({"manager": {"value": "bulkId:b"}, "title": "bulkId:"})
        );
        assert_eq!(resolved.references(), ["b"]);
        assert_eq!(resolved.referring(), ["manager"]);
        let without = resolved.without(|id| id == "b");
        assert_eq!(without.data, json!({"title": "bulkId:"}));
    }

    #[test]
    fn what_is_no_bulk_request_is_refused() {
        let check = |body: Value, status: u16| {
            let refused = BulkRequest::parse(&body).unwrap_err();
            assert_eq!(refused.status, status, "{body}");
        };
        let operation = |it: Value| json!({"Operations": [it]});
        check(json!([]), 400);
        check(json!({"Operations": {}}), 400);
        check(json!({"Operations": [], "failOnErrors": 0}), 400);
        check(operation(json!(1)), 400);
        check(operation(json!({"method": "GET", "path": "/Users"})), 400);
        check(
            operation(json!({"method": "POST", "path": "/Users", "data": {}})),
            400,
        );
        check(
            operation(json!({"method": "PUT", "path": "Users/1", "data": {}})),
            400,
        );
        check(operation(json!({"method": "PUT", "path": "/Users/1"})), 400);
        check(json!({"Operations": [post("a", &[]), post("a", &[])]}), 400);
        let many = vec![post("a", &[]); MAX_BULK_OPERATIONS + 1];
        check(json!({"Operations": many}), 413);
    }
}
