//! The last requests of each client, for whoever asks why somebody is not here: kept without values of people.
//!
//! A request costs a copy of small bodies; they are masked once a second, when what was collected is written in one transaction. A process that
//! is killed loses the records of its last second at most.

mod mask;

use std::collections::{BTreeMap, VecDeque};

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::routing::Endpoint;
use super::scim::Performed;
use crate::scim::error::{ScimError, ScimType};
use crate::store::{RECORDS_PER_CLIENT, Record};

/// Bytes of a body that is recorded; of a longer one the length is.
pub(crate) const MAX_BODY: usize = 8 * 1024;

/// Bytes that wait to be written, for each client; the oldest go first.
const MAX_WAITING: usize = 512 * 1024;

/// A request and its answer, as they were.
pub(crate) struct Exchange {
    pub(crate) at: Timestamp,
    pub(crate) client: String,
    pub(crate) request_id: String,
    pub(crate) method: &'static str,
    /// Path below the SCIM base without identifiers, such as `Users/…`.
    pub(crate) target: &'static str,
    /// The identifier in the path.
    pub(crate) id: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) status: u16,
    pub(crate) ms: f64,
    pub(crate) error: Option<ScimError>,
    pub(crate) body: Content,
    pub(crate) answer: Content,
}

/// A body.
#[derive(Default)]
pub(crate) enum Content {
    /// There is none.
    #[default]
    Absent,
    /// The text.
    Whole(Bytes),
    /// Only how long it is.
    Length(usize),
}

impl Content {
    /// What is kept of `bytes`.
    pub(crate) fn of(bytes: &Bytes) -> Self {
        match bytes.len() {
            0 => Self::Absent,
            length if length > MAX_BODY => Self::Length(length),
            _ => Self::Whole(bytes.clone()),
        }
    }

    /// The text, where it was kept.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Absent | Self::Length(_) => None,
            Self::Whole(bytes) => Some(bytes),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Absent | Self::Length(_) => 0,
            Self::Whole(bytes) => bytes.len(),
        }
    }

    fn masked(&self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Length(length) => mask::long(*length),
            Self::Whole(bytes) => match serde_json::from_slice(bytes) {
                Ok(value) => mask::value(&value),
                Err(_) => mask::unreadable(bytes.len()),
            },
        }
    }
}

impl Exchange {
    /// One of its operations, where it is a bulk request, and that failed: each of the others would take the place of a request.
    pub(crate) fn operation(&self, performed: Performed) -> Option<Self> {
        let endpoint = performed.endpoint.as_ref();
        Some(Self {
            at: self.at,
            client: self.client.clone(),
            request_id: self.request_id.clone(),
            method: performed.method,
            target: endpoint.map_or("…", Endpoint::target),
            id: endpoint.and_then(|it| it.id().map(str::to_owned)),
            query: None,
            status: performed.status,
            ms: self.ms,
            error: Some(performed.outcome.err()?),
            body: performed.body,
            answer: Content::Absent,
        })
    }

    fn weight(&self) -> usize {
        512 + self.body.weight() + self.answer.weight()
    }

