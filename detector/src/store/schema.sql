-- One database holds everything, so that one transaction can hold it together. Times are event times in nanoseconds
-- since the Unix epoch unless the column ends in _at (wall clock, milliseconds).

CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Engine state: for each key the newest blob (see models::engine::Checkpoint).
CREATE TABLE IF NOT EXISTS state (
    key  BLOB PRIMARY KEY,
    blob BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each source has been taken into the state: source is `kafka:<topic>`, `inbox`, `file:<path>`, `stdin`;
-- position is the next offset, inbox sequence or line.
CREATE TABLE IF NOT EXISTS positions (
    source    TEXT NOT NULL,
    partition INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (source, partition)
) STRICT, WITHOUT ROWID;

-- Events accepted over HTTP, durable before the answer is sent. Kept for store.keep after they were taken.
CREATE TABLE IF NOT EXISTS inbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    replayed    INTEGER NOT NULL,        -- 1: out of quarantine, trusted to observe only
    raw         BLOB NOT NULL
) STRICT;

-- Input that is not an event: nothing is lost, everything can be replayed.
CREATE TABLE IF NOT EXISTS quarantine (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    code        TEXT NOT NULL,           -- models::event::RejectionCode
    field       TEXT,
    detail      TEXT NOT NULL,
    raw         BLOB NOT NULL,
    UNIQUE (source, partition, position) ON CONFLICT IGNORE
) STRICT;

-- `consumed`, `scored`, `duplicate`, `late`, `quarantined`, `unknown_fields`: counted in the transaction that took them.
CREATE TABLE IF NOT EXISTS counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- seq is the change feed: every insert or update takes the next value of the one sequence in `feed`, shared by alerts
-- and revocations, so that "everything after seq N" is a resumable stream.
CREATE TABLE IF NOT EXISTS feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO feed (one, seq) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS alerts (
    id         TEXT PRIMARY KEY,
    seq        INTEGER NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    identity   TEXT NOT NULL,
    session    TEXT NOT NULL,
    opened     INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    closed     INTEGER NOT NULL,         -- 0 or 1
    severity   TEXT NOT NULL,            -- low medium high critical
    decision   TEXT NOT NULL,            -- record alert revoke
    shown      INTEGER NOT NULL,         -- 0 for shadow mode: recorded, not listed by default
    verdict    TEXT,                     -- true benign_expected false
    verdict_by TEXT,
    verdict_at INTEGER,
    note       TEXT,
    body       TEXT NOT NULL             -- models::alert::Alert as JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_by_identity ON alerts (tenant, identity, opened);
CREATE INDEX IF NOT EXISTS alerts_by_opened ON alerts (opened, id);

CREATE TABLE IF NOT EXISTS revocations (
    id           TEXT PRIMARY KEY,
    seq          INTEGER NOT NULL UNIQUE,
    alert        TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    identity     TEXT NOT NULL,
    requested    INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    state        TEXT NOT NULL,          -- requested delivered confirmed still_used failed expired undone
    state_at     INTEGER NOT NULL,
    body         TEXT NOT NULL           -- models::decision::Revocation as JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS revocations_by_requested ON revocations (requested_at, id);
CREATE INDEX IF NOT EXISTS revocations_by_alert ON revocations (alert, requested_at);

-- In a fleet: which partition asked for a revocation, what is to be sent, and how far the fleet's topic says it has come (NULL:
-- nothing yet). Whoever owns the partition delivers it and tells of it, and all of them send the same bytes.
CREATE TABLE IF NOT EXISTS granted (
    id        TEXT PRIMARY KEY,
    partition INTEGER NOT NULL,
    mine      INTEGER NOT NULL,          -- 1: its partition was ours when it was granted, or came to us since
    body      TEXT NOT NULL,
    told      TEXT
) STRICT, WITHOUT ROWID;

-- In a fleet: the last word on each alert, which may come before the alert does.
CREATE TABLE IF NOT EXISTS settled (
    alert TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    told  INTEGER NOT NULL,              -- 0: said here, and the fleet's topic does not have it yet
    body  TEXT NOT NULL                  -- fleet::states::Settled as JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS settled_untold ON settled (at) WHERE told = 0;

-- One row per revocation and endpoint: the durable outbox.
CREATE TABLE IF NOT EXISTS outbox (
    id         TEXT NOT NULL,            -- revocation id = webhook-id
    endpoint   TEXT NOT NULL,            -- name of the webhook in the configuration
    tenant     TEXT NOT NULL,
    identity   TEXT NOT NULL,            -- order is kept per identity and endpoint
    created_at INTEGER NOT NULL,
    expires_at INTEGER,                  -- no attempt after this (the credential is dead by itself by then)
    next_at    INTEGER NOT NULL,         -- not before
    attempts   INTEGER NOT NULL,
    state      TEXT NOT NULL,            -- pending delivered failed expired
    last_error TEXT,
    delivered_at INTEGER,
    body       TEXT NOT NULL,            -- exact bytes that are signed and sent
    PRIMARY KEY (id, endpoint)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, next_at);

-- Who did what: verdicts, brake releases, confirmations, undos, endpoint changes of state.
CREATE TABLE IF NOT EXISTS audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
