-- The last requests of each client; `text` is JSON without values of people. Times in milliseconds since 1970.
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX record_of_client ON record (client, seq);
