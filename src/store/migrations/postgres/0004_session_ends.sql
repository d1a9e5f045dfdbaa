-- Counts up at least as often as all sessions of a person are ended. One that was opened before counts no more.
ALTER TABLE resource ADD COLUMN IF NOT EXISTS sign_outs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN IF NOT EXISTS sign_outs BIGINT NOT NULL DEFAULT 0;

-- Digest of the provider that the connector had. A session of an older version has none, and does not last.
ALTER TABLE session ADD COLUMN IF NOT EXISTS provider TEXT COLLATE "C" NOT NULL DEFAULT '';
