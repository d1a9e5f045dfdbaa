-- By what somebody signs in who has a password. `hash` is a PHC string, which has salt and cost in it.
CREATE TABLE IF NOT EXISTS password (
    resource_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL
);

-- The link by which somebody may set a password, one for each person. `digest` is of what the link has in it. It counts no more once all sessions of the
-- person were ended. Time in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS password_link (
    resource_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL UNIQUE,
    expires BIGINT NOT NULL,
    sign_outs BIGINT NOT NULL
);
