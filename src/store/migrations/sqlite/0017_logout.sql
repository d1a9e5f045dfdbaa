-- How often an application was told that the session of a grant has ended, and when it may be told again.
ALTER TABLE application_grant ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;

ALTER TABLE application_grant ADD COLUMN due INTEGER NOT NULL DEFAULT 0;

CREATE INDEX grant_of_application ON application_grant (application);
