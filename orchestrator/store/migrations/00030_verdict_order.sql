-- +goose Up
-- What was written later wins over what has the same time. SQLite had its own
-- row numbers for that; this is the same on both databases.
CREATE TABLE verdicts_in_order (
    seq       BIGINT PRIMARY KEY,
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    at        BIGINT NOT NULL,
    round_id  TEXT NOT NULL DEFAULT '',
    climb_id  TEXT NOT NULL DEFAULT '',
    published INTEGER NOT NULL,
    doc       TEXT NOT NULL
);
INSERT INTO verdicts_in_order (seq, slug, criterion, at, round_id, climb_id, published, doc)
SELECT row_number() OVER (), slug, criterion, at, round_id, climb_id, published, doc FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE verdicts_in_order RENAME TO verdicts;
CREATE INDEX verdicts_newest ON verdicts (slug, criterion, at, seq);

-- +goose Down
CREATE TABLE verdicts_by_row (
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    at        BIGINT NOT NULL,
    round_id  TEXT NOT NULL DEFAULT '',
    climb_id  TEXT NOT NULL DEFAULT '',
    published INTEGER NOT NULL,
    doc       TEXT NOT NULL
);
INSERT INTO verdicts_by_row (slug, criterion, at, round_id, climb_id, published, doc)
SELECT slug, criterion, at, round_id, climb_id, published, doc FROM verdicts ORDER BY seq;
DROP TABLE verdicts;
ALTER TABLE verdicts_by_row RENAME TO verdicts;
CREATE INDEX verdicts_newest ON verdicts (slug, criterion, at);
