-- People who are deactivated, and people who sign in by a password where that is left to them, by user name.
CREATE INDEX resource_inactive ON resource (kind, name_key) WHERE kind = 0 AND active = 0;

CREATE INDEX resource_built_in ON resource (kind, name_key) WHERE kind = 0 AND (instr(body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"BuiltIn"') > 0 OR (instr(body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"Entra"') = 0 AND (external_id IS NULL OR length(external_id) <> 36 OR substr(external_id, 9, 1) <> '-' OR substr(external_id, 14, 1) <> '-' OR substr(external_id, 19, 1) <> '-' OR substr(external_id, 24, 1) <> '-' OR length(replace(external_id, '-', '')) <> 32 OR replace(external_id, '-', '') GLOB '*[^0-9a-fA-F]*')));

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('resource', 'resource_inactive', '100000 100000 1'),
    ('resource', 'resource_built_in', '100000 100000 1');

ANALYZE sqlite_schema;
