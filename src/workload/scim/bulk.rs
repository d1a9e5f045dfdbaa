//! Bulk (RFC 7644, section 3.7): many operations in one request, each of them done entirely or not at all.

use std::collections::HashMap;

use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, HeaderValue, Method};
use futures::future::{BoxFuture, FutureExt, join_all};
use serde_json::{Map, Value, json};

use super::answer::{Answer, refusal};
use super::{Call, Done, request};
use crate::scim::bulk::{BULK_RESPONSE_URN, BulkOperation, BulkRequest, BulkResult};
use crate::scim::deviation::Deviation;
use crate::scim::error::ScimError;
use crate::scim::patch::PATCH_URN;
use crate::workload::directory::Effect;
use crate::workload::routing::Endpoint;

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
    effect: Effect,
    repairs: Vec<Deviation>,
}

impl Call<'_> {
    pub(super) async fn bulk(&self) -> Done {
        let request = BulkRequest::parse(&request::json(self.body)?)?;
        let mut run = Run {
            call: self,
            request: &request,
            made: HashMap::new(),
            results: vec![None; request.operations.len()],
            cut: Vec::new(),
            effect: Effect::Unchanged,
            repairs: Vec::new(),
        };
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
        let done = run.results.iter().zip(&request.operations);
        let operations: Vec<Value> = done
            .filter_map(|(result, operation)| Some(result.as_ref()?.to_value(operation)))
            .collect();
        let body = json!({"schemas": [BULK_RESPONSE_URN], "Operations": operations});
        Ok((Answer::ok(body).repaired(run.repairs), run.effect))
    }

    /// One operation as a request of its own.
    fn operation<'c>(&'c self, operation: &'c BulkOperation) -> BoxFuture<'c, Outcome> {
        async move {
            let performed = self.perform_operation(operation).await;
            let location = |it: &BulkOperation| format!("{}{}", self.scim_tenant.scim_url, it.path);
            match performed {
                Ok((answer, effect)) => {
                    let meta = answer.meta();
                    let created = meta.id.filter(|_| operation.method == "POST");
                    let location = meta.location.or_else(|| Some(location(operation)));
                    let result = BulkResult {
                        status: answer.status.as_u16(),
                        location,
                        version: meta.version,
                        response: None,
                    };
                    Outcome {
                        result,
                        created,
                        effect,
                        repairs: answer.repairs,
                    }
                }
                Err(error) => Outcome {
                    result: BulkResult {
                        status: error.status,
                        // RFC 7644, section 3.7.3: required "except in the event of a POST failure".
                        location: (operation.method != "POST").then(|| location(operation)),
                        version: None,
                        response: Some(error.to_value()),
                    },
                    created: None,
                    effect: Effect::Unchanged,
                    repairs: Vec::new(),
                },
            }
        }
        .boxed()
    }

    async fn perform_operation(
        &self,
        operation: &BulkOperation,
    ) -> Result<(Answer, Effect), ScimError> {
        let endpoint = Endpoint::parse(&format!("/scim/v2{}", operation.path))
            .filter(|it| matches!(it, Endpoint::Resources(_) | Endpoint::Resource(..)))
            .ok_or_else(|| {
                ScimError::not_found(
                    "There is no such endpoint for an operation of a bulk request.",
                )
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
    made: HashMap<&'r str, Made>,
    results: Vec<Option<BulkResult>>,
    /// The operations that were done before one that they refer to.
    cut: Vec<usize>,
    effect: Effect,
    repairs: Vec<Deviation>,
}

impl Run<'_> {
    fn failures(&self) -> usize {
        let results = self.results.iter().flatten();
        results.filter(|it| it.status >= 400).count()
    }

    fn identifier(&self, bulk_id: &str) -> Option<String> {
        match self.made.get(bulk_id) {
            Some(Made::Resource(id)) => Some(id.clone()),
            Some(Made::Nothing) | None => None,
        }
    }

    /// Whether `bulk_id` belongs to an operation that was not begun.
    fn is_pending(&self, bulk_id: &str) -> bool {
        !self.made.contains_key(bulk_id)
            && self
                .request
                .operations
                .iter()
                .any(|it| it.bulk_id.as_deref() == Some(bulk_id) && it.method == "POST")
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

    fn take(&mut self, index: usize, outcome: Outcome) {
        if outcome.effect != Effect::Unchanged {
            self.effect = Effect::Updated;
        }
        self.repairs.extend(outcome.repairs);
        if let Some(bulk_id) = self.request.operations[index].bulk_id.as_deref() {
            let made = outcome.created.map_or(Made::Nothing, Made::Resource);
            self.made.insert(bulk_id, made);
        }
        self.results[index] = Some(outcome.result);
    }

    /// RFC 7644, section 3.7.1: 409 for a reference that cannot be resolved.
    fn refuse(&mut self, index: usize, bulk_id: &str) {
        let operation = &self.request.operations[index];
        let error = ScimError::conflict(format!(
            "Nothing was made that bulkId {bulk_id:.64} stands for."
        ));
        let location = format!("{}{}", self.call.scim_tenant.scim_url, operation.path);
        let result = BulkResult {
            status: error.status,
            location: (operation.method != "POST").then_some(location),
            version: None,
            response: Some(error.to_value()),
        };
        if let Some(bulk_id) = operation.bulk_id.as_deref() {
            self.made.insert(bulk_id, Made::Nothing);
        }
        self.results[index] = Some(result);
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
                self.call.operation(&away).await;
                self.refuse(index, bulk_id);
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
            if outcome.result.status < 400 {
                outcome.result.status = 201;
                outcome.created = Some(id);
            } else {
                self.call.operation(&away).await;
                outcome.result.location = None;
            }
            self.take(index, outcome);
        }
    }
}
