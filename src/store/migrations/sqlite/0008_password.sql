-- By what somebody signs in who has a password. `hash` is a PHC string, which has salt and cost in it.
CREATE TABLE password (
    resource_id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The link by which somebody may set a password, one for each person. `digest` is of what the link has in it. Time in milliseconds since 1970.
CREATE TABLE password_link (
    resource_id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
