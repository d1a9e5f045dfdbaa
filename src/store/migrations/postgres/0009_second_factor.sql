-- What makes the codes of the authenticator app of somebody. The key is sealed, and `used` is the last time step whose code was taken.
-- Time in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS totp (
    resource_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sealed TEXT COLLATE "C" NOT NULL,
    added BIGINT NOT NULL,
    used BIGINT NOT NULL
);

-- The codes for who has not the app at hand, each for one use. `digest` is of the code.
CREATE TABLE IF NOT EXISTS recovery_code (
    resource_id TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (resource_id, digest)
);
