-- +goose Up
-- The newest runs of all teams, for pages: without it each look sorts them all.
CREATE INDEX runs_by_time ON runs (planned_at, id);

-- +goose Down
DROP INDEX runs_by_time;
