-- What the provider calls the person and the session there (`sub` and `sid` of the ID token): by them it ends sessions here.
ALTER TABLE session ADD COLUMN IF NOT EXISTS subject TEXT COLLATE "C";
ALTER TABLE session ADD COLUMN IF NOT EXISTS provider_session TEXT COLLATE "C";

CREATE INDEX IF NOT EXISTS session_at_provider ON session (provider, provider_session);

CREATE INDEX IF NOT EXISTS session_of_subject ON session (provider, subject);

-- Logout tokens that were followed, by digest of provider and `jti`: each is good once. Times in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS logout_token (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    received BIGINT NOT NULL
);
