-- Digest of the provider that the connector had. A session of an older version has none, and does not last.
ALTER TABLE session ADD COLUMN provider TEXT NOT NULL DEFAULT '';
