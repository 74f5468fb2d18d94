-- +goose Up
-- What organisers alone are told of services: the newest of each kind, for a team
-- in a criterion (empty: in none) and, where it is about two, the other team.
CREATE TABLE suspicions (
    slug      TEXT NOT NULL,
    criterion TEXT NOT NULL,
    kind      TEXT NOT NULL,
    other     TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    sentence  TEXT NOT NULL,
    since     BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    times     INTEGER NOT NULL,
    PRIMARY KEY (slug, criterion, kind, other)
);

-- +goose Down
DROP TABLE suspicions;
