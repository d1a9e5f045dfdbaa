//! All that is known of one client: what is reported of it, its requests by hour, and whom it could not provision.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::merge::merge;
use super::{Event, is_ordinary, record, summary};
use crate::config::report::ClientReport;
use crate::scim::error::ScimError;
use crate::scim::fold_case;
use crate::scim::schema::ResourceType;

/// Hours that are told of, the present one included.
pub(crate) const HOURS: i64 = 36;

/// Hours that are kept, for the clocks of pods differ.
const KEPT_HOURS: usize = 40;

/// People and groups that are kept of each client as rejected; the oldest go first.
const REJECTIONS: usize = 40;

/// How long a rejection is told of that was neither healed nor seen again.
const REJECTED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Characters of a name that are kept.
const NAME: usize = 128;

/// Requests of one hour, and how many of them were refused.
type Hour = (i64, u64, u64);

/// All that is known of one client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    #[serde(flatten)]
    pub(super) report: ClientReport,
    /// By hours since 1970, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hours: Vec<Hour>,
    /// Whom it could not provision, and, for who adds this up, whom it could since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rejections: Vec<Rejection>,
}

/// A person or group that a client could not provision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rejection {
    /// When last.
    pub(crate) at: Timestamp,
    /// What it is.
    pub(crate) kind: ResourceType,
    /// The client.
    pub(crate) client: String,
    /// The identifier, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The user name or the name of the group, as the client wanted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The client's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// How often; never where it went well since.
    pub(crate) times: u64,
}

/// Whom a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The identifier in its path.
    pub(crate) id: Option<String>,
    /// The name in its body.
    pub(crate) name: Option<String>,
    /// The client's identifier in its body.
    pub(crate) external_id: Option<String>,
}

impl Subject {
    /// Whom a body is about, below a path with this identifier.
    pub(crate) fn of(id: Option<&str>, body: Option<&[u8]>, kind: ResourceType) -> Self {
        let body = body.and_then(|it| serde_json::from_slice::<serde_json::Value>(it).ok());
        let text = |name: &str| {
            let (_, found) = body
                .as_ref()?
                .as_object()?
                .iter()
                .find(|(it, _)| it.eq_ignore_ascii_case(name))?;
            Some(found.as_str()?.chars().take(NAME).collect::<String>())
        };
        let name = match kind {
            ResourceType::User => "userName",
            ResourceType::Group => "displayName",
        };
        Self {
            id: id.map(str::to_owned),
            name: text(name),
            external_id: text("externalId"),
        }
    }

    fn is_nobody(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.external_id.is_none()
    }
}

impl Rejection {
    /// What it is called, as far as that is known.
    pub(crate) fn called(&self) -> &str {
        let known = self.name.as_ref().or(self.external_id.as_ref());
        known
            .or(self.id.as_ref())
            .map_or("somebody", String::as_str)
    }

    /// Whether both are about the same person or group.
    fn is_about(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| {
            let both = one.as_ref().zip(other.as_ref());
            both.is_some_and(|(one, other)| fold_case(one) == fold_case(other))
        };
        self.kind == other.kind
            && (same(&self.id, &other.id)
                || same(&self.name, &other.name)
                || same(&self.external_id, &other.external_id))
    }
}

/// Whether an answer is about the person or group that was sent, so that somebody has to correct it.
pub(crate) fn is_rejection(method: &str, error: &ScimError) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH") && matches!(error.status, 400 | 409)
}

impl Account {
    pub(super) fn of(name: &str) -> Self {
        Self {
            report: ClientReport {
                name: name.to_owned(),
                ..ClientReport::default()
            },
            ..Self::default()
        }
    }

    /// Takes in one request; `is_rejected` says whether its subject is known as rejected.
    pub(super) fn record(&mut self, event: &Event<'_>, is_rejected: bool) {
        record(&mut self.report, event);
        let refused = event.outcome.err();
        let failed = refused.is_some_and(|it| !is_ordinary(event.method, it));
        let hour = event.time.as_second().div_euclid(3600);
        add_hour(&mut self.hours, (hour, 1, u64::from(failed)));
        let Some(mut rejection) = event.rejection() else {
            return;
        };
        match refused.filter(|it| is_rejection(event.method, it)) {
            Some(error) => rejection.reason = reason(event, error),
            None if refused.is_none() && is_rejected => rejection.times = 0,
            None => return,
        }
        add_rejection(&mut self.rejections, rejection);
    }

    /// Adds what was seen elsewhere.
    pub(super) fn merge(&mut self, seen: &Self) {
        merge(&mut self.report, &seen.report);
        for hour in &seen.hours {
            add_hour(&mut self.hours, *hour);
        }
        for rejection in &seen.rejections {
            add_rejection(&mut self.rejections, rejection.clone());
        }
    }

    /// Forgets whom it could provision since: nobody else is going to hear of it.
    pub(super) fn settle_rejections(&mut self) {
        self.rejections.retain(|it| it.times > 0);
    }

    /// Whether somebody is known as rejected.
    pub(super) fn has_rejected(&self, about: &Rejection) -> bool {
        let mut all = self.rejections.iter();
        all.any(|it| it.times > 0 && it.is_about(about))
    }

    /// Adds its requests by hour.
    pub(super) fn add_hours(&self, counted: &mut BTreeMap<i64, (u64, u64)>) {
        for (hour, requests, failed) in &self.hours {
            let sum = counted.entry(*hour).or_default();
            sum.0 += requests;
            sum.1 += failed;
        }
    }

    /// Whom it cannot provision at the time `now`.
    pub(super) fn open_rejections(&self, now: Timestamp) -> impl Iterator<Item = &Rejection> {
        let is_open =
            move |it: &&Rejection| it.times > 0 && now.duration_since(it.at) < REJECTED_FOR;
        self.rejections.iter().filter(is_open)
    }
}

impl Event<'_> {
    /// Its subject as rejected once; nothing where it is about nobody.
    pub(super) fn rejection(&self) -> Option<Rejection> {
        let subject = self.subject.filter(|it| !it.is_nobody())?;
        Some(Rejection {
            at: self.time,
            kind: self.kind?,
            client: self.client.to_owned(),
            id: subject.id.clone(),
            name: subject.name.clone(),
            external_id: subject.external_id.clone(),
            reason: String::new(),
            times: 1,
        })
    }
}

fn reason(event: &Event<'_>, error: &ScimError) -> String {
    let detail = error.detail.trim();
    if detail.is_empty() {
        summary(event, error)
    } else {
        detail.to_owned()
    }
}

fn add_hour(hours: &mut Vec<Hour>, more: Hour) {
    match hours.binary_search_by_key(&more.0, |it| it.0) {
        Ok(at) => {
            hours[at].1 += more.1;
            hours[at].2 += more.2;
        }
        Err(at) => hours.insert(at, more),
    }
    let surplus = hours.len().saturating_sub(KEPT_HOURS);
    hours.drain(..surplus);
}

/// The later one counts; what went well since takes the place of what was rejected.
fn add_rejection(all: &mut Vec<Rejection>, mut rejection: Rejection) {
    if let Some(at) = all.iter().position(|it| it.is_about(&rejection)) {
        if all[at].at > rejection.at {
            return;
        }
        let before = all.remove(at);
        if rejection.times > 0 {
            rejection.times += before.times;
        }
        rejection.id = rejection.id.or(before.id);
        rejection.name = rejection.name.or(before.name);
        rejection.external_id = rejection.external_id.or(before.external_id);
    }
    all.push(rejection);
    let surplus = all.len().saturating_sub(REJECTIONS);
    all.drain(..surplus);
}
