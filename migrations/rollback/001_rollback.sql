-- Takes every task with it.
DROP TABLE tasks;
DROP FUNCTION touch_updated_at();
DROP TYPE task_status;
