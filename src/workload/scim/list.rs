//! Lists: by GET with a query, by POST to `/.search` with the same parameters in the body.

use serde_json::Value;

use super::answer::Answer;
use super::cursor::{Cursor, list_digest};
use super::request::{self, Query};
use super::{Call, Done, related};
use crate::scim::deviation::of_filter;
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::list::{ListResponse, Page, Paging};
use crate::scim::schema::{ResourceSchema, ResourceType};
use crate::scim::sort::Sort;
use crate::store::{ListQuery, Position, Window};
use crate::workload::directory::{DirectoryError, Effect};

fn filter(asked: &Query<'_>, schema: &ResourceSchema) -> Result<Option<Filter>, ScimError> {
    let text = asked.filter.as_deref().filter(|it| !it.trim().is_empty());
    text.map(|it| Filter::parse(it, schema)).transpose()
}

/// A part of a list as it is answered.
struct Rendered {
    total: usize,
    resources: Vec<Value>,
    end: Option<Position>,
}

impl Call<'_> {
    /// Answers with one page of the resources of a type, or of all types.
    pub(super) async fn list(&self, kind: Option<ResourceType>) -> Done {
        let body;
        let asked = if self.reads() {
            Query::parse(self.query)
        } else {
            body = request::json(self.body)?;
            Query::from_body(&body)?
        };
        let text = asked.filter.as_deref().unwrap_or_default();
        let deviations = match kind {
            Some(kind) => of_filter(text, self.schema(kind)),
            None => of_filter(text, &self.scim_tenant.directory.schemas().everything()),
        };
        let repaired = self.admit(&deviations)?;
        let response = match (kind, &asked.cursor) {
            (None, _) => self.page_of_everything(&asked).await?,
            (Some(kind), None) => self.page_by_index(kind, &asked).await?,
            (Some(kind), Some(cursor)) => self.page_by_cursor(kind, &asked, cursor.trim()).await?,
        };
        let answer = Answer::ok(response.into_value());
        Ok((answer.repaired(repaired), Effect::Read))
    }

    fn list_query(&self, kind: ResourceType, asked: &Query<'_>) -> Result<ListQuery, ScimError> {
        let schema = self.schema(kind);
        Ok(ListQuery {
            filter: filter(asked, schema)?,
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
        let render = |it| self.scim_tenant.render(kind, it, &projection);
        Ok(Rendered {
            total: listed.total,
            resources: listed.resources.into_iter().map(render).collect(),
            end: listed.end,
        })
    }

    async fn page_by_index(
        &self,
        kind: ResourceType,
        asked: &Query<'_>,
    ) -> Result<ListResponse, DirectoryError> {
        let page = Page::parse(asked.start_index.as_deref(), asked.count.as_deref())?;
        let mut query = self.list_query(kind, asked)?;
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
        cursor: &str,
    ) -> Result<ListResponse, DirectoryError> {
        if asked.start_index.is_some() {
            let detail = "A page is asked for by cursor or by startIndex, not by both.";
            return Err(ScimError::invalid_value(detail).into());
        }
        let page = Page::parse(None, asked.count.as_deref())?;
        let mut query = self.list_query(kind, asked)?;
        let list = list_digest(kind, &query);
        let mut given = 0;
        query.window = if cursor.is_empty() {
            Window::Index(page)
        } else {
            let cursor = Cursor::decode(cursor, &list, self.now)?;
            given = cursor.given;
            Window::Behind {
                position: cursor.position(),
                count: page.count,
            }
        };
        let Rendered {
            total,
            resources,
            end,
        } = self.page(kind, asked, &query).await?;
        let so_far = given + resources.len();
        let end = end.filter(|_| resources.len() < total);
        let next = end.map(|end| Cursor::new(&end, so_far, self.now).encode(&list));
        Ok(ListResponse {
            total_results: given + total,
            paging: Paging::Cursor(next),
            resources,
        })
    }

    /// RFC 7644, section 3.4.2.1: attributes that a type does not have are absent. Users come first, then groups.
    async fn page_of_everything(&self, asked: &Query<'_>) -> Result<ListResponse, DirectoryError> {
        if asked.sort_by.is_some() || asked.cursor.is_some() {
            return Err(ScimError::invalid_value(
                "A search of users and groups together has neither sortBy nor a cursor; ask /Users/.search or /Groups/.search.",
            )
            .into());
        }
        let page = Page::parse(asked.start_index.as_deref(), asked.count.as_deref())?;
        let schema = self.scim_tenant.directory.schemas().everything();
        let filter = filter(asked, &schema)?;
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
                filter: filter.clone(),
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
