-- +goose Up
-- Teams that an organiser took out of the contest.
CREATE TABLE exclusions (
    slug TEXT PRIMARY KEY,
    who  TEXT NOT NULL,
    why  TEXT NOT NULL,
    at   BIGINT NOT NULL
);

-- Verdicts that an organiser set by hand; they stand until they are lifted.
CREATE TABLE overrides (
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    doc       TEXT NOT NULL,
    PRIMARY KEY (slug, criterion)
);

-- Who changed what, and why. Rows are only ever added.
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    why     TEXT NOT NULL
);

-- +goose Down
DROP TABLE audit;
DROP TABLE overrides;
DROP TABLE exclusions;
