-- What the provider calls the person and the session there (`sub` and `sid` of the ID token): by them it ends sessions here.
ALTER TABLE session ADD COLUMN subject TEXT;
ALTER TABLE session ADD COLUMN provider_session TEXT;

CREATE INDEX session_at_provider ON session (provider, provider_session);

CREATE INDEX session_of_subject ON session (provider, subject);

-- Logout tokens that were followed, by digest of provider and `jti`: each is good once. Times in milliseconds since 1970.
CREATE TABLE logout_token (
    digest TEXT NOT NULL PRIMARY KEY,
    received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
