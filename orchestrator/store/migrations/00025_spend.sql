-- +goose Up
-- What organisers wrote down of teams' spend. Rows are only ever added: the
-- newest of a team counts, the others are its history.
CREATE TABLE spend_entries (
    seq         BIGINT PRIMARY KEY,
    at          BIGINT NOT NULL,
    slug        TEXT NOT NULL,
    micros      BIGINT NOT NULL,
    currency    TEXT NOT NULL,
    approximate INTEGER NOT NULL,
    note        TEXT NOT NULL,
    who         TEXT NOT NULL
);
CREATE INDEX spend_entries_by_team ON spend_entries (slug, seq);

-- +goose Down
DROP TABLE spend_entries;
