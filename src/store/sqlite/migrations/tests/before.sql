-- What version 0.1 says to a database, with values in the place of parameters.
INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body)
VALUES (0, 'u1', 1, 1000, 1000, 'anna', 'anna', 'x1', 1, '{"userName":"Anna","displayName":"Anna","externalId":"x1"}');
INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body)
VALUES (0, 'u2', 1, 1000, 1000, 'ben', NULL, 'x2', 1, '{"userName":"Ben","externalId":"x2"}');
INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body)
VALUES (1, 'g1', 1, 1000, 1000, 'team', NULL, NULL, 1, '{"displayName":"Team"}');
SAVEPOINT one;
INSERT OR IGNORE INTO membership (group_seq, member_seq)
SELECT 3, u.seq FROM json_each('["u1","u2"]') j JOIN resource u ON u.id = j.value;
ROLLBACK TO one;
INSERT OR IGNORE INTO membership (group_seq, member_seq)
SELECT 3, u.seq FROM json_each('["u1","u2"]') j JOIN resource u ON u.id = j.value;
RELEASE one;
UPDATE resource SET version = 2, modified = 2000, name_key = 'anna@contoso.example', display_key = 'anna', external_id = 'x1',
active = 0, body = '{"userName":"anna@contoso.example","displayName":"Anna","externalId":"x1","active":false,"emails":[{"value":"anna@x"}]}' WHERE seq = 1;
UPDATE resource SET version = version + 1, modified = 2000
WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = 2);
DELETE FROM resource WHERE seq = 2;
INSERT INTO note (name, text) VALUES ('clients', '{}')
ON CONFLICT (name) DO UPDATE SET text = excluded.text;
INSERT INTO note (name, text) VALUES ('clients', '{"a":1}')
ON CONFLICT (name) DO UPDATE SET text = excluded.text;