    /// The record that is kept.
    fn record(&self) -> Record {
        let path = match &self.id {
            Some(id) => self.target.replace('…', &mask::id(id)),
            None => self.target.to_owned(),
        };
        let query = self.query.as_deref().map(mask::query);
        let text = json!({
            "time": self.at,
            "requestId": self.request_id,
            "method": self.method,
            "path": path,
            "query": query,
            "body": self.body.masked(),
            "status": self.status,
            "scimType": self.error.as_ref().and_then(|it| it.scim_type).map(ScimType::as_str),
            "detail": self.error.as_ref().map(|it| &it.detail),
            "answer": self.answer.masked(),
            "ms": self.ms,
        });
        let text = match text {
            Value::Object(mut members) => {
                members.retain(|_, it| !it.is_null());
                Value::Object(members)
            }
            other => other,
        };
        Record {
            client: self.client.clone(),
            at: self.at,
            text: text.to_string(),
        }
    }
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Recorder {
    waiting: BTreeMap<String, Waiting>,
}

#[derive(Default)]
struct Waiting {
    exchanges: VecDeque<Exchange>,
    weight: usize,
}

impl Recorder {
    /// Takes in one exchange; the oldest of its client go when there are too many.
    pub(crate) fn take(&mut self, exchange: Exchange) {
        let most = usize::try_from(RECORDS_PER_CLIENT).unwrap_or_default();
        if !self.waiting.contains_key(&exchange.client) {
            self.waiting
                .insert(exchange.client.clone(), Waiting::default());
        }
        let Some(waiting) = self.waiting.get_mut(&exchange.client) else {
            return;
        };
        waiting.weight += exchange.weight();
        waiting.exchanges.push_back(exchange);
        while waiting.exchanges.len() > most || waiting.weight > MAX_WAITING {
            let Some(oldest) = waiting.exchanges.pop_front() else {
                break;
            };
            waiting.weight -= oldest.weight();
        }
    }

    /// Takes back what could not be written; it goes before what came since.
    pub(crate) fn take_back(&mut self, exchanges: Vec<Exchange>) {
        let since = self.waiting();
        for exchange in exchanges.into_iter().chain(since) {
            self.take(exchange);
        }
    }

    /// What has to be written since this was last asked.
    pub(crate) fn waiting(&mut self) -> Vec<Exchange> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flat_map(|it| it.exchanges).collect()
    }
}

/// The records of `exchanges`.
pub(crate) fn records(exchanges: &[Exchange]) -> Vec<Record> {
    exchanges.iter().map(Exchange::record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(body: &str) -> Exchange {
        Exchange {
            at: Timestamp::from_second(1).unwrap(),
            client: "entra".to_owned(),
            request_id: "1-1".to_owned(),
            method: "POST",
            target: "Users",
            id: None,
            query: None,
            status: 400,
            ms: 1.5,
            error: Some(ScimError::invalid_value("The userType is not allowed.")),
            body: Content::of(&body.to_owned().into()),
            answer: Content::default(),
        }
    }

    #[test]
    fn a_record_has_what_was_asked_and_answered_without_values() {
        let record = exchange(r#"{"userName": "ana@contoso.example"}"#).record();

        let text: Value = serde_json::from_str(&record.text).unwrap();
        assert_eq!(
            text,
            json!({"time": "1970-01-01T00:00:01Z", "requestId": "1-1", "method": "POST", "path": "Users",
                "body": {"userName": "(text of 19)"}, "status": 400, "scimType": "invalidValue",
                "detail": "The userType is not allowed.", "ms": 1.5})
        );
    }

    #[test]
    fn a_flood_leaves_the_newest_in_bounded_memory() {
        let mut recorder = Recorder::default();
        for number in 0..1000 {
            let mut one = exchange(&format!("\"{}\"", "x".repeat(4000)));
            one.request_id = number.to_string();
            recorder.take(one);
        }

        let waiting = recorder.waiting();

        assert!(waiting.iter().map(Exchange::weight).sum::<usize>() <= MAX_WAITING);
        assert!(waiting.len() > 100, "{}", waiting.len());
        assert_eq!(waiting.last().unwrap().request_id, "999");
        assert!(recorder.waiting().is_empty());
    }

    #[test]
    fn what_could_not_be_written_goes_before_what_came_since() {
        let mut recorder = Recorder::default();
        let numbered = |number: i64| Exchange {
            request_id: number.to_string(),
            ..exchange("{}")
        };
        let most = RECORDS_PER_CLIENT;
        (0..most - 1).for_each(|it| recorder.take(numbered(it)));
        let lost = recorder.waiting();
        (most - 1..most + 2).for_each(|it| recorder.take(numbered(it)));

        recorder.take_back(lost);

        let waiting = recorder.waiting();
        let ids: Vec<&str> = waiting.iter().map(|it| it.request_id.as_str()).collect();
        let expected: Vec<String> = (2..most + 2).map(|it| it.to_string()).collect();
        assert_eq!(ids, expected);
    }
}
