-- +goose Up
-- A re-run is a round of one team that an organiser asked for.
ALTER TABLE rounds ADD COLUMN rerun INTEGER NOT NULL DEFAULT 0;
CREATE INDEX climbs_by_team ON climbs (slug, criterion);

-- +goose Down
DROP INDEX climbs_by_team;
ALTER TABLE rounds DROP COLUMN rerun;
