-- How often all sessions of a person were ended. One that was opened before the last time counts no more.
ALTER TABLE resource ADD COLUMN IF NOT EXISTS sign_outs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN IF NOT EXISTS sign_outs BIGINT NOT NULL DEFAULT 0;
