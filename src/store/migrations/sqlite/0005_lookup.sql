-- What people are looked up by beside their names, folded; '' where there is no value. `attribute`: 1 emails, 2 employeeNumber.
CREATE TABLE lookup (
    seq INTEGER NOT NULL REFERENCES resource (seq) ON DELETE CASCADE,
    attribute INTEGER NOT NULL,
    value TEXT NOT NULL,
    -- The type of an email.
    label TEXT NOT NULL,
    PRIMARY KEY (seq, attribute, value, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX lookup_of_value ON lookup (attribute, value, label, seq);

-- The version that `lookup` has the values of. Another one or NULL: written by a version that knows no lookup.
ALTER TABLE resource ADD COLUMN looked_up INTEGER;

CREATE INDEX resource_not_looked_up ON resource (seq) WHERE kind = 0 AND looked_up IS NOT version;
