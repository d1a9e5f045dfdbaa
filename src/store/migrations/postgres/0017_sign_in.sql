-- Who signs in is looked up by the object id in any casing.
CREATE INDEX IF NOT EXISTS resource_object_id ON resource (kind, lower(external_id)) WHERE external_id IS NOT NULL;

-- The link by which somebody may set a password who asked for it at the sign-in, one for each person, as `password_link` has the one of an
-- administrator. Time in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS asked_password_link (
    resource_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL UNIQUE,
    expires BIGINT NOT NULL,
    sign_outs BIGINT NOT NULL
);

-- How many assertions of an application are kept that end in a minute, since 1970.
CREATE TABLE IF NOT EXISTS client_assertion_count (
    client_id TEXT COLLATE "C" NOT NULL,
    minute BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (client_id, minute)
);

-- The profile photo of a person as a provider had it. Time in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS photo (
    resource_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    bytes BYTEA NOT NULL,
    at BIGINT NOT NULL
);
