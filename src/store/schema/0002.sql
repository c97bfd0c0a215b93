-- Vehicles: the VIN list (0210), the plate list (0504), departure plans (0212), and what vehicles said at the end (0208).

ALTER TABLE station ADD COLUMN vin_list_version     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE station ADD COLUMN vin_list_confirmed   INTEGER;
ALTER TABLE station ADD COLUMN plate_list_version   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE station ADD COLUMN plate_list_confirmed INTEGER;
ALTER TABLE station ADD COLUMN last_battery_end     INTEGER NOT NULL DEFAULT 0;

CREATE TABLE vehicle (
    vin           TEXT PRIMARY KEY CHECK (length(vin) = 17),
    fleet_number  TEXT NOT NULL,
    plate         TEXT NOT NULL,
    status        INTEGER NOT NULL CHECK (status IN (1, 2, 3)),    -- allowed, grey, refused
    bound_card    BLOB CHECK (length(bound_card) BETWEEN 1 AND 10),
    power_percent INTEGER NOT NULL,
    priority      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plate (
    plate        TEXT PRIMARY KEY CHECK (length(plate) > 0),
    status       INTEGER NOT NULL CHECK (status IN (1, 2, 3)),     -- open, watched, refused
    valid_from   INTEGER,
    valid_until  INTEGER,
    fleet_number TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE departure (
    vin        TEXT PRIMARY KEY CHECK (length(vin) = 17),
    depart     INTEGER NOT NULL,
    target_soc INTEGER NOT NULL,
    priority   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE battery_end (
    id      INTEGER PRIMARY KEY CHECK (id > 0),
    device  BLOB NOT NULL CHECK (length(device) = 7),
    stored  INTEGER NOT NULL CHECK (stored IN (0, 1)),
    txn     BLOB NOT NULL CHECK (length(txn) = 16),
    content TEXT NOT NULL,
    state   INTEGER NOT NULL CHECK (state IN (0, 2)),       -- queued, refused; what was taken is gone
    reason  INTEGER,
    settled INTEGER
) STRICT;
