//! Bulk (RFC 7644, section 3.7): many operations in one request, each of them done entirely or not at all.

use std::collections::{HashMap, HashSet};

use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, HeaderValue, Method};
use futures::future::{BoxFuture, FutureExt, join_all};
use serde_json::{Map, Value, json};

use super::answer::{Answer, refusal};
use super::{Call, Done, request};
use crate::scim::bulk::{BULK_RESPONSE_URN, BulkOperation, BulkRequest, BulkResult};
use crate::scim::deviation::{Deviation, of_bulk};
use crate::scim::error::ScimError;
use crate::scim::patch::PATCH_URN;
use crate::workload::directory::Effect;
use crate::workload::recorder::Content;
use crate::workload::routing::Endpoint;
use crate::workload::told::known_method;

/// Operations in work at once: the store commits them together.
const AT_ONCE: usize = 32;

/// What is known of the resource that a `bulkId` stands for.
enum Made {
    Resource(String),
    /// Its operation failed.
    Nothing,
}

/// What came of one operation.
struct Outcome {
    result: BulkResult,
    /// The identifier, if something was created.
    created: Option<String>,
    effect: Result<Effect, ScimError>,
    repairs: Vec<Deviation>,
}

impl Outcome {
    fn failed(error: ScimError, location: Option<String>) -> Self {
        Self {
            result: BulkResult {
                status: error.status,
                location,
                version: None,
                response: Some(error.to_value()),
            },
            created: None,
            effect: Err(error),
            repairs: Vec::new(),
        }
    }
}

/// An operation that was done, as a request of its own.
pub(crate) struct Performed {
    pub(crate) method: &'static str,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) status: u16,
    pub(crate) outcome: Result<Effect, ScimError>,
    pub(crate) repairs: Vec<Deviation>,
    /// Of one that failed.
    pub(crate) body: Content,
}

impl Performed {
    fn new(operation: &BulkOperation, outcome: Outcome) -> Self {
        let body = match &outcome.effect {
            Err(_) if !operation.data.is_null() => Content::of(&operation.data.to_string().into()),
            Ok(_) | Err(_) => Content::Absent,
        };
        let method = Method::from_bytes(operation.method.as_bytes());
        Self {
            method: method.map_or("OTHER", |it| known_method(&it)),
            endpoint: endpoint(operation),
            status: outcome.result.status,
            outcome: outcome.effect,
            repairs: outcome.repairs,
            body,
        }
    }
}

/// What an operation is about.
fn endpoint(operation: &BulkOperation) -> Option<Endpoint> {
    Endpoint::parse(&format!("/scim/v2{}", operation.path))
        .filter(|it| matches!(it, Endpoint::Resources(_) | Endpoint::Resource(..)))
}

