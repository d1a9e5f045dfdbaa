//! Reading resources: counted and cut by the database where it can, else row by row without holding them.

use futures::TryStreamExt;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Connection, PgConnection, Row, TypeInfo, ValueRef};

use super::text::{key, text};
use super::{Failure, statements};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::scim::sort::SortValue;
use crate::store::candidate::{holds, references, time};
use crate::store::filter_sql::{Argument, Search, Statement};
use crate::store::query::sorting::Sorting;
use crate::store::write::{number, signed};
use crate::store::{
    Counts, ListQuery, Listed, Note, Position, Related, ResourceId, Stored, Version,
};

/// Begins a transaction that sees one moment, and whom nobody disturbs.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn find(
    connection: &mut PgConnection,
    kind: ResourceType,
    id: &ResourceId,
    related: Related,
) -> Result<Option<Stored>, Failure> {
    let row = sqlx::query(statements::find(kind, related))
        .bind(number(kind))
        .bind(text(id.as_str()))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// The part of a list that `query` asks for: counted and cut by the database if it finds exactly the matches, else as the
/// rows come, each looked at.
pub(super) async fn list(
    connection: &mut PgConnection,
    kind: ResourceType,
    query: &ListQuery,
    search: &Search,
) -> Result<Listed, Failure> {
    let (offset, count) = query.window.bounds();
    let part = Part {
        kind,
        related: query.related,
        offset,
        count,
        memberships: query.memberships,
    };
    if let Some(sorting) = &search.sorting {
        part.sorted(connection, search, sorting.clone()).await
    } else if search.is_exact() && !search.finds_few() {
        part.counted(connection, search).await
    } else {
        part.looked_at(connection, search).await
    }
}

/// A part of what is found.
struct Part {
    kind: ResourceType,
    related: Related,
    offset: usize,
    count: usize,
    memberships: usize,
}

impl Part {
    async fn counted(
        &self,
        connection: &mut PgConnection,
        search: &Search,
    ) -> Result<Listed, Failure> {
        let mut snapshot = connection.begin_with(SNAPSHOT).await?;
        let total = if search.is_everything() {
            counts(&mut snapshot).await?.of(self.kind)
        } else {
            let count = search.count();
            let row = bound(&count).fetch_one(&mut *snapshot).await?;
            row.try_get(0)?
        };
        let related = statements::related(self.kind, self.related);
        let page = search.page(related, signed(self.count), signed(self.offset));
        let mut listed = Listed::of(total);
        let mut rows = bound(&page).fetch(&mut *snapshot);
        while listed.has_room(self.count, self.memberships)
            && let Some(row) = rows.try_next().await?
        {
            listed.push(stored(&row)?, position(&row)?);
        }
        drop(rows);
        snapshot.commit().await?;
        Ok(listed)
    }

    async fn looked_at(
        &self,
        connection: &mut PgConnection,
        search: &Search,
    ) -> Result<Listed, Failure> {
        let statement = search.rows(statements::related(self.kind, search.loads(self.related)));
        let mut rows = bound(&statement).fetch(connection);
        let mut listed = Listed::default();
        while let Some(row) = rows.try_next().await? {
            let mut found = stored(&row)?;
            let rest = search.rest.as_ref();
            if rest.is_some_and(|rest| !holds(self.kind, rest, &found)) {
                continue;
            }
            if listed.total >= self.offset && listed.has_room(self.count, self.memberships) {
                if self.related == Related::Skip {
                    found.related.clear();
                }
                listed.push(found, position(&row)?);
            }
            listed.total += 1;
        }
        Ok(listed)
    }

    /// In an order that the database does not keep: all come by, and those of the page are looked up.
    async fn sorted(
        &self,
        connection: &mut PgConnection,
        search: &Search,
        mut sorting: Sorting,
    ) -> Result<Listed, Failure> {
        let mut snapshot = connection.begin_with(SNAPSHOT).await?;
        let statement = search.rows(statements::related(self.kind, search.loads(Related::Skip)));
        loop {
            let mut rows = bound(&statement).fetch(&mut *snapshot);
            while let Some(row) = rows.try_next().await? {
                let found = stored(&row)?;
                let rest = search.rest.as_ref();
                if rest.is_none_or(|rest| holds(self.kind, rest, &found)) {
                    sorting.look_at(&found, row.try_get(6)?);
                }
            }
            if !sorting.goes_on() {
                break;
            }
        }
        let (total, page) = sorting.page();
        let mut listed = Listed::of(signed(total));
        let ids = page.iter().map(|it| text(it.1.as_str()).into_owned());
        let ids: Vec<String> = ids.collect();
        let mut rows = sqlx::query(statements::find_all(self.kind, self.related))
            .bind(number(self.kind))
            .bind(ids)
            .fetch(&mut *snapshot);
        // All are there, for the snapshot sees one moment.
        for (position, _) in page {
            if !listed.has_room(self.count, self.memberships) {
                break;
            }
            if let Some(row) = rows.try_next().await? {
                listed.push(stored(&row)?, position);
            }
        }
        drop(rows);
        snapshot.commit().await?;
        Ok(listed)
    }
}

pub(super) fn bound(statement: &Statement) -> Query<'_, Postgres, PgArguments> {
    let mut query = sqlx::query(statement.sql());
    for argument in &statement.arguments {
        query = match argument {
            Argument::Text(value) => query.bind(text(value)),
            Argument::Key(value) => query.bind(key(value)),
            Argument::Number(number) => query.bind(*number),
        };
    }
    query
}

/// The place behind a row.
fn position(row: &PgRow) -> Result<Position, Failure> {
    let value = row.try_get_raw(7)?;
    let key = if value.is_null() {
        SortValue::Absent
    } else if value.type_info().name() == "INT8" {
        SortValue::Number(row.try_get(7)?)
    } else {
        SortValue::Text(row.try_get(7)?)
    };
    Ok(Position {
        key,
        sequence: row.try_get(6)?,
    })
}

/// How many there are.
pub(super) async fn counts(connection: &mut PgConnection) -> Result<Counts, Failure> {
    let (users, active_users, groups) = sqlx::query_as(
        "SELECT sum(users)::bigint, sum(active_users)::bigint, sum(user_groups)::bigint FROM tally",
    )
    .fetch_one(connection)
    .await?;
    Ok(Counts {
        users,
        active_users,
        groups,
    })
}

pub(super) async fn notes(connection: &mut PgConnection) -> Result<Vec<Note>, Failure> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, text FROM note ORDER BY name")
        .fetch_all(connection)
        .await?;
    let note = |(name, text)| Note { name, text };
    Ok(rows.into_iter().map(note).collect())
}

/// A row with id, version, times, body, memberships.
pub(super) fn stored(row: &PgRow) -> Result<Stored, Failure> {
    let body: &str = row.try_get(4)?;
    Ok(Stored {
        id: ResourceId::new(row.try_get::<String, _>(0)?),
        version: Version(row.try_get(1)?),
        created: time(row.try_get(2)?),
        last_modified: time(row.try_get(3)?),
        resource: Resource::written(body)?,
        related: references(row.try_get(5)?),
    })
}
