//! What a request carries: query, preconditions, body; each within bounds.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};
use serde_json::Value;
use url::form_urlencoded;

use super::answer::entity_tag;
use crate::scim::bounds;
use crate::scim::error::ScimError;
use crate::store::Version;
use crate::workload::directory::Expected;
use crate::workload::intake::{Room, Unread};

/// Bytes of a body at most: a PATCH with ten thousand members fits.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// The query parameters that SCIM has; others are ignored, Entra's feature flags among them.
#[derive(Default)]
pub(super) struct Query<'q> {
    pub(super) filter: Option<Cow<'q, str>>,
    pub(super) sort_by: Option<Cow<'q, str>>,
    pub(super) sort_order: Option<Cow<'q, str>>,
    pub(super) start_index: Option<Cow<'q, str>>,
    pub(super) count: Option<Cow<'q, str>>,
    pub(super) cursor: Option<Cow<'q, str>>,
    pub(super) attributes: Option<Cow<'q, str>>,
    pub(super) excluded_attributes: Option<Cow<'q, str>>,
}

impl<'q> Query<'q> {
    /// Reads a form-encoded query: a plus is a space.
    pub(super) fn parse(query: &'q str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            read.set(&name, value);
        }
        read
    }

    /// Reads a `SearchRequest` (RFC 7644, section 3.4.3), which has the same parameters.
    pub(super) fn from_body(body: &Value) -> Result<Self, ScimError> {
        bounds::check(body)?;
        let members = body
            .as_object()
            .ok_or_else(|| ScimError::invalid_syntax("A search must be a JSON object."))?;
        let mut read = Self::default();
        for (name, value) in members {
            let text = match value {
                Value::Null | Value::Object(_) => continue,
                Value::String(text) => text.clone(),
                Value::Array(names) => {
                    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                    names.join(",")
                }
                Value::Number(_) | Value::Bool(_) => value.to_string(),
            };
            read.set(name, Cow::Owned(text));
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: Cow<'q, str>) {
        let place = match name.to_ascii_lowercase().as_str() {
            "filter" => &mut self.filter,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            "cursor" => &mut self.cursor,
            "attributes" => &mut self.attributes,
            "excludedattributes" => &mut self.excluded_attributes,
            _ => return,
        };
        *place = Some(value);
    }
}

/// The versions that may be read, by `If-Match` (RFC 9110, section 13.1.1); weak and strong forms count as the same.
pub(super) fn readable(headers: &HeaderMap) -> Expected {
    let tags: Vec<String> = tags(headers, &IF_MATCH);
    let is_any = !headers.contains_key(IF_MATCH) || tags.iter().any(|tag| tag == "*");
    Expected {
        one_of: (!is_any).then(|| versions(&tags)),
        none_of: Vec::new(),
    }
}

/// The versions that may be changed, by `If-Match` and `If-None-Match` (RFC 9110, section 13.1.2).
pub(crate) fn expected(headers: &HeaderMap) -> Expected {
    let tags: Vec<String> = tags(headers, &IF_NONE_MATCH);
    if tags.iter().any(|tag| tag == "*") {
        // Whatever is there has a version.
        return Expected {
            one_of: Some(Vec::new()),
            none_of: Vec::new(),
        };
    }
    Expected {
        none_of: versions(&tags),
        ..readable(headers)
    }
}

/// Whether `If-None-Match` names this version.
pub(super) fn is_known(headers: &HeaderMap, version: Version) -> bool {
    let own = entity_tag(version);
    let own = own.trim_start_matches("W/");
    tags(headers, &IF_NONE_MATCH)
        .iter()
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == own)
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().to_owned())
        .collect()
}

fn versions(tags: &[String]) -> Vec<Version> {
    let number = |tag: &String| tag.trim_start_matches("W/").trim_matches('"').parse().ok();
    tags.iter().filter_map(number).map(Version).collect()
}

/// Whether the content type is one that is read: JSON, SCIM's or plain, or none.
pub(crate) fn accepts(headers: &HeaderMap) -> Result<(), ScimError> {
    let unsupported = |detail: &str| ScimError {
        status: 415,
        scim_type: None,
        detail: detail.to_owned(),
        retry_after: None,
    };
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("Send the body without Content-Encoding."));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value
        .to_str()
        .unwrap_or("?")
        .split(';')
        .next()
        .unwrap_or_default();
    let known = ["application/scim+json", "application/json", ""];
    if known
        .iter()
        .any(|it| it.eq_ignore_ascii_case(essence.trim()))
    {
        return Ok(());
    }
    Err(unsupported("Send the body as application/scim+json."))
}

/// Reads a body up to [`MAX_BODY`], as long as there is room.
pub(crate) async fn read_body(body: Body, room: &mut Room<'_>) -> Result<Vec<u8>, ScimError> {
    room.read(body, MAX_BODY).await.map_err(|why| match why {
        Unread::TooLarge => {
            ScimError::too_large(format!("The body may have at most {MAX_BODY} bytes."))
        }
        Unread::NoRoom => {
            ScimError::unavailable("Too many bodies are read at once; try again in a second.")
        }
        Unread::Broken => ScimError::invalid_syntax("The body ended too early."),
    })
}

/// The body as JSON; the position of a fault is named, what stands there is not.
pub(super) fn json(body: &[u8]) -> Result<Value, ScimError> {
    serde_json::from_slice(body).map_err(|error| {
        ScimError::invalid_syntax(format!(
            "The body is not JSON: line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}
