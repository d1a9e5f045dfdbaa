-- People and groups. `kind`: 0 user, 1 group. Times in milliseconds since 1970.
CREATE TABLE resource (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    -- userName of a user, displayName of a group, folded.
    name_key TEXT NOT NULL,
    -- displayName of a user, folded.
    display_key TEXT,
    external_id TEXT,
    active INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX resource_name_key ON resource (kind, name_key);
CREATE INDEX resource_order ON resource (kind, seq);
CREATE INDEX resource_display_key ON resource (kind, display_key) WHERE display_key IS NOT NULL;
CREATE INDEX resource_external_id ON resource (kind, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX resource_deactivated ON resource (kind) WHERE active = 0;

CREATE TABLE membership (
    group_seq INTEGER NOT NULL REFERENCES resource (seq) ON DELETE CASCADE,
    member_seq INTEGER NOT NULL REFERENCES resource (seq) ON DELETE CASCADE,
    PRIMARY KEY (group_seq, member_seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX membership_of_member ON membership (member_seq, group_seq);

-- What is known of each client: cycles, evidence, use of credentials.
CREATE TABLE note (
    name TEXT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
