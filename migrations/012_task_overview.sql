-- What the start page and the weekly mail show, in one place: they had begun to disagree.

CREATE VIEW task_overview AS
SELECT
    task.id,
    project.key AS project,
    task.title,
    task.status,
    task.priority,
    task.due_on,
    task.completed_at IS NULL AND task.due_on < current_date AS overdue,
    (
        SELECT array_agg(assignee.login ORDER BY assignee.assigned_at, assignee.login)
        FROM task_assignees AS assignee
        WHERE assignee.task_id = task.id
    ) AS assignees,
    (
        SELECT array_agg(label.name ORDER BY label.name)
        FROM task_labels AS link
        JOIN labels AS label ON label.id = link.label_id
        WHERE link.task_id = task.id
    ) AS labels
FROM tasks AS task
LEFT JOIN projects AS project ON project.id = task.project_id
WHERE project.archived_at IS NULL;

COMMENT ON VIEW task_overview IS 'Tasks of projects that are not archived, with names instead of ids';

-- STABLE: one number for a whole report, and the planner may call it once.
CREATE FUNCTION project_progress(project bigint) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT round(100.0 * count(*) FILTER (WHERE status = 'done') / nullif(count(*), 0), 1)
    FROM tasks
    WHERE project_id = project AND status <> 'cancelled'
$$;

COMMENT ON FUNCTION project_progress(bigint) IS 'Per cent of a project''s tasks that are done; NULL for none';
