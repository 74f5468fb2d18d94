-- +goose Up
-- Old history is deleted but for what a verdict still names.
CREATE INDEX verdicts_by_round ON verdicts (round_id);

-- +goose Down
DROP INDEX verdicts_by_round;
