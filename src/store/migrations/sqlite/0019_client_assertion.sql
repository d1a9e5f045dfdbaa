-- Assertions that applications presented, each good once. Times in milliseconds since 1970.
CREATE TABLE client_assertion (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX client_assertion_by_expiry ON client_assertion (expires);

-- How many codes of devices a person typed that were wrong, in the window that began at `since`.
CREATE TABLE user_code_guess (
    resource_id TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    guesses INTEGER NOT NULL
) STRICT;
