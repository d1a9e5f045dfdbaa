-- The browser and system of a session, as people know them; nothing of who did not say.
ALTER TABLE session ADD COLUMN device TEXT;