impl Call<'_> {
    pub(super) async fn bulk(&self) -> Done {
        let body = request::json(self.body)?;
        let request = BulkRequest::parse(&body)?;
        let repaired = self.admit(&of_bulk(&body))?;
        let mut run = Run::new(self, &request);
        let at_once = if request.fail_on_errors.is_some() {
            1
        } else {
            AT_ONCE
        };
        'all: for wave in request.waves() {
            for some in wave.chunks(at_once) {
                if request
                    .fail_on_errors
                    .is_some_and(|most| run.failures() >= most)
                {
                    break 'all;
                }
                run.perform(some).await;
            }
        }
        run.close_circles().await;
        let (mut operations, mut performed) = (Vec::new(), Vec::new());
        for (operation, outcome) in request.operations.iter().zip(run.outcomes) {
            if let Some(outcome) = outcome {
                operations.push(outcome.result.to_value(operation));
                performed.push(Performed::new(operation, outcome));
            }
        }
        let body = json!({"schemas": [BULK_RESPONSE_URN], "Operations": operations});
        let answer = Answer::ok(body.to_string())
            .repaired(repaired)
            .of(performed);
        // What the operations did is told of each.
        Ok((answer, Effect::Unchanged))
    }

    fn location(&self, operation: &BulkOperation) -> String {
        format!("{}{}", self.scim_tenant.scim_url, operation.path)
    }

    /// What came of an operation that failed. RFC 7644, section 3.7.3: `location` is required "except in the event of a POST failure".
    fn failed(&self, operation: &BulkOperation, error: ScimError) -> Outcome {
        let location = (operation.method != "POST").then(|| self.location(operation));
        Outcome::failed(error, location)
    }

    /// One operation as a request of its own.
    fn operation<'c>(&'c self, operation: &'c BulkOperation) -> BoxFuture<'c, Outcome> {
        async move {
            let performed = self.perform_operation(operation).await;
            match performed {
                Ok((answer, effect)) => {
                    let meta = answer.meta();
                    let created = meta.id.clone().filter(|_| operation.method == "POST");
                    let location = meta.location.clone();
                    let location = location.or_else(|| Some(self.location(operation)));
                    let result = BulkResult {
                        status: answer.status.as_u16(),
                        location,
                        version: meta.version.clone(),
                        response: None,
                    };
                    Outcome {
                        result,
                        created,
                        effect: Ok(effect),
                        repairs: answer.repairs,
                    }
                }
                Err(error) => self.failed(operation, error),
            }
        }
        .boxed()
    }

    async fn perform_operation(
        &self,
        operation: &BulkOperation,
    ) -> Result<(Answer, Effect), ScimError> {
        let endpoint = endpoint(operation).ok_or_else(|| {
            ScimError::not_found("There is no such endpoint for an operation of a bulk request.")
        })?;
        let method = Method::from_bytes(operation.method.as_bytes())
            .ok()
            .filter(|it| endpoint.allows(it))
            .ok_or_else(|| {
                ScimError::method_not_allowed(format!("Allowed are {}.", endpoint.methods()))
            })?;
        self.client.rights.check(endpoint.kind(), true)?;
        let mut headers = HeaderMap::new();
        if let Some(version) = &operation.version {
            let version = HeaderValue::from_str(version)
                .map_err(|_| ScimError::invalid_value("version must be an entity tag."))?;
            headers.insert(IF_MATCH, version);
        }
        let body = operation.data.to_string();
        let call = Call {
            endpoint: &endpoint,
            method: &method,
            query: "",
            headers: &headers,
            body: body.as_bytes(),
            ..*self
        };
        call.perform().await.map_err(refusal)
    }
}

/// A bulk request in work.
struct Run<'r> {
    call: &'r Call<'r>,
    request: &'r BulkRequest,
    /// The bulkIds of operations that make something.
    makers: HashSet<&'r str>,
    made: HashMap<&'r str, Made>,
    outcomes: Vec<Option<Outcome>>,
    /// The operations that were done before one that they refer to.
    cut: Vec<usize>,
}

impl<'r> Run<'r> {
    fn new(call: &'r Call<'r>, request: &'r BulkRequest) -> Self {
        let operations = request.operations.iter();
        let makers = operations.clone().filter(|it| it.method == "POST");
        Self {
            call,
            request,
            makers: makers.filter_map(|it| it.bulk_id.as_deref()).collect(),
            made: HashMap::new(),
            outcomes: operations.map(|_| None).collect(),
            cut: Vec::new(),
        }
    }

    fn failures(&self) -> usize {
        let outcomes = self.outcomes.iter().flatten();
        outcomes.filter(|it| it.effect.is_err()).count()
    }

    fn identifier(&self, bulk_id: &str) -> Option<String> {
        match self.made.get(bulk_id) {
            Some(Made::Resource(id)) => Some(id.clone()),
            Some(Made::Nothing) | None => None,
        }
    }

    /// Whether `bulk_id` belongs to an operation that was not begun.
    fn is_pending(&self, bulk_id: &str) -> bool {
        self.makers.contains(bulk_id) && !self.made.contains_key(bulk_id)
    }

