-- One person for each task, by login name: people live in the directory service, not in this database.

ALTER TABLE tasks
    ADD COLUMN assigned_to text,
    ADD CONSTRAINT tasks_assigned_to_format CHECK (assigned_to ~ '^[a-z][a-z0-9._-]{0,62}$');

COMMENT ON COLUMN tasks.assigned_to IS 'Login name in the directory service';

-- "My tasks".
CREATE INDEX tasks_by_assignee ON tasks (assigned_to, status) WHERE assigned_to IS NOT NULL;
