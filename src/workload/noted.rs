//! What is kept of a request when it was answered: what its client did, and how it went.

use axum::http::Method;
use jiff::Timestamp;

use super::activity::{Event, Subject, is_rejection};
use super::directory::Effect;
use super::http::Line;
use super::recorder::{Content, Exchange};
use super::routing::{Endpoint, ScimTenant};
use super::scim::{Answer, Performed};
use super::told::known_method;
use crate::scim::error::ScimError;

/// Adds the request to what is known of its client, and each operation of a bulk request like a request.
pub(super) fn activity(
    line: &Line,
    method: &Method,
    user_agent: Option<&str>,
    time: Timestamp,
    (result, content): (&Result<(Answer, Effect), ScimError>, &Content),
) {
    let (Some(scim_tenant), Some(identity)) = (&line.scim_tenant, &line.identity) else {
        return;
    };
    let answer = result.as_ref().ok().map(|(answer, _)| answer);
    let opened = &scim_tenant.opened;
    let name = &identity.client.name;
    let regards = opened.with_activity(|activity| activity.regards_subjects(name));
    let about = |method: &str, endpoint: Option<&Endpoint>, body, refused: Option<&ScimError>| {
        let is_of_interest = match refused {
            Some(error) => is_rejection(method, error),
            None => regards && !matches!(method, "GET" | "HEAD"),
        };
        let endpoint = endpoint.filter(|_| is_of_interest)?;
        Some(Subject::of(endpoint.id(), body, endpoint.kind()?))
    };
    let endpoint = line.endpoint.as_ref();
    let refused = result.as_ref().err();
    let subject = about(known_method(method), endpoint, content.text(), refused);
    let event = Event {
        time,
        client: &identity.client.name,
        credential: &identity.credential,
        from: line.from,
        user_agent,
        method: known_method(method),
        target: line.endpoint.as_ref().map_or("…", Endpoint::target),
        kind: line.endpoint.as_ref().and_then(Endpoint::kind),
        subject: subject.as_ref(),
        repairs: answer.map_or(&[][..], |it| it.repairs.as_slice()),
        outcome: result.as_ref().map(|(_, effect)| *effect),
    };
    opened.with_activity(|activity| {
        activity.record(&event);
        for operation in answer.map_or(&[][..], |it| it.operations.as_slice()) {
            let refused = operation.outcome.as_ref().err();
            let endpoint = operation.endpoint.as_ref();
            let subject = about(operation.method, endpoint, operation.body.text(), refused);
            activity.record(&Event {
                method: operation.method,
                target: operation.endpoint.as_ref().map_or("…", Endpoint::target),
                kind: operation.endpoint.as_ref().and_then(Endpoint::kind),
                subject: subject.as_ref(),
                repairs: &operation.repairs,
                outcome: operation.outcome.as_ref().map(|effect| *effect),
                ..event
            });
        }
    });
}

/// Records the exchange, and the operations of it that failed.
pub(super) fn exchange(scim_tenant: &ScimTenant, exchange: Exchange, operations: Vec<Performed>) {
    for operation in operations {
        if let Some(failed) = exchange.operation(operation) {
            scim_tenant.opened.record(failed);
        }
    }
    scim_tenant.opened.record(exchange);
}
