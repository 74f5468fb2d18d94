-- +goose Up
-- What earlier runs of a criterion carried, for the next run's generators.
CREATE INDEX runs_by_criterion ON runs (criterion, round_id, id);

-- +goose Down
DROP INDEX runs_by_criterion;
