//! Reading resources: by an index where the filter allows it, else row by row without holding them.

use futures::TryStreamExt;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::statements::{self, Access};
use super::{checksum, number};
use crate::scim::filter::{Candidate, Equality, Filter, Key};
use crate::scim::fold_case;
use crate::scim::list::Page;
use crate::scim::resource::{Meta, Resource};
use crate::scim::schema::{MEMBERS, ResourceType};
use crate::store::{Listed, Reference, Related, ResourceId, StoreError, Stored, Version};

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
    let row = sqlx::query(statements::select(kind, Access::Id, related))
        .bind(number(kind))
        .bind(id.as_str())
        .bind(None::<&str>)
        .fetch_optional(readers)
        .await
        .map_err(failed)?;
    row.as_ref().map(stored).transpose()
}

/// One page of everything, and how much there is.
pub(super) async fn page(
    readers: &SqlitePool,
    kind: ResourceType,
    page: Page,
    related: Related,
) -> Result<Listed, StoreError> {
    let mut snapshot = readers.begin().await.map_err(failed)?;
    let connection: &mut SqliteConnection = &mut snapshot;
    let total: i64 = sqlx::query_scalar("SELECT count(*) FROM resource WHERE kind = ?1")
        .bind(number(kind))
        .fetch_one(&mut *connection)
        .await?;
    let rows = sqlx::query(statements::page(kind, related))
        .bind(number(kind))
        .bind(signed(page.count))
        .bind(signed(page.offset()))
        .fetch_all(&mut *connection)
        .await?;
    snapshot.commit().await?;
    Ok(Listed {
        total: usize::try_from(total).unwrap_or_default(),
        resources: rows.iter().map(stored).collect::<Result<_, _>>()?,
        end: None,
    })
}

/// What is left of a filter once an index has found the candidates.
struct Search<'f> {
    access: Access,
    key: Option<String>,
    member: Option<String>,
    others: Vec<Equality>,
    rest: Option<&'f Filter>,
    related: Related,
}

impl<'f> Search<'f> {
    /// Uses the most selective index; a membership is looked up, never read whole.
    fn plan(kind: ResourceType, filter: &'f Filter, rest: Option<&'f Filter>) -> Self {
        let mut others = filter.equalities();
        let member = take(&mut others, |key| key == Key::Member);
        let best = [Key::Id, Key::UserName, Key::ExternalId, Key::DisplayName]
            .into_iter()
            .find_map(|wanted| take(&mut others, |key| key == wanted));
        let (first, member) = match (best, member) {
            (Some(best), member) => (Some(best), member),
            (None, member) => (member, None),
        };
        let regards = |name| rest.is_some_and(|rest| rest.mentions(name));
        let second_member = others.iter().any(|other| other.key == Key::Member);
        let related = if regards(MEMBERS) || regards("groups") || second_member {
            Related::Include
        } else {
            Related::Skip
        };
        let access = first
            .as_ref()
            .map_or(Access::Everything, |it| Access::of(kind, it.key));
        Self {
            access,
            key: first.map(|it| folded(it.key, it.value)),
            member: member.map(|it| it.value),
            others,
            rest,
            related,
        }
    }

    fn accepts(&self, kind: ResourceType, found: &Stored) -> bool {
        self.others.iter().all(|other| fulfils(found, other))
            && self.rest.is_none_or(|rest| matches(kind, rest, found))
    }
}

fn take(from: &mut Vec<Equality>, wanted: impl Fn(Key) -> bool) -> Option<Equality> {
    let position = from.iter().position(|it| wanted(it.key))?;
    Some(from.remove(position))
}

/// A value in the form in which the index has it.
fn folded(key: Key, value: String) -> String {
    match key {
        Key::UserName | Key::DisplayName => fold_case(&value),
        Key::Id | Key::ExternalId | Key::Member => value,
    }
}

fn fulfils(found: &Stored, wanted: &Equality) -> bool {
    let same =
        |text: Option<&str>| text.is_some_and(|text| fold_case(text) == fold_case(&wanted.value));
    match wanted.key {
        Key::Id => found.id.as_str() == wanted.value,
        Key::ExternalId => found.resource.external_id() == Some(&wanted.value),
        Key::UserName => same(found.resource.user_name()),
        Key::DisplayName => same(found.resource.display_name()),
        Key::Member => found
            .related
            .iter()
            .any(|it| it.id.as_str() == wanted.value),
    }
}

fn matches(kind: ResourceType, filter: &Filter, found: &Stored) -> bool {
    let mut candidate = Candidate::new(found.id.as_str(), &found.resource);
    if filter.mentions("meta") {
        candidate = candidate.with_meta(&Meta {
            id: found.id.as_str().to_owned(),
            resource_type: kind,
            created: found.created,
            last_modified: found.last_modified,
            version: String::new(),
            location: String::new(),
        });
    }
    let extra = extra(kind, &found.related);
    filter.matches(&candidate.with_extra(&extra))
}

fn extra(kind: ResourceType, related: &[Reference]) -> Map<String, Value> {
    if related.is_empty() {
        return Map::new();
    }
    let name = match kind {
        ResourceType::User => "groups",
        ResourceType::Group => MEMBERS,
    };
    let values = related
        .iter()
        .map(|it| json!({"value": it.id.as_str(), "display": it.display}))
        .collect();
    Map::from_iter([(name.to_owned(), Value::Array(values))])
}

/// Those that fulfil `filter`: candidates by an index where there is one, each looked at as it comes.
pub(super) async fn matching(
    readers: &SqlitePool,
    kind: ResourceType,
    filter: &Filter,
    page: Page,
    related: Related,
) -> Result<Listed, StoreError> {
    let (_, rest) = filter.split();
    let search = Search::plan(kind, filter, rest.as_ref());
    let load = if search.related == Related::Include {
        Related::Include
    } else {
        related
    };
    let mut rows = sqlx::query(statements::select(kind, search.access, load))
        .bind(number(kind))
        .bind(search.key.as_deref())
        .bind(search.member.as_deref())
        .fetch(readers);
    let mut listed = Listed::default();
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let mut found = stored(&row)?;
        if !search.accepts(kind, &found) {
            continue;
        }
        if listed.total >= page.offset() && listed.resources.len() < page.count {
            if related == Related::Skip {
                found.related.clear();
            }
            listed.resources.push(found);
        }
        listed.total += 1;
    }
    Ok(listed)
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

/// Reads what the queries make of memberships: pairs of an id and a name.
fn references(pairs: Option<&str>) -> Vec<Reference> {
    let pairs: Vec<(String, Option<String>)> = pairs
        .filter(|pairs| *pairs != "[]")
        .and_then(|pairs| serde_json::from_str(pairs).ok())
        .unwrap_or_default();
    pairs
        .into_iter()
        .map(|(id, display)| Reference {
            id: ResourceId::new(id),
            display,
        })
        .collect()
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
