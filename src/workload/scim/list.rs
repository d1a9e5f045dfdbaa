//! Lists: by GET with a query, by POST to `/.search` with the same parameters in the body.

use super::answer::Answer;
use super::cursor::{Cursor, list_digest};
use super::request::{self, Query};
use super::{Call, Done, related};
use crate::scim::deviation::{Found, of_filter, of_search};
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::list::{ListResponse, Page, Paging};
use crate::scim::schema::{ResourceSchema, ResourceType};
use crate::scim::sort::Sort;
use crate::store::{ListQuery, Position, Window};
use crate::workload::directory::{DirectoryError, Effect};

/// The filter that is asked for, and what it has beyond the RFC.
fn filter(
    asked: &Query<'_>,
    schema: &ResourceSchema,
) -> Result<(Option<Filter>, Vec<Found>), ScimError> {
    let text = asked.filter.as_deref().filter(|it| !it.trim().is_empty());
    let read = text.map(|it| Filter::read(it, schema)).transpose()?;
    Ok(match read {
        Some((filter, deviations)) => (Some(filter), of_filter(deviations)),
        None => (None, Vec::new()),
    })
}

/// Where a page begins and ends that nobody is on: at the place it was asked by. That is the place of somebody before the page, which hence
/// begins one number further on.
fn empty(position: &Position, sort: Option<&Sort>) -> (Option<Position>, Option<Position>) {
    let is_descending = sort.is_some_and(|it| it.descending);
    let on = if is_descending { -1 } else { 1 };
    let start = Position {
        // Whoever makes up a cursor may say anything.
        sequence: position.sequence.saturating_add(on),
        key: position.key.clone(),
    };
    (Some(start), Some(position.clone()))
}

/// A part of a list as it is answered.
struct Rendered {
    total: usize,
    resources: Vec<String>,
    start: Option<Position>,
    end: Option<Position>,
}

