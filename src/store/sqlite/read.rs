//! Reading resources: counted and cut by the database where it can, else row by row without holding them.

use futures::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection, TypeInfo, ValueRef};

use super::{checksum, statements};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::candidate::{holds, references, time};
use crate::store::filter_sql::{Argument, Search, Statement};
use crate::store::write::number;
use crate::store::{
    Counts, ListQuery, Listed, Position, Related, ResourceId, SortValue, StoreError, Stored,
    Version, Window,
};

/// A closed pool is a closed store; everything else is the database.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolClosed => StoreError::Closed,
        other => other.into(),
    }
}

pub(super) async fn find(
    readers: &SqlitePool,
    kind: ResourceType,
    id: &ResourceId,
    related: Related,
) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query(statements::find(kind, related))
        .bind(number(kind))
        .bind(id.as_str())
        .fetch_optional(readers)
        .await
        .map_err(failed)?;
    row.as_ref().map(stored).transpose()
}

/// The part of a list that `query` asks for: counted and cut by the database if it finds exactly the matches, else as the
/// rows come, each looked at.
pub(super) async fn list(
    readers: &SqlitePool,
    kind: ResourceType,
    query: &ListQuery,
    search: &Search,
    all: Option<i64>,
) -> Result<Listed, StoreError> {
    let (offset, count) = match &query.window {
        Window::Index(page) => (page.offset(), page.count),
        Window::Behind { count, .. } => (0, *count),
    };
    let part = Part {
        kind,
        related: query.related,
        offset,
        count,
        all,
    };
    if search.rest.is_none() && !search.finds_few() {
        part.counted(readers, search).await
    } else {
        part.looked_at(readers, search).await
    }
}

/// A part of what is found.
struct Part {
    kind: ResourceType,
    related: Related,
    offset: usize,
    count: usize,
    /// How many there are altogether, if that is known.
    all: Option<i64>,
}

impl Part {
    async fn counted(&self, readers: &SqlitePool, search: &Search) -> Result<Listed, StoreError> {
        let mut snapshot = readers.begin().await.map_err(failed)?;
        let connection: &mut SqliteConnection = &mut snapshot;
        let total = if let Some(all) = self.all.filter(|_| search.is_everything()) {
            all
        } else {
            let count = search.count();
            let row = bound(&count).fetch_one(&mut *connection).await?;
            row.try_get(0)?
        };
        let related = statements::related(self.kind, self.related);
        let page = search.page(related, signed(self.count), signed(self.offset));
        let rows = bound(&page).fetch_all(&mut *connection).await?;
        snapshot.commit().await?;
        Ok(Listed {
            total: usize::try_from(total).unwrap_or_default(),
            resources: rows.iter().map(stored).collect::<Result<_, _>>()?,
            end: rows.last().map(position).transpose()?,
        })
    }

    async fn looked_at(&self, readers: &SqlitePool, search: &Search) -> Result<Listed, StoreError> {
        let statement = search.rows(statements::related(self.kind, search.loads(self.related)));
        let mut rows = bound(&statement).fetch(readers);
        let mut listed = Listed::default();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let mut found = stored(&row)?;
            let rest = search.rest.as_ref();
            if rest.is_some_and(|rest| !holds(self.kind, rest, &found)) {
                continue;
            }
            if listed.total >= self.offset && listed.resources.len() < self.count {
                if self.related == Related::Skip {
                    found.related.clear();
                }
                listed.resources.push(found);
                listed.end = Some(position(&row)?);
            }
            listed.total += 1;
        }
        Ok(listed)
    }
}

/// How many there are, counted.
pub(super) async fn counts(readers: &SqlitePool) -> Result<Counts, StoreError> {
    let (users, deactivated, groups): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM resource WHERE kind = 0),
                (SELECT count(*) FROM resource WHERE kind = 0 AND active = 0),
                (SELECT count(*) FROM resource WHERE kind = 1)",
    )
    .fetch_one(readers)
    .await
    .map_err(failed)?;
    Ok(Counts {
        users,
        active_users: users - deactivated,
        groups,
    })
}

/// Whether anything can be read.
pub(super) async fn look(readers: &SqlitePool) -> Result<(), StoreError> {
    let looked = sqlx::query("SELECT EXISTS (SELECT 1 FROM resource)").fetch_one(readers);
    looked.await.map(|_| ()).map_err(failed)
}

fn bound(statement: &Statement) -> Query<'_, Sqlite, SqliteArguments> {
    let mut query = sqlx::query(statement.sql());
    for argument in &statement.arguments {
        query = match argument {
            Argument::Text(text) | Argument::Key(text) => query.bind(text.as_str()),
            Argument::Number(number) => query.bind(*number),
        };
    }
    query
}

/// The place behind a row.
fn position(row: &SqliteRow) -> Result<Position, StoreError> {
    let value = row.try_get_raw(9)?;
    let key = if value.is_null() {
        SortValue::Absent
    } else if value.type_info().name() == "INTEGER" {
        SortValue::Time(row.try_get(9)?)
    } else {
        SortValue::Text(row.try_get(9)?)
    };
    Ok(Position {
        key,
        sequence: row.try_get(8)?,
    })
}

/// A row with id, version, times, body, memberships, kind and checksum.
pub(super) fn stored(row: &SqliteRow) -> Result<Stored, StoreError> {
    let id: &str = row.try_get(0)?;
    let (version, created, modified): (i64, i64, i64) =
        (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let body: &str = row.try_get(4)?;
    if let Some(checksum) = row.try_get::<Option<i64>, _>(7)? {
        let sum = checksum::of(row.try_get(6)?, id, body);
        let numbers = version.wrapping_add(created).wrapping_add(modified);
        if checksum != sum.wrapping_add(numbers) {
            return Err(StoreError::Damaged(ResourceId::new(id)));
        }
    }
    Ok(Stored {
        id: ResourceId::new(id),
        version: Version(version),
        created: time(created),
        last_modified: time(modified),
        resource: Resource::from_json(body)?,
        related: references(row.try_get(5)?),
    })
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
