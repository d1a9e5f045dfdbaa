//! Pages of a list (RFC 7644, section 3.4.2.4) and the `ListResponse` they are answered with.

use serde::Serialize;

use crate::scim::bounds::DEFAULT_PAGE;
use crate::scim::bounds::MAX_PAGE;
use crate::scim::error::ScimError;

/// The schema URN of a list body.
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The schema URN of a search that is sent by POST.
pub const SEARCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// 1-based.
    pub start_index: usize,
    /// At most [`MAX_PAGE`]; 0 asks for the total only.
    pub count: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            start_index: 1,
            count: DEFAULT_PAGE,
        }
    }
}

impl Page {
    /// Reads the query parameters; below 1 means 1, a negative count means 0, a huge one the bound.
    ///
    /// # Errors
    /// `400 invalidValue` when a parameter is no whole number.
    pub fn parse(start_index: Option<&str>, count: Option<&str>) -> Result<Self, ScimError> {
        let start_index = start_index.map_or(Ok(1), |text| whole("startIndex", text))?;
        let count = count.map_or(Ok(DEFAULT_PAGE), |text| whole("count", text))?;
        Ok(Self {
            start_index: start_index.max(1),
            count: count.min(MAX_PAGE),
        })
    }

    /// How many resources come before this page.
    pub fn offset(&self) -> usize {
        self.start_index.saturating_sub(1)
    }
}

/// A whole number; negative ones become 0, those that no machine word holds the largest one.
fn whole(name: &str, text: &str) -> Result<usize, ScimError> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!(
            "The query parameter {name} must be a whole number."
        )));
    }
    if text.starts_with('-') {
        return Ok(0);
    }
    // SQLite and PostgreSQL count in signed 64 bits.
    Ok(digits.parse().unwrap_or(usize::MAX).min(usize::MAX >> 1))
}

/// One page of rendered resources.
#[derive(Debug, Clone, PartialEq)]
pub struct ListResponse {
    /// How many resources match, on all pages together.
    pub total_results: usize,
    /// How the client goes on.
    pub paging: Paging,
    /// Each as JSON.
    pub resources: Vec<String>,
}

/// How a client goes on to the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paging {
    /// By number: `startIndex` as asked for, echoed.
    Index(usize),
    /// RFC 9865: by cursors.
    Cursor {
        /// The last page has none.
        next: Option<String>,
        /// The first page has none.
        previous: Option<String>,
    },
}

/// What a body has before its resources.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'h> {
    schemas: [&'h str; 1],
    total_results: usize,
    items_per_page: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'h str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_cursor: Option<&'h str>,
}

impl ListResponse {
    /// The body as JSON; `Resources` is an array even when empty, since Entra's Test Connection insists.
    pub fn to_json(&self) -> String {
        let (start_index, next, previous) = match &self.paging {
            Paging::Index(start_index) => (Some(*start_index), None, None),
            Paging::Cursor { next, previous } => (None, next.as_deref(), previous.as_deref()),
        };
        let head = Head {
            schemas: [LIST_URN],
            total_results: self.total_results,
            items_per_page: self.resources.len(),
            start_index,
            next_cursor: next,
            previous_cursor: previous,
        };
        let head = serde_json::to_string(&head).expect("numbers and texts can be written as JSON");
        let members = head.strip_suffix('}').unwrap_or_default();
        format!("{members},\"Resources\":[{}]}}", self.resources.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_pages_get_the_answers_of_the_rfc() {
        let page = |start, count| {
            Page::parse(start, count)
                .map(|page| (page.start_index, page.count))
                .ok()
        };
        assert_eq!(page(None, None), Some((1, DEFAULT_PAGE)));
        assert_eq!(page(Some("0"), Some("0")), Some((1, 0)));
        assert_eq!(page(Some("-3"), Some("-1")), Some((1, 0)));
        assert_eq!(page(Some("6"), Some("5000")), Some((6, MAX_PAGE)));
        assert!(page(Some("99999999999999999999999"), None).is_some());
        assert_eq!(page(Some("x"), None), None);
        assert_eq!(page(None, Some("")), None);
    }
}
