-- What applications were given in the name of a person. `key` and `current` are of what the application holds. Times in milliseconds
-- since 1970.
CREATE TABLE application_grant (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    resource_id TEXT NOT NULL,
    session TEXT NOT NULL,
    application TEXT NOT NULL,
    terms TEXT NOT NULL,
    current TEXT NOT NULL,
    turn INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX grant_of_resource ON application_grant (resource_id, seq);

CREATE INDEX grant_by_expiry ON application_grant (expires);
