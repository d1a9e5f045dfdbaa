//! Reading resources: counted and cut by the database where it can, else row by row without holding them.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use super::{checksum, statements};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::scim::sort::SortValue;
use crate::store::candidate::{holds, references, time};
use crate::store::filter_sql::{Argument, Search, Statement};
use crate::store::query::sorting::Sorting;
use crate::store::write::{number, signed};
use crate::store::{
    Counts, ListQuery, Listed, Note, Position, Related, ResourceId, StoreError, Stored, Version,
};

pub(super) fn find(
    connection: &Connection,
    kind: ResourceType,
    id: &ResourceId,
    related: Related,
) -> Result<Option<Stored>, StoreError> {
    let mut statement = connection.prepare_cached(statements::find(kind, related))?;
    let mut rows = statement.query((number(kind), id.as_str()))?;
    rows.next()?.map(stored).transpose()
}

pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM resource WHERE kind = 0),
                (SELECT count(*) FROM resource WHERE kind = 0 AND active = 0),
                (SELECT count(*) FROM resource WHERE kind = 1)",
    )?;
    Ok(statement.query_row((), |row| {
        let (users, deactivated): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Counts {
            users,
            active_users: users - deactivated,
            groups: row.get(2)?,
        })
    })?)
}

/// Whether anything can be read.
pub(super) fn look(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM resource)")?;
    Ok(statement.query_row((), |_| Ok(()))?)
}

pub(super) fn notes(connection: &Connection) -> Result<Vec<Note>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT name, text FROM note ORDER BY name")?;
    let notes = statement.query_map((), |row| {
        Ok(Note {
            name: row.get(0)?,
            text: row.get(1)?,
        })
    })?;
    Ok(notes.collect::<Result<_, _>>()?)
}

/// The part of a list that a query asks for.
pub(super) struct Part {
    kind: ResourceType,
    related: Related,
    offset: usize,
    count: usize,
    memberships: usize,
    /// How many there are altogether, if that is known.
    all: Option<i64>,
    pub(super) search: Search,
}

impl Part {
    pub(super) fn new(
        kind: ResourceType,
        query: &ListQuery,
        search: Search,
        counts: Option<Counts>,
    ) -> Self {
        let (offset, count) = query.window.bounds();
        Self {
            kind,
            related: query.related,
            offset,
            count,
            memberships: query.memberships,
            all: counts.map(|it| it.of(kind)),
            search,
        }
    }

    /// Whether an index finds all of it, and nobody of whom there may be very many comes along.
    pub(super) fn is_small(&self) -> bool {
        let has_members =
            self.kind == ResourceType::Group && self.search.loads(self.related) == Related::Include;
        self.search.finds_few() && !has_members
    }

    /// Counted and cut by the database if it finds exactly the matches, else as the rows come, each looked at.
    pub(super) fn read(&self, connection: &Connection) -> Result<Listed, StoreError> {
        if self.search.is_exact() {
            self.counted(connection)
        } else {
            self.looked_at(connection)
        }
    }

    fn counted(&self, connection: &Connection) -> Result<Listed, StoreError> {
        let snapshot = connection.unchecked_transaction()?;
        let total = if let Some(all) = self.all.filter(|_| self.search.is_everything()) {
            all
        } else {
            let count = self.search.count();
            connection
                .prepare_cached(count.text())?
                .query_row(params_from_iter(&count.arguments), |row| row.get(0))?
        };
        let related = statements::related(self.kind, self.related);
        let page = self
            .search
            .page(related, signed(self.count), signed(self.offset));
        let mut listed = Listed::of(total);
        each(connection, &page, |row| {
            listed.push(stored(row)?, position(row)?);
            Ok(listed.has_room(self.count, self.memberships))
        })?;
        snapshot.commit()?;
        Ok(listed)
    }

