-- Who signs in is looked up by the object id in any casing.
CREATE INDEX resource_object_id ON resource (kind, lower(external_id)) WHERE external_id IS NOT NULL;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('resource', 'resource_object_id', '1000000 500000 2');

ANALYZE sqlite_schema;
