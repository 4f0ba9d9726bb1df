-- +goose Up
-- More ways in which task results are listed: what a schedule or an error class came to, by when it ended; what was begun
-- more than once; what has a text to search.
SET LOCAL lock_timeout = '5s';

CREATE INDEX task_results_schedule_finished_idx ON task_results (schedule_id, finished_at, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX task_results_class_finished_idx ON task_results (account_id, error_class, finished_at, id) WHERE error_class <> '';
CREATE INDEX task_results_again_idx ON task_results (account_id, id) WHERE attempt > 1;
CREATE INDEX task_results_texts_idx ON task_results (account_id, id) WHERE error <> '' OR result IS NOT NULL;
