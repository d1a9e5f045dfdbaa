//! What SCIM clients asked lately and were answered, without values of people.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Administration, Administrator, Capability, NotDone, PAGE, place};
use crate::store::{KeptRecord, RECORDS_PER_CLIENT};

/// Which requests are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestsWanted {
    /// Of this client; of all when absent.
    pub(crate) client: Option<String>,
    /// Those that were refused, those that were not, or both.
    pub(crate) failed: Option<bool>,
    /// By this method, such as `PATCH`.
    pub(crate) method: Option<String>,
    /// About the person or group with this id.
    pub(crate) about: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A page of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API has the names")]
pub(crate) struct Requests {
    /// Those of the page, the newest first.
    pub(crate) requests: Vec<RequestRow>,
    /// The clients of whom requests are kept, to choose from.
    pub(crate) clients: Vec<String>,
    /// Where the next page begins; nothing when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A request among others.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestRow {
    /// Its number, by which it is opened.
    pub(crate) number: i64,
    /// The client.
    pub(crate) client: String,
    /// When it came.
    pub(crate) at: Timestamp,
    /// The HTTP method.
    pub(crate) method: String,
    /// The path below the SCIM base, with the identifier where it is one of ours.
    pub(crate) path: String,
    /// The status that it was answered with.
    pub(crate) status: u16,
    /// Why it was refused, as SCIM calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scim_type: Option<String>,
    /// Why it was refused, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// Milliseconds that it took.
    pub(crate) ms: f64,
}

/// A request with what was sent and answered; values of people are their lengths.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API has the names")]
pub(crate) struct Request {
    /// What a list shows of it.
    #[serde(flatten)]
    pub(crate) row: RequestRow,
    /// Its name in the log and in the answer.
    pub(crate) request_id: String,
    /// The query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Value>,
}

/// What the recorder wrote.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    #[serde(default)]
    request_id: String,
    method: String,
    path: String,
    query: Option<String>,
    body: Option<Value>,
    status: u16,
    scim_type: Option<String>,
    detail: Option<String>,
    answer: Option<Value>,
    #[serde(default)]
    ms: f64,
}

impl Request {
    /// What was recorded; nothing of what is not understood.
    fn of(kept: KeptRecord) -> Option<Self> {
        let recorded: Recorded = serde_json::from_str(&kept.record.text).ok()?;
        Some(Self {
            row: RequestRow {
                number: kept.number,
                client: kept.record.client,
                at: kept.record.at,
                method: recorded.method,
                path: recorded.path,
                status: recorded.status,
                scim_type: recorded.scim_type,
                detail: recorded.detail,
                ms: recorded.ms,
            },
            request_id: recorded.request_id,
            query: recorded.query,
            body: recorded.body,
            answer: recorded.answer,
        })
    }
}

impl RequestsWanted {
    fn has(&self, row: &RequestRow) -> bool {
        let failed = row.status >= 400;
        self.failed.is_none_or(|it| it == failed)
            && self
                .method
                .as_ref()
                .is_none_or(|it| it.eq_ignore_ascii_case(&row.method))
            && self
                .about
                .as_ref()
                .is_none_or(|it| row.path.ends_with(&format!("/{it}")))
    }
}

impl Administration<'_> {
    /// A page of requests, the newest first. Of each client the last are kept, few enough to be looked through.
    pub(crate) async fn requests(
        &self,
        who: &Administrator,
        wanted: &RequestsWanted,
    ) -> Result<Requests, NotDone> {
        who.must(Capability::SeeRequests)?;
        let before: Option<i64> = place::decode(wanted.cursor.as_deref())?;
        let names: Vec<String> = self
            .scim_tenant
            .clients
            .names()
            .map(str::to_owned)
            .collect();
        if let Some(client) = wanted.client.as_ref().filter(|it| !names.contains(it)) {
            return Err(NotDone::Invalid {
                field: "client",
                got: client.clone(),
                wanted: format!("write one of {}", names.join(", ")),
            });
        }
        let of = names
            .iter()
            .filter(|it| wanted.client.as_ref().is_none_or(|client| client == *it));
        let mut rows = self.recorded(of, before, "").await?;
        rows.retain(|it| wanted.has(&it.row));
        rows.sort_by_key(|it| std::cmp::Reverse(it.row.number));
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let last = rows.last().filter(|_| more).map(|it| it.row.number);
        Ok(Requests {
            requests: rows.into_iter().map(|it| it.row).collect(),
            clients: names,
            next_cursor: last.as_ref().and_then(place::encode),
        })
    }

    /// A request with its masked body and answer.
    pub(crate) async fn request(
        &self,
        who: &Administrator,
        client: &str,
        number: i64,
    ) -> Result<Request, NotDone> {
        who.must(Capability::SeeRequests)?;
        self.scim_tenant.opened.save_records().await;
        let behind = number.checked_add(1);
        let found = self.store().records(client, behind, 1).await?;
        let found = found.into_iter().find(|it| it.number == number);
        found
            .and_then(Request::of)
            .ok_or(NotDone::NotFound("request"))
    }

    /// What was recorded of some clients and has `part` in its text, in no order.
    pub(super) async fn recorded(
        &self,
        clients: impl Iterator<Item = &String>,
        before: Option<i64>,
        part: &str,
    ) -> Result<Vec<Request>, NotDone> {
        self.scim_tenant.opened.save_records().await;
        let mut all = Vec::new();
        for client in clients {
            let kept = self.store().records(client, before, RECORDS_PER_CLIENT);
            let kept = kept.await?.into_iter();
            let wanted = kept.filter(|it| it.record.text.contains(part));
            all.extend(wanted.filter_map(Request::of));
        }
        Ok(all)
    }
}
