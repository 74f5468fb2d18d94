-- +goose Up
-- A target that a probe with side effects holds: no load run begins there.
CREATE TABLE probes (
    target TEXT PRIMARY KEY,
    since  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE probes;
