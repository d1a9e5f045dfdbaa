-- What a client sent last of a person, sealed. `subject` is the id of the person, or what tells a stranger again, and `version` the one of
-- the person afterwards, NULL if it was refused. Time in milliseconds since 1970.
CREATE TABLE payload (
    seq INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    version INTEGER,
    at INTEGER NOT NULL,
    sealed TEXT NOT NULL,
    UNIQUE (subject, client)
) STRICT;
