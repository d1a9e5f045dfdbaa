-- What the provider is asked with whether it still knows the person: sealed, so that only what the browser holds opens it. When it last
-- said so, and when it was last asked.
ALTER TABLE session ADD COLUMN refresh_token TEXT;
ALTER TABLE session ADD COLUMN confirmed INTEGER;
ALTER TABLE session ADD COLUMN asked INTEGER;
