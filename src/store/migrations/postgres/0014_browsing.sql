-- People who are deactivated, and people who sign in by a password where that is left to them, by user name.
CREATE INDEX IF NOT EXISTS resource_inactive ON resource (kind, name_key) WHERE kind = 0 AND NOT active;

CREATE INDEX IF NOT EXISTS resource_built_in ON resource (kind, name_key) WHERE kind = 0 AND (strpos(body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"BuiltIn"') > 0 OR (strpos(body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"Entra"') = 0 AND (external_id IS NULL OR external_id !~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')));
