-- What a station owes and knows. Times are milliseconds since 1970 (UTC), energy is 1e-4 kWh, money 1e-4 yuan;
-- transaction numbers, device codes, card UIDs and digests are the octets themselves.

-- One row: what there is once.
CREATE TABLE station (
    one                 INTEGER PRIMARY KEY CHECK (one = 1),
    boot_counter        INTEGER NOT NULL DEFAULT 0,
    last_start_result   INTEGER NOT NULL DEFAULT 0,
    tariff_in_force     INTEGER NOT NULL DEFAULT 0,
    tariff_pending      INTEGER NOT NULL DEFAULT 0,
    card_list_version   INTEGER NOT NULL DEFAULT 0,
    card_list_confirmed INTEGER,
    last_stamp          INTEGER
) STRICT;
INSERT INTO station (one) VALUES (1);

CREATE TABLE session (
    id        INTEGER PRIMARY KEY,
    txn       BLOB NOT NULL UNIQUE CHECK (length(txn) = 16),
    pile      BLOB NOT NULL CHECK (length(pile) = 7),
    connector INTEGER NOT NULL,
    phase     TEXT NOT NULL,
    open      INTEGER NOT NULL CHECK (open IN (0, 1)),
    began     INTEGER,
    at        INTEGER,
    state     TEXT NOT NULL
) STRICT;
-- One physical session is one row: a connector never has two.
CREATE UNIQUE INDEX session_open ON session (pile, connector) WHERE open = 1;
CREATE INDEX session_closed ON session (at) WHERE open = 0;
CREATE TRIGGER a_closed_session_never_opens BEFORE UPDATE OF open ON session
WHEN old.open = 0 AND new.open = 1
BEGIN SELECT RAISE(ABORT, 'a closed session never opens again'); END;

CREATE TABLE step (
    id   INTEGER PRIMARY KEY,
    txn  BLOB NOT NULL CHECK (length(txn) = 16),
    at   INTEGER,
    what TEXT NOT NULL
) STRICT;
CREATE INDEX step_of_session ON step (txn, id);

-- The ledger. Rows are never changed; only acknowledged ones may go.
CREATE TABLE record (
    number    INTEGER PRIMARY KEY CHECK (number > 0),
    txn       BLOB NOT NULL UNIQUE CHECK (length(txn) = 16),
    pile      BLOB NOT NULL CHECK (length(pile) = 7),
    connector INTEGER NOT NULL,
    tariff    INTEGER NOT NULL,
    energy    INTEGER NOT NULL,
    amount    INTEGER NOT NULL,
    card      BLOB,              -- of a session that a card started offline: it counts against the caps
    stored    INTEGER NOT NULL CHECK (stored IN (0, 1)),
    numbered  INTEGER,
    record    TEXT NOT NULL,
    body      BLOB NOT NULL,
    digest    BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE TRIGGER a_record_is_never_changed BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'a record of the ledger is never changed'); END;

-- How far each record got. Apart from the ledger: an acknowledgement writes one small page, not the record again.
CREATE TABLE delivery (
    number  INTEGER PRIMARY KEY REFERENCES record (number) ON DELETE CASCADE,
    state   INTEGER NOT NULL CHECK (state IN (0, 1, 2)),   -- queued, acknowledged, refused
    reason  INTEGER,
    settled INTEGER
) STRICT;
CREATE INDEX delivery_queued ON delivery (number) WHERE state = 0;
CREATE INDEX delivery_refused ON delivery (number) WHERE state = 2;
CREATE INDEX delivery_acknowledged ON delivery (settled, number) WHERE state = 1;
CREATE TRIGGER an_unacknowledged_record_never_goes BEFORE DELETE ON record
WHEN NOT EXISTS (SELECT 1 FROM delivery WHERE number = old.number AND state = 1)
BEGIN SELECT RAISE(ABORT, 'a record that the platform has not acknowledged never goes'); END;

-- Where acknowledged records went after their time, so that the chain can be followed over the gap.
CREATE TABLE pruned (
    first    INTEGER PRIMARY KEY,
    last     INTEGER NOT NULL CHECK (last >= first),
    previous BLOB NOT NULL CHECK (length(previous) = 8),   -- previous_digest of the first one
    digest   BLOB NOT NULL CHECK (length(digest) = 32)     -- of the last one
) STRICT;
CREATE UNIQUE INDEX pruned_end ON pruned (last);

CREATE TABLE start_result (
    id      INTEGER PRIMARY KEY CHECK (id > 0),
    device  BLOB NOT NULL CHECK (length(device) = 7),
    stored  INTEGER NOT NULL CHECK (stored IN (0, 1)),
    txn     BLOB NOT NULL CHECK (length(txn) = 16),
    content TEXT NOT NULL,
    state   INTEGER NOT NULL CHECK (state IN (0, 2)),       -- queued, refused; what was taken is gone
    reason  INTEGER,
    settled INTEGER
) STRICT;

-- Transaction numbers met before, and remote starts decided: the newest of each.
CREATE TABLE number_seen (
    id  INTEGER PRIMARY KEY,
    txn BLOB NOT NULL UNIQUE CHECK (length(txn) = 16)
) STRICT;

CREATE TABLE command_seen (
    id     INTEGER PRIMARY KEY,
    txn    BLOB NOT NULL UNIQUE CHECK (length(txn) = 16),
    result INTEGER NOT NULL
) STRICT;

-- Newest own transaction number of each pile, written before it is used.
CREATE TABLE serial (
    pile    BLOB PRIMARY KEY CHECK (length(pile) = 7),
    counter INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 9999),
    time    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tariff (
    id      INTEGER PRIMARY KEY,
    number  INTEGER NOT NULL UNIQUE CHECK (number > 0),
    content TEXT NOT NULL
) STRICT;

CREATE TABLE card (
    uid            BLOB PRIMARY KEY CHECK (length(uid) BETWEEN 1 AND 10),
    account        TEXT NOT NULL,
    status         INTEGER NOT NULL CHECK (status IN (1, 2, 3)),   -- allowed, blocked, lost
    card_group     INTEGER NOT NULL,
    max_concurrent INTEGER NOT NULL,
    valid_until    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id   INTEGER PRIMARY KEY,
    at   INTEGER,
    who  TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
