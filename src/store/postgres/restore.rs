//! Filling a schema in one transaction, which takes away what was there: nobody sees any of it until all of it is there.

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::row::{self, Slot};
use super::text::text;
use super::{connect, members, write};
use crate::scim::schema::ResourceType;
use crate::store::backup::{BackupError, Entry, Record, Restoration};
use crate::store::write::Write;
use crate::store::{Note, PostgresLocation, ResourceId, StoreError, Terms, UnknownMembers};

/// People and groups are counted at the end, not one by one: no row of the tally has this number.
const UNCOUNTED: Slot = Slot(-1);

/// Keeps writers away until the end, and lets readers see what was there.
const BEGIN: &str = "
    BEGIN;
    LOCK TABLE resource, membership, note, held, audit, removal, record, session, password IN EXCLUSIVE MODE;
    DELETE FROM membership;
    DELETE FROM resource;
    DELETE FROM note;
    DELETE FROM held;
    DELETE FROM audit;
    DELETE FROM removal;
    DELETE FROM record;
    DELETE FROM session;
    DELETE FROM sign_in_attempt;
    DELETE FROM password;
    DELETE FROM password_link;
    DELETE FROM asked_password_link;
    DELETE FROM application_grant;
    DELETE FROM device_authorization;
    DELETE FROM client_assertion;
    DELETE FROM client_assertion_count;
    DELETE FROM user_code_guess;
    DELETE FROM logout_token;
    DELETE FROM photo;
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
        connect::up_to_date(&mut connection, location)
            .await
            .map_err(StoreError::from)?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
        Ok(Self(connection))
    }

    async fn write(&mut self, write: Write) -> Result<(), BackupError> {
        match write::apply(&mut self.0, &write, UNCOUNTED).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refused)) => Err(refused.into()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(BackupError::Refused("its id is there twice".to_owned()))
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn resource(&mut self, kind: ResourceType, entry: Entry) -> Result<(), BackupError> {
        let deactivated = entry.deactivated;
        let (added, terms) = (entry.stored()?, Terms::default());
        let id = added.id.clone();
        self.write(Write::Add { kind, added, terms }).await?;
        if let Some(since) = deactivated {
            sqlx::query("UPDATE resource SET deactivated = $2 WHERE id = $1")
                .bind(text(id.as_str()))
                .bind(since.as_millisecond())
                .execute(&mut self.0)
                .await?;
        }
        Ok(())
    }

    async fn members(&mut self, of: String, ids: &[String]) -> Result<(), BackupError> {
        let group = ResourceId::new(of);
        let Some(found) = row::lock(&mut self.0, ResourceType::Group, &group).await? else {
            return Err(BackupError::Refused(format!("there is no group {group}")));
        };
        members::join(&mut self.0, found.seq, ids, UnknownMembers::Refuse).await??;
        Ok(())
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
