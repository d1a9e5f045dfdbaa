-- What changed identities, in order; `names` are values, which erasing a person forgets.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    resource_id TEXT NOT NULL,
    client TEXT NOT NULL,
    entry TEXT NOT NULL,
    names TEXT
) STRICT;

CREATE INDEX audit_of_resource ON audit (resource_id, seq);
CREATE INDEX audit_names ON audit (at) WHERE names IS NOT NULL;

-- What was taken away, by minute since 1970. `what`: 0 deactivation, 1 deletion, 2 membership.
CREATE TABLE removal (
    what INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (what, minute)
) STRICT, WITHOUT ROWID;

-- What was not taken away, because it would have been too much.
CREATE TABLE held (
    what INTEGER NOT NULL,
    resource_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (what, resource_id)
) STRICT, WITHOUT ROWID;

-- Since when a person is deactivated; what an older version writes is told by `active`.
ALTER TABLE resource ADD COLUMN deactivated INTEGER;
CREATE INDEX resource_deactivated_at ON resource (deactivated) WHERE deactivated IS NOT NULL;
