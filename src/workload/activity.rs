//! What each client has done: traffic grouped into cycles, evidence, the last error. A state machine fed with values; it reads no clock.

mod account;
mod ledger;
mod merge;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::directory::Effect;
use crate::config::CredentialId;
use crate::config::report::{ClientReport, CredentialUse, Cycle, RefusedRequest};
use crate::scim::deviation::Deviation;
use crate::scim::error::ScimError;
use crate::scim::schema::ResourceType;

pub(crate) use account::{HOURS, Rejection, Subject, is_rejection};
pub(crate) use ledger::Activity;

/// Quiet time that ends a cycle; Entra begins one every 40 minutes.
const QUIET: SignedDuration = SignedDuration::from_mins(5);

/// Credentials whose use is remembered for each client.
const CREDENTIALS: usize = 8;

/// One request of a recognized client.
pub(crate) struct Event<'e> {
    pub(crate) time: Timestamp,
    pub(crate) client: &'e str,
    pub(crate) credential: &'e CredentialId,
    pub(crate) from: IpAddr,
    pub(crate) user_agent: Option<&'e str>,
    pub(crate) method: &'e str,
    /// Path below the SCIM base without identifiers, such as `Users/…`.
    pub(crate) target: &'e str,
    pub(crate) kind: Option<ResourceType>,
    /// Whom it is about, where that is of interest.
    pub(crate) subject: Option<&'e Subject>,
    /// What was repaired in it.
    pub(crate) repairs: &'e [Deviation],
    pub(crate) outcome: Result<Effect, &'e ScimError>,
}

/// Takes one request into what is known of its client.
fn record(client: &mut ClientReport, event: &Event<'_>) {
    settle(client, event.time);
    note_use(client, event);
    count(client, event);
}

/// Ends a cycle that has been quiet long enough; one without failures clears the error of an earlier one.
fn settle(client: &mut ClientReport, now: Timestamp) {
    let Some(cycle) = &mut client.last_cycle else {
        return;
    };
    if cycle.ended || now.duration_since(cycle.last_request_at) < QUIET {
        return;
    }
    cycle.ended = true;
    let healed = cycle.failed == 0;
    let began = cycle.started_at;
    if healed
        && client
            .last_error
            .as_ref()
            .is_some_and(|error| error.time < began)
    {
        client.last_error = None;
    }
}

fn note_use(client: &mut ClientReport, event: &Event<'_>) {
    client.evidence.first_request.get_or_insert(event.time);
    let position = client
        .credentials
        .iter()
        .position(|it| it.id == *event.credential);
    let Some(position) = position else {
        client.credentials.insert(
            0,
            CredentialUse {
                id: event.credential.clone(),
                last_used_at: event.time,
                last_used_from: event.from.to_string(),
                user_agent: event.user_agent.map(str::to_owned),
            },
        );
        client.credentials.truncate(CREDENTIALS);
        return;
    };
    let used = &mut client.credentials[position];
    used.last_used_at = event.time;
    if used.last_used_from.parse() != Ok(event.from) {
        used.last_used_from = event.from.to_string();
    }
    if used.user_agent.as_deref() != event.user_agent {
        used.user_agent = event.user_agent.map(str::to_owned);
    }
}

fn count(client: &mut ClientReport, event: &Event<'_>) {
    let cycle = match &mut client.last_cycle {
        Some(cycle) if !cycle.ended => cycle,
        ended => ended.insert(Cycle {
            started_at: event.time,
            last_request_at: event.time,
            ended: false,
            requests: 0,
            created: 0,
            updated: 0,
            deactivated: 0,
            deleted: 0,
            failed: 0,
            repairs: BTreeMap::new(),
        }),
    };
    for repair in event.repairs {
        let name = repair.name().to_owned();
        *cycle.repairs.entry(name).or_default() += 1;
    }
    cycle.last_request_at = cycle.last_request_at.max(event.time);
    cycle.requests += 1;
    let changed = matches!(
        event.outcome,
        Ok(Effect::Created | Effect::Updated | Effect::Deactivated)
    );
    match event.outcome {
        Ok(Effect::Read | Effect::Unchanged) => {}
        Ok(Effect::Created) => cycle.created += 1,
        Ok(Effect::Updated) => cycle.updated += 1,
        Ok(Effect::Deactivated) => cycle.deactivated += 1,
        Ok(Effect::Deleted) => cycle.deleted += 1,
        Err(error) if is_ordinary(event.method, error) => {}
        Err(error) => {
            cycle.failed += 1;
            client.last_error = Some(RefusedRequest {
                time: event.time,
                summary: summary(event, error),
            });
        }
    }
    match event.kind {
        Some(ResourceType::User) if changed => {
            client.evidence.first_user.get_or_insert(event.time);
        }
        Some(ResourceType::Group) if changed => {
            client.evidence.first_group.get_or_insert(event.time);
        }
        Some(ResourceType::User | ResourceType::Group) | None => {}
    }
}

