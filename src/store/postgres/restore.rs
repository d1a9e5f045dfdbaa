//! Filling a schema in one transaction, which takes away what was there: nobody sees any of it until all of it is there.

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::connect;
use super::row::{self, Slot};
use super::text::text;
use super::write::{self, Attempt};
use super::{members, migrations};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::backup::{BackupError, Entry, Record, Restoration};
use crate::store::write::{Refused, Write};
use crate::store::{
    Note, PostgresLocation, ResourceId, StoreError, Stored, Terms, UnknownMembers, Version,
};

/// People and groups are counted at the end, not one by one: no row of the tally has this number.
const UNCOUNTED: Attempt = Attempt {
    slot: Slot(-1),
    maybe_done: false,
};

/// Keeps writers away until the end, and lets readers see what was there.
const BEGIN: &str = "
    BEGIN;
    LOCK TABLE resource, membership, note, held, audit, removal, record, session IN EXCLUSIVE MODE;
    DELETE FROM membership;
    DELETE FROM resource;
    DELETE FROM note;
    DELETE FROM held;
    DELETE FROM audit;
    DELETE FROM removal;
    DELETE FROM record;
    DELETE FROM session;
    DELETE FROM sign_in_attempt;
";

const COUNT: &str = "
    UPDATE tally SET users = 0, active_users = 0, user_groups = 0 WHERE shard <> 0;
    UPDATE tally SET users = (SELECT count(*) FROM resource WHERE kind = 0),
      active_users = (SELECT count(*) FROM resource WHERE kind = 0 AND active),
      user_groups = (SELECT count(*) FROM resource WHERE kind = 1) WHERE shard = 0;
    COMMIT;
";

/// A transaction on a connection of its own; dropped, it is undone.
pub(in crate::store) struct PostgresRestoration(PgConnection);

impl PostgresRestoration {
    /// Begins to fill the schema at `location`, making it if it does not exist.
    pub(in crate::store) async fn begin(location: &PostgresLocation) -> Result<Self, BackupError> {
        let mut connection = connect::alone(location).await.map_err(StoreError::from)?;
        migrations::run(&mut connection, &location.schema)
            .await
            .map_err(StoreError::from)?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
        Ok(Self(connection))
    }

    async fn write(&mut self, write: Write) -> Result<(), BackupError> {
        match write::apply(&mut self.0, &write, UNCOUNTED).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refused)) => Err(BackupError::Refused(StoreError::from(refused).to_string())),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(BackupError::Refused("its id is there twice".to_owned()))
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn resource(&mut self, kind: ResourceType, entry: Entry) -> Result<(), BackupError> {
        let body = serde_json::Value::Object(entry.attributes).to_string();
        let added = Stored {
            id: ResourceId::new(entry.id.as_str()),
            version: Version(entry.version),
            created: entry.created,
            last_modified: entry.last_modified,
            resource: Resource::from_json(&body).map_err(StoreError::from)?,
            related: Vec::new(),
        };
        let terms = Terms::default();
        self.write(Write::Add { kind, added, terms }).await?;
        if let Some(since) = entry.deactivated {
            sqlx::query("UPDATE resource SET deactivated = $2 WHERE id = $1")
                .bind(text(&entry.id))
                .bind(since.as_millisecond())
                .execute(&mut self.0)
                .await?;
        }
        Ok(())
    }

    async fn members(&mut self, of: String, ids: &[String]) -> Result<(), BackupError> {
        let group = ResourceId::new(of);
        let refused = |why| Err(BackupError::Refused(why));
        let Some(found) = row::lock(&mut self.0, ResourceType::Group, &group).await? else {
            return refused(format!("there is no group {group}"));
        };
        match members::join(&mut self.0, found.seq, ids, UnknownMembers::Refuse).await? {
            Ok(_) => Ok(()),
            Err(Refused::UnknownMembers { count, .. }) => refused(format!(
                "{count} of the members of group {group} do not exist"
            )),
            Err(other) => refused(StoreError::from(other).to_string()),
        }
    }

    /// A row of another table. Those that have a number get one in the same order.
    async fn row(&mut self, table: &str, values: &str) -> Result<(), BackupError> {
        let insert = match table {
            "audit" => {
                "INSERT INTO audit (at, resource_id, client, entry, names)
                 SELECT * FROM json_to_record($1::json)
                 AS it (at BIGINT, resource_id TEXT, client TEXT, entry TEXT, names TEXT)"
            }
            "removal" => {
                "INSERT INTO removal (what, minute, count)
                 SELECT * FROM json_to_record($1::json) AS it (what BIGINT, minute BIGINT, count BIGINT)"
            }
            "held" => {
                "INSERT INTO held (what, resource_id, at, count)
                 SELECT * FROM json_to_record($1::json) AS it (what BIGINT, resource_id TEXT, at BIGINT, count BIGINT)"
            }
            "record" => {
                "INSERT INTO record (client, at, text)
                 SELECT * FROM json_to_record($1::json) AS it (client TEXT, at BIGINT, text TEXT)"
            }
            _ => {
                return Err(BackupError::Refused(format!(
                    "this version knows no table {table}; a newer one made the backup"
                )));
            }
        };
        sqlx::query(insert)
            .bind(values)
            .execute(&mut self.0)
            .await
            .map_err(|error| BackupError::Refused(format!("the row does not fit: {error}")))?;
        Ok(())
    }
}

#[async_trait]
impl Restoration for PostgresRestoration {
    async fn put(&mut self, record: Record) -> Result<(), BackupError> {
        match record {
            Record::User(entry) => self.resource(ResourceType::User, entry).await,
            Record::Group(entry) => self.resource(ResourceType::Group, entry).await,
            Record::Members { of, ids } => self.members(of, &ids).await,
            Record::Note { name, text } => {
                let note = Note { name, text };
                self.write(Write::Note { note, before: None }).await
            }
            // A version before took along what follows from people.
            Record::Row { table, .. } if table == "lookup" => Ok(()),
            Record::Row { table, values } => {
                let values = serde_json::Value::Object(values).to_string();
                self.row(&table, &values).await
            }
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BackupError> {
        sqlx::raw_sql(COUNT).execute(&mut self.0).await?;
        Ok(self.0.close().await?)
    }
}
