-- Whose people these are: namespace and name of the ScimTenant that came first. There is one row, at place 0.
CREATE TABLE IF NOT EXISTS owner (
    place BIGINT NOT NULL PRIMARY KEY,
    scim_tenant TEXT NOT NULL
);
