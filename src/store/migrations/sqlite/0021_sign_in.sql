-- Who signs in is looked up by the object id in any casing.
CREATE INDEX resource_object_id ON resource (kind, lower(external_id)) WHERE external_id IS NOT NULL;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('resource', 'resource_object_id', '1000000 500000 2');

ANALYZE sqlite_schema;

-- The link by which somebody may set a password who asked for it at the sign-in, one for each person; `password_link` has the one of an
-- administrator. Time in milliseconds since 1970.
CREATE TABLE asked_password_link (
    resource_id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many assertions of an application are kept that end in a minute, since 1970.
CREATE TABLE client_assertion_count (
    client_id TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (client_id, minute)
) STRICT, WITHOUT ROWID;

-- The profile photo of a person as a provider had it. Time in milliseconds since 1970.
CREATE TABLE photo (
    resource_id TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
