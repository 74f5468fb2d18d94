-- +goose Up
-- Times are milliseconds since 1970 UTC; documents are JSON text, so that the
-- same statements serve SQLite and PostgreSQL.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE rounds (
    id         TEXT PRIMARY KEY,
    service    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    teams      INTEGER NOT NULL,
    error      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX rounds_by_service ON rounds (service, started_at);

CREATE TABLE climbs (
    id        TEXT PRIMARY KEY,
    round_id  TEXT NOT NULL REFERENCES rounds (id),
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    doc       TEXT NOT NULL,
    ended_at  BIGINT
);
CREATE INDEX climbs_by_round ON climbs (round_id);

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    round_id    TEXT NOT NULL REFERENCES rounds (id),
    climb_id    TEXT NOT NULL REFERENCES climbs (id),
    slug        TEXT NOT NULL,
    criterion   TEXT NOT NULL,
    target      TEXT NOT NULL,
    level_no    INTEGER NOT NULL,
    repeat_no   INTEGER NOT NULL,
    retry_no    INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    state       TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    testid      TEXT NOT NULL DEFAULT '',
    planned_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    doc         TEXT NOT NULL,
    UNIQUE (climb_id, level_no, repeat_no, retry_no)
);
CREATE INDEX runs_by_state ON runs (state, position);
CREATE INDEX runs_by_round ON runs (round_id, state);
CREATE INDEX runs_by_team ON runs (slug, planned_at);
CREATE INDEX runs_by_testid ON runs (testid);

-- One load run per target at a time.
CREATE TABLE leases (
    target  TEXT PRIMARY KEY,
    run_id  TEXT NOT NULL REFERENCES runs (id),
    attempt INTEGER NOT NULL,
    since   BIGINT NOT NULL
);

CREATE TABLE evidence (
    run_id TEXT PRIMARY KEY REFERENCES runs (id),
    doc    TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    parts  TEXT NOT NULL
);

CREATE TABLE run_verdicts (
    run_id          TEXT PRIMARY KEY REFERENCES runs (id),
    doc             TEXT NOT NULL,
    sha256          TEXT NOT NULL,
    rules           TEXT NOT NULL,
    rules_sha256    TEXT NOT NULL,
    evidence_sha256 TEXT NOT NULL
);

CREATE TABLE verdicts (
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    at        BIGINT NOT NULL,
    round_id  TEXT NOT NULL DEFAULT '',
    climb_id  TEXT NOT NULL DEFAULT '',
    published INTEGER NOT NULL,
    doc       TEXT NOT NULL
);
CREATE INDEX verdicts_newest ON verdicts (slug, criterion, at);

CREATE TABLE outbox (
    slug        TEXT NOT NULL,
    criterion   TEXT NOT NULL,
    version     BIGINT NOT NULL,
    doc         TEXT NOT NULL,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    sent_at     BIGINT,
    sent_sha256 TEXT NOT NULL DEFAULT '',
    error       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (slug, criterion)
);
CREATE INDEX outbox_due ON outbox (state, due_at);

-- +goose Down
DROP TABLE outbox;
DROP TABLE verdicts;
DROP TABLE run_verdicts;
DROP TABLE evidence;
DROP TABLE leases;
DROP TABLE runs;
DROP TABLE climbs;
DROP TABLE rounds;
DROP TABLE meta;
