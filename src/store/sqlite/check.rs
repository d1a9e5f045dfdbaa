//! Whether everything in the database is what was written and goes together.

use std::path::Path;

use rusqlite::Connection;

use super::{lookup, read, snapshot};
use crate::store::OpenError;
use crate::store::backup::Findings;
use crate::store::lookup::LookupKey;
use crate::store::write::{Keys, kind_of};

/// Looks at everything in the database at `path`, in a read transaction that no writer waits for.
pub(in crate::store) fn check(path: &Path) -> Result<Findings, OpenError> {
    let connection = snapshot::connect(path)?;
    let mut findings = Findings::default();
    if let Err(error) = look(&connection, &mut findings) {
        findings.add(|| format!("the database cannot be read to its end: {error}"));
    }
    Ok(findings)
}

/// The same with a connection that is there.
pub(super) fn look(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut pages = statement.query(())?;
    while let Some(row) = pages.next()? {
        let page: String = row.get(0)?;
        if page != "ok" {
            findings.add(|| format!("SQLite says: {page}"));
        }
    }
    resources(connection, findings)?;
    memberships(connection, findings)
}

fn resources(connection: &Connection, findings: &mut Findings) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(concat!(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL, r.kind, r.checksum, r.name_key, r.display_key, r.external_id,
         r.active, r.kind = 0 AND r.looked_up IS NOT r.version, ",
        lookup::keys!(),
        " FROM resource r"
    ))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        findings.resources += 1;
        let id: String = row.get(0)?;
        let (Some(kind), Ok(stored)) = (kind_of(row.get(6)?), read::stored(row)) else {
            findings.add(|| format!("resource {id} is not what was written"));
            continue;
        };
        let keys = Keys::of(kind, &stored.resource);
        let same = keys.name == row.get_ref(8)?.as_str()?
            && keys.display.as_deref() == row.get_ref(9)?.as_str_or_null()?
            && keys.external_id == row.get_ref(10)?.as_str_or_null()?
            && stored.resource.is_active() == row.get::<_, bool>(11)?
            && (row.get::<_, bool>(12)?
                || lookup::read(row.get_ref(13)?.as_str()?)
                    == LookupKey::all(kind, &stored.resource));
        if !same {
            findings.add(|| format!("{} {id} is found by other values than it has", kind.name()));
        }
    }
    Ok(())
}

fn memberships(connection: &Connection, findings: &mut Findings) -> Result<(), rusqlite::Error> {
    let loose: i64 = connection.query_row(
        "SELECT count(*), count(*) FILTER (WHERE g.seq IS NULL OR u.seq IS NULL) FROM membership m
         LEFT JOIN resource g ON g.seq = m.group_seq AND g.kind = 1
         LEFT JOIN resource u ON u.seq = m.member_seq AND u.kind = 0",
        (),
        |row| {
            findings.memberships = row.get(0)?;
            row.get(1)
        },
    )?;
    if loose > 0 {
        findings.add(|| format!("{loose} memberships do not join a group and a user"));
    }
    Ok(())
}
