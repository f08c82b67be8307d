-- Second half of 010: no instance of the application has read or written tasks.assigned_to since its last release.
--
-- The step of this series to look at twice. Its rollback brings the column back with the person who was assigned
-- first, but a login that the old code wrote and the new table never saw would be gone: so it is looked for.

DO $$
DECLARE
    missing bigint;
BEGIN
    SELECT count(*) INTO missing
    FROM tasks
    WHERE assigned_to IS NOT NULL
      AND NOT EXISTS (SELECT FROM task_assignees AS a WHERE a.task_id = tasks.id AND a.login = tasks.assigned_to);
    IF missing > 0 THEN
        RAISE EXCEPTION '% tasks have an assignee that is not in task_assignees', missing
            USING HINT = 'Somebody changed one place without the other: settle these tasks first.';
    END IF;
END;
$$;

DROP TRIGGER tasks_copy_assignee ON tasks;
DROP FUNCTION copy_assignee();

-- The index and the constraint go with the column.
ALTER TABLE tasks DROP COLUMN assigned_to;