/// Answers that Entra expects: somebody asked for is not there, or is gone already.
fn is_ordinary(method: &str, error: &ScimError) -> bool {
    error.status == 404 && matches!(method, "GET" | "HEAD" | "DELETE")
}

fn summary(event: &Event<'_>, error: &ScimError) -> String {
    let detail = error.detail.trim_end_matches('.');
    match error.scim_type {
        Some(scim_type) => format!(
            "{} {}: {} {}: {detail}",
            event.method,
            event.target,
            error.status,
            scim_type.as_str()
        ),
        None => format!(
            "{} {}: {}: {detail}",
            event.method, event.target, error.status
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::Token;

    /// Feeds one request of the client `entra` at the given second.
    fn feed(
        activity: &mut Activity,
        second: i64,
        method: &str,
        outcome: Result<Effect, &ScimError>,
    ) {
        activity.record(&Event {
            time: Timestamp::from_second(second).unwrap(),
            client: "entra",
            credential: &Token::presented("x").digest().id(),
            from: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            method,
            target: "Users/…",
            kind: Some(ResourceType::User),
            subject: None,
            repairs: &[Deviation::StringBoolean],
            outcome,
        });
    }

    fn report(activity: &Activity, second: i64) -> ClientReport {
        activity.report("entra", Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn five_quiet_minutes_end_a_cycle_and_the_next_request_begins_one() {
        let mut activity = Activity::new("one".to_owned());
        feed(&mut activity, 0, "POST", Ok(Effect::Created));
        feed(&mut activity, 299, "PATCH", Ok(Effect::Updated));

        assert!(!report(&activity, 500).last_cycle.unwrap().ended);
        let first = report(&activity, 599).last_cycle.unwrap();
        assert!(first.ended);
        assert_eq!((first.requests, first.created, first.updated), (2, 1, 1));
        assert_eq!(first.repairs["StringBoolean"], 2);

        feed(&mut activity, 600, "GET", Ok(Effect::Read));
        let second = report(&activity, 600).last_cycle.unwrap();
        assert!(!second.ended);
        assert_eq!((second.requests, second.created), (1, 0));
    }

    #[test]
    fn what_changed_nothing_is_no_update_and_no_evidence() {
        let mut activity = Activity::new("one".to_owned());
        feed(&mut activity, 0, "PATCH", Ok(Effect::Unchanged));
        feed(&mut activity, 1, "PATCH", Ok(Effect::Deactivated));
        feed(&mut activity, 2, "DELETE", Ok(Effect::Deleted));

        let report = report(&activity, 3);
        let cycle = report.last_cycle.unwrap();
        assert_eq!(
            (
                cycle.requests,
                cycle.updated,
                cycle.deactivated,
                cycle.deleted,
                cycle.failed
            ),
            (3, 0, 1, 1, 0)
        );
        assert_eq!(
            report.evidence.first_request,
            Timestamp::from_second(0).ok()
        );
        assert_eq!(report.evidence.first_user, Timestamp::from_second(1).ok());
    }

    #[test]
    fn an_error_stays_until_a_later_cycle_went_well() {
        let refused =
            ScimError::invalid_value("userType must be Premium or Standard, got \"premium\".");
        let mut activity = Activity::new("one".to_owned());
        feed(&mut activity, 0, "PATCH", Err(&refused));
        feed(&mut activity, 1, "PATCH", Ok(Effect::Updated));

        let summary = report(&activity, 1000).last_error.unwrap().summary;
        assert_eq!(
            summary,
            "PATCH Users/…: 400 invalidValue: userType must be Premium or Standard, got \"premium\""
        );
        feed(&mut activity, 2000, "PATCH", Ok(Effect::Updated));
        assert!(report(&activity, 2001).last_error.is_some());
        assert!(report(&activity, 2300).last_error.is_none());
    }

    #[test]
    fn probing_for_somebody_who_is_not_there_is_no_failure() {
        let missing = ScimError::not_found("There is no such user.");
        let mut activity = Activity::new("one".to_owned());
        feed(&mut activity, 0, "GET", Err(&missing));
        feed(&mut activity, 1, "DELETE", Err(&missing));
        feed(&mut activity, 2, "PATCH", Err(&missing));

        assert_eq!(report(&activity, 3).last_cycle.unwrap().failed, 1);
    }
}
