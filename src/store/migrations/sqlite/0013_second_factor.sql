-- What makes the codes of somebody's authenticator app. The key is sealed; `used` is the last time step whose code was taken. Time in
-- milliseconds since 1970.
CREATE TABLE totp (
    resource_id TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL,
    added INTEGER NOT NULL,
    used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The codes for who has not the app at hand, each for one use. `digest` is of the code.
CREATE TABLE recovery_code (
    resource_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (resource_id, digest)
) STRICT, WITHOUT ROWID;
