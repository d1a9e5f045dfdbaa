-- The passkeys of people. `id` and the public key are in Base64url. Times in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS passkey (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    resource_id TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    counter BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    added BIGINT NOT NULL,
    used BIGINT
);

CREATE INDEX IF NOT EXISTS passkey_of_resource ON passkey (resource_id);
