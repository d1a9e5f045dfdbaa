-- CRC-32C of kind, id and body, plus version, created and modified. NULL: written by a version that knows none.
ALTER TABLE resource ADD COLUMN checksum INTEGER;

CREATE INDEX resource_unchecked ON resource (seq) WHERE checksum IS NULL;

-- The version before changes rows and not their checksum.
CREATE TRIGGER resource_changed AFTER UPDATE OF version, modified, body ON resource
WHEN NEW.checksum = OLD.checksum
BEGIN
    UPDATE resource SET checksum = NULL WHERE seq = NEW.seq;
END;
