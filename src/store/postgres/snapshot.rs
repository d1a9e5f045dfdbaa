//! Everything in the schema as it was at one moment: one transaction that only reads, which no writer waits for.

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::connect;
use super::read::SNAPSHOT;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::backup::{BackupError, Contents, Entry, MembersInParts, Record, Sink, Snapshot};
use crate::store::candidate::time;
use crate::store::write::number;
use crate::store::{PostgresLocation, StoreError};

/// Tables that hold neither people, groups, members nor notes, as JSON. What is counted or locked by is made anew.
const OTHERS: [(&str, &str); 4] = [
    (
        "audit",
        "SELECT row_to_json(t)::text FROM audit t ORDER BY seq",
    ),
    (
        "removal",
        "SELECT row_to_json(t)::text FROM removal t ORDER BY what, minute",
    ),
    (
        "held",
        "SELECT row_to_json(t)::text FROM held t ORDER BY what, resource_id",
    ),
    (
        "record",
        "SELECT row_to_json(t)::text FROM record t ORDER BY seq",
    ),
];

/// A transaction on a connection of its own.
pub(in crate::store) struct PostgresSnapshot(PgConnection);

impl PostgresSnapshot {
    /// Reads the schema at `location`; nothing when it has no directory yet.
    pub(in crate::store) async fn open(
        location: &PostgresLocation,
    ) -> Result<Option<Self>, BackupError> {
        let mut connection = connect::alone(location).await.map_err(StoreError::from)?;
        let is_there: bool = sqlx::query_scalar(
            "SELECT count(*) > 0 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'record'",
        )
        .bind(&location.schema)
        .fetch_one(&mut connection)
        .await?;
        if !is_there {
            return Ok(None);
        }
        sqlx::raw_sql(SNAPSHOT).execute(&mut connection).await?;
        Ok(Some(Self(connection)))
    }

    /// The connection, inside its transaction.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    async fn resources(
        &mut self,
        kind: ResourceType,
        to: &mut dyn Sink,
    ) -> Result<(), BackupError> {
        let mut rows = sqlx::query(
            "SELECT id, version, created, modified, body, deactivated FROM resource WHERE kind = $1 ORDER BY seq",
        )
        .bind(number(kind))
        .fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            to.put(&Record::resource(kind, entry(kind, &row)?))?;
        }
        Ok(())
    }

    async fn members(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut rows = sqlx::query(
            "SELECT g.id, u.id FROM membership m JOIN resource g ON g.seq = m.group_seq
             JOIN resource u ON u.seq = m.member_seq ORDER BY m.group_seq, m.member_seq",
        )
        .fetch(&mut self.0);
        let mut members = MembersInParts::new(to);
        while let Some(row) = rows.try_next().await? {
            members.put(row.try_get(0)?, row.try_get(1)?)?;
        }
        members.finish()
    }

    async fn notes(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut rows = sqlx::query("SELECT name, text FROM note ORDER BY name").fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            let (name, text) = (row.try_get(0)?, row.try_get(1)?);
            to.put(&Record::Note { name, text })?;
        }
        Ok(())
    }

    async fn rows(
        &mut self,
        (table, query): (&str, &'static str),
        to: &mut dyn Sink,
    ) -> Result<(), BackupError> {
        let mut rows = sqlx::query(query).fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            let values = serde_json::from_str(row.try_get(0)?)
                .map_err(|_| BackupError::DamagedStore(format!("a row of table {table}")))?;
            let table = table.to_owned();
            to.put(&Record::Row { table, values })?;
        }
        Ok(())
    }
}

fn entry(kind: ResourceType, row: &PgRow) -> Result<Entry, BackupError> {
    let id: String = row.try_get(0)?;
    let resource = Resource::from_json(row.try_get(4)?)
        .map_err(|_| BackupError::DamagedStore(format!("{} {id}", kind.name())))?;
    Ok(Entry {
        id,
        version: row.try_get(1)?,
        created: time(row.try_get(2)?),
        last_modified: time(row.try_get(3)?),
        deactivated: row.try_get::<Option<i64>, _>(5)?.map(time),
        attributes: resource.attributes().clone(),
    })
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    async fn contents(&mut self) -> Result<Contents, BackupError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM resource WHERE kind = 0), (SELECT count(*) FROM resource WHERE kind = 1),
               (SELECT count(*) FROM membership), (SELECT count(*) FROM note),
               (SELECT count(*) FROM audit) + (SELECT count(*) FROM removal)
                 + (SELECT count(*) FROM held) + (SELECT count(*) FROM record)",
        )
        .fetch_one(&mut self.0)
        .await?;
        let count = |place: usize| -> Result<u64, sqlx::Error> {
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or_default())
        };
        Ok(Contents {
            users: count(0)?,
            groups: count(1)?,
            memberships: count(2)?,
            notes: count(3)?,
            rows: count(4)?,
        })
    }

    async fn read(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        self.resources(ResourceType::User, to).await?;
        self.resources(ResourceType::Group, to).await?;
        self.members(to).await?;
        self.notes(to).await?;
        for other in OTHERS {
            self.rows(other, to).await?;
        }
        Ok(())
    }
}
