-- The browser and system of a session, as people know them, or nothing of who did not say.
ALTER TABLE session ADD COLUMN IF NOT EXISTS device TEXT COLLATE "C";
