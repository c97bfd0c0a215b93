-- Alarms: those that are open, the newest of those that are over, and the raises and clears that wait for the platform.

ALTER TABLE station ADD COLUMN last_alarm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE station ADD COLUMN last_alarm_event INTEGER NOT NULL DEFAULT 0;

CREATE TABLE alarm (
    id           INTEGER PRIMARY KEY CHECK (id > 0),
    open         INTEGER NOT NULL CHECK (open IN (0, 1)),
    acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged IN (0, 1)),   -- the platform has its raise
    cleared      INTEGER,
    content      TEXT NOT NULL
) STRICT;
CREATE INDEX alarm_open ON alarm (id) WHERE open = 1;

CREATE TABLE alarm_event (
    id       INTEGER PRIMARY KEY CHECK (id > 0),
    device   BLOB NOT NULL CHECK (length(device) = 7),
    stored   INTEGER NOT NULL CHECK (stored IN (0, 1)),
    txn      BLOB NOT NULL CHECK (length(txn) = 16),
    content  TEXT NOT NULL,
    alarm    INTEGER NOT NULL GENERATED ALWAYS AS (content ->> '$.alarm.id') STORED,
    raised   INTEGER NOT NULL GENERATED ALWAYS AS (content ->> '$.raised') STORED,
    state    INTEGER NOT NULL CHECK (state IN (0, 2)),       -- queued, refused; what was taken is gone
    reason   INTEGER,
    settled  INTEGER,
    refusals INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX alarm_event_of ON alarm_event (alarm);

-- What the platform refused to know is offered once more at the next login, whenever that is.
ALTER TABLE start_result ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
UPDATE start_result SET refusals = 1 WHERE state = 2;
ALTER TABLE battery_end ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
UPDATE battery_end SET refusals = 1 WHERE state = 2;