    /// As the rows come, each looked at.
    pub(super) fn looked_at(&self, connection: &Connection) -> Result<Listed, StoreError> {
        if let Some(sorting) = &self.search.sorting {
            return self.sorted(connection, sorting.clone());
        }
        let loads = self.search.loads(self.related);
        let statement = self.search.rows(statements::related(self.kind, loads));
        let mut listed = Listed::default();
        each(connection, &statement, |row| {
            let mut found = stored(row)?;
            let rest = self.search.rest.as_ref();
            if rest.is_some_and(|rest| !holds(self.kind, rest, &found)) {
                return Ok(true);
            }
            if listed.total >= self.offset && listed.has_room(self.count, self.memberships) {
                if self.related == Related::Skip {
                    found.related.clear();
                }
                listed.push(found, position(row)?);
            }
            listed.total += 1;
            Ok(true)
        })?;
        Ok(listed)
    }

    /// In an order that the database does not keep: all come by, and those of the page are looked up.
    fn sorted(&self, connection: &Connection, mut sorting: Sorting) -> Result<Listed, StoreError> {
        let snapshot = connection.unchecked_transaction()?;
        let loads = self.search.loads(Related::Skip);
        let statement = self.search.rows(statements::related(self.kind, loads));
        loop {
            each(connection, &statement, |row| {
                let found = stored(row)?;
                let rest = self.search.rest.as_ref();
                if rest.is_none_or(|rest| holds(self.kind, rest, &found)) {
                    sorting.look_at(&found, row.get(8)?);
                }
                Ok(true)
            })?;
            if !sorting.goes_on() {
                break;
            }
        }
        let (total, page) = sorting.page();
        let mut listed = Listed::of(signed(total));
        for (position, id) in page {
            if !listed.has_room(self.count, self.memberships) {
                break;
            }
            if let Some(found) = find(connection, self.kind, &id, self.related)? {
                listed.push(found, position);
            }
        }
        snapshot.commit()?;
        Ok(listed)
    }
}

/// Gives each row to `take`, as long as that says so.
fn each(
    connection: &Connection,
    statement: &Statement,
    mut take: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut prepared = connection.prepare_cached(statement.text())?;
    let mut rows = prepared.query(params_from_iter(&statement.arguments))?;
    while let Some(row) = rows.next()? {
        if !take(row)? {
            break;
        }
    }
    Ok(())
}

impl ToSql for Argument {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) | Self::Key(text) => text.to_sql(),
            Self::Number(number) => number.to_sql(),
        }
    }
}

/// The place behind a row.
fn position(row: &Row<'_>) -> Result<Position, StoreError> {
    let key = match row.get_ref(9)? {
        ValueRef::Null => SortValue::Absent,
        ValueRef::Integer(number) => SortValue::Number(number),
        other => SortValue::Text(other.as_str().map_err(rusqlite::Error::from)?.to_owned()),
    };
    Ok(Position {
        key,
        sequence: row.get(8)?,
    })
}

/// A row with id, version, times, body, memberships, kind and checksum.
pub(super) fn stored(row: &Row<'_>) -> Result<Stored, StoreError> {
    let id = text(row, 0)?;
    let (version, created, modified): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let body = text(row, 4)?;
    let resource = if let Some(checksum) = row.get::<_, Option<i64>>(7)? {
        let sum = checksum::of(row.get(6)?, id, body);
        let numbers = version.wrapping_add(created).wrapping_add(modified);
        if checksum != sum.wrapping_add(numbers) {
            return Err(StoreError::Damaged(ResourceId::new(id)));
        }
        Resource::sealed(body)
    } else {
        Resource::from_json(body)?
    };
    let related = row
        .get_ref(5)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    Ok(Stored {
        id: ResourceId::new(id),
        version: Version(version),
        created: time(created),
        last_modified: time(modified),
        resource,
        related: references(related),
    })
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, rusqlite::Error> {
    Ok(row.get_ref(column)?.as_str()?)
}