    /// Does operations that do not depend on each other.
    async fn perform(&mut self, indexes: &[usize]) {
        let mut ready = Vec::with_capacity(indexes.len());
        for &index in indexes {
            let operation = &self.request.operations[index];
            let is_pending = |id: &str| self.is_pending(id);
            let is_cut = operation.method == "POST"
                && operation.references().iter().any(|id| is_pending(id));
            let resolved = if is_cut {
                operation.without(is_pending)
            } else {
                operation.clone()
            };
            let resolved = resolved.resolved(|id| self.identifier(id));
            if is_cut {
                self.cut.push(index);
            }
            match resolved.references().first() {
                None => ready.push((index, resolved)),
                Some(bulk_id) => self.refuse(index, bulk_id),
            }
        }
        let outcomes = join_all(ready.iter().map(|(_, it)| self.call.operation(it))).await;
        for ((index, _), outcome) in ready.iter().zip(outcomes) {
            self.take(*index, outcome);
        }
    }

    /// Takes up an outcome. Of an operation in two requests the last one counts, and what was repaired in either.
    fn take(&mut self, index: usize, mut outcome: Outcome) {
        if let Some(bulk_id) = self.request.operations[index].bulk_id.as_deref() {
            let created = outcome.created.clone();
            let made = created.map_or(Made::Nothing, Made::Resource);
            self.made.insert(bulk_id, made);
        }
        if let Some(before) = self.outcomes[index].take() {
            outcome.repairs.splice(0..0, before.repairs);
        }
        self.outcomes[index] = Some(outcome);
    }

    /// RFC 7644, section 3.7.1: 409 for a reference that cannot be resolved.
    fn refuse(&mut self, index: usize, bulk_id: &str) {
        let operation = &self.request.operations[index];
        let failed = self.call.failed(operation, unresolved(bulk_id));
        self.take(index, failed);
    }

    /// Adds the references that were left out where operations refer to each other. What cannot have them is taken back, so
    /// that no operation is done by half.
    async fn close_circles(&mut self) {
        for index in std::mem::take(&mut self.cut) {
            let operation = &self.request.operations[index];
            let bulk_id = operation.bulk_id.as_deref();
            let Some(id) = bulk_id.and_then(|it| self.identifier(it)) else {
                continue;
            };
            let complete = operation.resolved(|it| self.identifier(it));
            let again = |method: &str, data: Value| BulkOperation {
                method: method.to_owned(),
                bulk_id: None,
                version: None,
                path: format!("{}/{id}", operation.path.trim_end_matches('/')),
                data,
            };
            let away = again("DELETE", Value::Null);
            if let Some(bulk_id) = complete.references().first() {
                self.take_back(index, (away, id), unresolved(bulk_id)).await;
                continue;
            }
            let names = operation.referring();
            let left_out: Map<String, Value> = names
                .into_iter()
                .map(|name| (name.clone(), complete.data[&name].clone()))
                .collect();
            let add =
                json!({"schemas": [PATCH_URN], "Operations": [{"op": "add", "value": left_out}]});
            let mut outcome = self.call.operation(&again("PATCH", add)).await;
            if let Err(error) = outcome.effect {
                self.take_back(index, (away, id), error).await;
                continue;
            }
            outcome.result.status = 201;
            outcome.created = Some(id);
            outcome.effect = Ok(Effect::Created);
            self.take(index, outcome);
        }
    }

    /// Takes back what an operation made that failed behind that; if it cannot be, the client is told what is there.
    async fn take_back(
        &mut self,
        index: usize,
        (away, id): (BulkOperation, String),
        mut error: ScimError,
    ) {
        let mut location = None;
        let undone = self.call.operation(&away).await;
        // Whoever was deleted by somebody else is gone as well.
        if let Err(why) = undone.effect
            && why.status != 404
        {
            error.detail = format!(
                "{} What was made of it is still there, without what it refers to, for it could not be deleted: {}",
                error.detail, why.detail
            );
            location = Some(self.call.location(&away));
        }
        let is_there = location.is_some();
        let mut outcome = Outcome::failed(error, location);
        outcome.created = is_there.then_some(id);
        self.take(index, outcome);
    }
}

fn unresolved(bulk_id: &str) -> ScimError {
    ScimError::conflict(format!(
        "Nothing was made that bulkId {bulk_id:.64} stands for."
    ))
}
