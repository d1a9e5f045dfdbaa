-- Who is signed in. `digest` is of what the browser holds. Times in milliseconds since 1970.
CREATE TABLE session (
    digest TEXT NOT NULL PRIMARY KEY,
    resource_id TEXT NOT NULL,
    connector TEXT NOT NULL,
    opened INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_of_resource ON session (resource_id);

-- Who was sent to an identity provider and is not back yet.
CREATE TABLE sign_in_attempt (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL UNIQUE,
    browser TEXT NOT NULL,
    connector TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    return_to TEXT,
    began INTEGER NOT NULL
) STRICT;
