//! Whose people a schema holds: those of the `ScimTenant` that came first. Two would take their people for each other's.

use sqlx::PgConnection;

use super::connect::ConnectError;
use super::text::text;
use crate::store::PostgresLocation;

/// Claims the schema for the `ScimTenant` of `location`, or says whose it is.
pub(super) async fn claim(
    connection: &mut PgConnection,
    location: &PostgresLocation,
) -> Result<(), ConnectError> {
    let wanted = text(&location.scim_tenant);
    let owner = owner(connection, &wanted)
        .await
        .map_err(ConnectError::Refused)?;
    if owner == wanted {
        return Ok(());
    }
    Err(ConnectError::Claimed {
        schema: location.schema.clone(),
        owner,
    })
}

async fn owner(connection: &mut PgConnection, wanted: &str) -> Result<String, sqlx::Error> {
    sqlx::query("INSERT INTO owner (place, scim_tenant) VALUES (0, $1) ON CONFLICT DO NOTHING")
        .bind(wanted)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT scim_tenant FROM owner")
        .fetch_one(connection)
        .await
}
