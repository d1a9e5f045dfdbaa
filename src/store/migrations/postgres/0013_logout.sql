-- How often an application was told that the session of a grant has ended, and when it may be told again.
ALTER TABLE application_grant ADD COLUMN IF NOT EXISTS tries BIGINT NOT NULL DEFAULT 0;

ALTER TABLE application_grant ADD COLUMN IF NOT EXISTS due BIGINT NOT NULL DEFAULT 0;

CREATE INDEX IF NOT EXISTS grant_of_application ON application_grant (application);