impl Call<'_> {
    /// Answers with one page of the resources of a type, or of all types.
    pub(super) async fn list(&self, kind: Option<ResourceType>) -> Done {
        let (asked, mut deviations) = if self.reads() {
            (Query::parse(self.query), Vec::new())
        } else {
            let body = request::json(self.body)?;
            (Query::from_body(&body)?, of_search(&body))
        };
        let (filter, more) = match kind {
            Some(kind) => filter(&asked, self.schema(kind))?,
            None => filter(&asked, &self.scim_tenant.directory.schemas().everything())?,
        };
        deviations.extend(more);
        let repaired = self.admit(&deviations)?;
        let response = match kind {
            None => self.page_of_everything(&asked, filter.as_ref()).await?,
            Some(kind) => {
                let query = self.list_query(kind, &asked, filter)?;
                match &asked.cursor {
                    None => self.page_by_index(kind, &asked, query).await?,
                    Some(cursor) => {
                        let cursor = cursor.trim();
                        self.page_by_cursor(kind, &asked, query, cursor).await?
                    }
                }
            }
        };
        let answer = Answer::ok(response.to_json());
        Ok((answer.repaired(repaired), Effect::Read))
    }

    fn list_query(
        &self,
        kind: ResourceType,
        asked: &Query<'_>,
        filter: Option<Filter>,
    ) -> Result<ListQuery, ScimError> {
        let schema = self.schema(kind);
        Ok(ListQuery {
            filter,
            sort: Sort::parse(
                asked.sort_by.as_deref(),
                asked.sort_order.as_deref(),
                schema,
            )?,
            window: Window::default(),
            related: related(kind, &self.projection(kind, asked)),
            ..ListQuery::default()
        })
    }

    async fn page(
        &self,
        kind: ResourceType,
        asked: &Query<'_>,
        query: &ListQuery,
    ) -> Result<Rendered, DirectoryError> {
        let listed = self.scim_tenant.directory.list(kind, query).await?;
        let projection = self.projection(kind, asked);
        let render = |it| self.scim_tenant.render(kind, it, &projection).text;
        let (start, end) = match (listed.start, listed.end, &query.window) {
            (None, None, Window::Behind { position, .. }) => empty(position, query.sort.as_ref()),
            (start, end, _) => (start, end),
        };
        Ok(Rendered {
            total: listed.total,
            resources: listed.resources.into_iter().map(render).collect(),
            start,
            end,
        })
    }

    async fn page_by_index(
        &self,
        kind: ResourceType,
        asked: &Query<'_>,
        mut query: ListQuery,
    ) -> Result<ListResponse, DirectoryError> {
        let page = Page::parse(asked.start_index.as_deref(), asked.count.as_deref())?;
        let walks = &self.scim_tenant.walks;
        let place = if page.start_index > 1 {
            let list = list_digest(kind, &query);
            walks.place(&self.client.name, &list, page.start_index, self.now)
        } else {
            None
        };
        let before = if place.is_some() { page.offset() } else { 0 };
        query.window = match place {
            Some(position) => Window::Behind {
                position,
                count: page.count,
            },
            None => Window::Index(page),
        };
        let Rendered {
            total,
            resources,
            end,
            ..
        } = self.page(kind, asked, &query).await?;
        let total_results = before + total;
        let next = page.start_index + resources.len();
        if let Some(end) = end.filter(|_| next <= total_results) {
            let list = list_digest(kind, &query);
            walks.remember(&self.client.name, list, (next, end), self.now);
        }
        Ok(ListResponse {
            total_results,
            paging: Paging::Index(page.start_index),
            resources,
        })
    }

    async fn page_by_cursor(
        &self,
        kind: ResourceType,
        asked: &Query<'_>,
        mut query: ListQuery,
        cursor: &str,
    ) -> Result<ListResponse, DirectoryError> {
        if asked.start_index.is_some() {
            let detail = "A page is asked for by cursor or by startIndex, not by both.";
            return Err(ScimError::invalid_value(detail).into());
        }
        let page = Page::parse(None, asked.count.as_deref())?;
        let list = list_digest(kind, &query);
        let (mut given, mut backward) = (0, false);
        query.window = if cursor.is_empty() {
            Window::Index(page)
        } else {
            let cursor = Cursor::decode(cursor, &list, query.sort.as_ref(), self.now)?;
            (given, backward) = (cursor.given, cursor.backward);
            Window::Behind {
                position: cursor.position(),
                count: page.count,
            }
        };
        if backward {
            query.sort = Some(Sort::reversed(query.sort));
        }
        let Rendered {
            total,
            mut resources,
            start,
            end,
        } = self.page(kind, asked, &query).await?;
        // Whoever makes up a cursor may say anything.
        let so_far = given.saturating_add(resources.len());
        let onward = end.filter(|_| resources.len() < total);
        let onward = onward.map(|end| Cursor::new(&end, so_far, self.now));
        let back = start.filter(|_| given > 0);
        let back = back.map(|start| Cursor::new(&start, total, self.now).back());
        let (mut next, mut previous) = (onward, back);
        if backward {
            resources.reverse();
            (next, previous) = (previous.map(Cursor::back), next.map(Cursor::back));
        }
        let encode = |cursor: Cursor| cursor.encode(&list);
        Ok(ListResponse {
            total_results: given.saturating_add(total),
            paging: Paging::Cursor {
                next: next.map(encode),
                previous: previous.map(encode),
            },
            resources,
        })
    }

    /// RFC 7644, section 3.4.2.1: attributes that a type does not have are absent. Users come first, then groups.
    async fn page_of_everything(
        &self,
        asked: &Query<'_>,
        filter: Option<&Filter>,
    ) -> Result<ListResponse, DirectoryError> {
        if asked.sort_by.is_some() || asked.cursor.is_some() {
            return Err(ScimError::invalid_value(
                "A search of users and groups together has neither sortBy nor a cursor; ask /Users/.search or /Groups/.search.",
            )
            .into());
        }
        let page = Page::parse(asked.start_index.as_deref(), asked.count.as_deref())?;
        let mut response = ListResponse {
            total_results: 0,
            paging: Paging::Index(page.start_index),
            resources: Vec::new(),
        };
        let mut room = page.count;
        for kind in [ResourceType::User, ResourceType::Group] {
            if self.client.rights.check(Some(kind), false).is_err() {
                continue;
            }
            let before = page.offset().saturating_sub(response.total_results);
            let query = ListQuery {
                filter: filter.map(|it| it.clone().on_core(&self.schema(kind).core.urn)),
                sort: None,
                window: Window::Index(Page {
                    start_index: before + 1,
                    count: room,
                }),
                related: related(kind, &self.projection(kind, asked)),
                ..ListQuery::default()
            };
            let rendered = self.page(kind, asked, &query).await?;
            response.total_results += rendered.total;
            let given = rendered.resources.len();
            // A page may end before it is full, and then nothing comes behind the gap.
            let is_over = before + given < rendered.total;
            room = if is_over { 0 } else { room - given };
            response.resources.extend(rendered.resources);
        }
        Ok(response)
    }
}
