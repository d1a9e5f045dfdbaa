-- Who signs in is looked up by the object id in any casing.
CREATE INDEX IF NOT EXISTS resource_object_id ON resource (kind, lower(external_id)) WHERE external_id IS NOT NULL;
