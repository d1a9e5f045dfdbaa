-- What to expect of the indexes: without it SQLite thinks that as many are of a kind as have a name, and walks everybody of the kind
-- where an order or an OR tempts it. The figures are those of a made-up directory, so that the same statement goes the same way in
-- each: a million people and groups, two values of a person, ten groups of a person, a thousand members of a group.
ANALYZE sqlite_schema;

DELETE FROM sqlite_stat1;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('resource', 'resource_name_key', '1000000 500000 1'),
    ('resource', 'resource_order', '1000000 500000 1'),
    ('resource', 'resource_display_key', '1000000 500000 2'),
    ('resource', 'resource_external_id', '1000000 500000 2'),
    ('resource', 'sqlite_autoindex_resource_1', '1000000 1'),
    ('resource', 'resource_deactivated', '100000 100000'),
    ('resource', 'resource_deactivated_at', '100000 2'),
    ('resource', 'resource_unchecked', '1 1'),
    ('resource', 'resource_not_looked_up', '1 1'),
    ('lookup', 'lookup', '2000000 2 2 1 1'),
    ('lookup', 'lookup_of_value', '2000000 1000000 2 1 1'),
    ('membership', 'membership', '10000000 1000 1'),
    ('membership', 'membership_of_member', '10000000 10 1');

-- This connection reads it at once, others when they open the file.
ANALYZE sqlite_schema;
