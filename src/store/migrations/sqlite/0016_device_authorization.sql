-- Devices that wait until somebody lets them sign in. `key`, `current` and `user_code` are of what the device has and shows. Times in
-- milliseconds since 1970.
CREATE TABLE device_authorization (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    current TEXT NOT NULL,
    user_code TEXT NOT NULL UNIQUE,
    application TEXT NOT NULL,
    scopes TEXT NOT NULL,
    denied INTEGER NOT NULL,
    polled INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX device_by_expiry ON device_authorization (expires);
