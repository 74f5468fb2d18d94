-- +goose Up
-- The processes that share this database. A beat that no longer grows is how the
-- others notice that one is gone; nobody's clock is compared with another's.
CREATE TABLE replicas (
    id       TEXT PRIMARY KEY,
    host     TEXT NOT NULL,
    embedded INTEGER NOT NULL,
    beat     BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL
);

-- Who does the steps of a run under load, of a round that measures without
-- load, and of what only one may do; empty: nobody yet, or the only one.
ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE rounds ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE probes ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE TABLE duties (
    name  TEXT PRIMARY KEY,
    owner TEXT NOT NULL
);

-- Runs that are to be cancelled by the replica that has put them under load.
CREATE TABLE cancellations (
    run_id TEXT PRIMARY KEY REFERENCES runs (id),
    who    TEXT NOT NULL,
    why    TEXT NOT NULL
);

-- +goose Down
DROP TABLE cancellations;
DROP TABLE duties;
ALTER TABLE probes DROP COLUMN owner;
ALTER TABLE rounds DROP COLUMN owner;
ALTER TABLE runs DROP COLUMN owner;
DROP TABLE replicas;
