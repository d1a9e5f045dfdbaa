-- The passkeys of people. `id` and the public key are in Base64url. Times in milliseconds since 1970.
CREATE TABLE passkey (
    id TEXT NOT NULL PRIMARY KEY,
    resource_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    counter INTEGER NOT NULL,
    name TEXT NOT NULL,
    added INTEGER NOT NULL,
    used INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_of_resource ON passkey (resource_id);
