-- Several people for one task. First half of a change in two steps: from here on both places are right, and the
-- application can move from tasks.assigned_to to this table without a stop. 011 takes the old place away.

CREATE TABLE task_assignees (
    task_id     bigint      NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    login       text        NOT NULL,
    assigned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, login),
    CONSTRAINT task_assignees_login_format CHECK (login ~ '^[a-z][a-z0-9._-]{0,62}$')
);

COMMENT ON TABLE task_assignees IS 'Who works on a task; the one assigned first is responsible';

CREATE INDEX task_assignees_by_login ON task_assignees (login, task_id);

INSERT INTO task_assignees (task_id, login, assigned_at)
SELECT id, assigned_to, updated_at
FROM tasks
WHERE assigned_to IS NOT NULL;

-- For the instances of the application that still write the old column while the new version rolls out.
CREATE FUNCTION copy_assignee() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM task_assignees WHERE task_id = OLD.id AND login = OLD.assigned_to;
    END IF;
    INSERT INTO task_assignees (task_id, login)
    SELECT NEW.id, NEW.assigned_to
    WHERE NEW.assigned_to IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$$;

CREATE TRIGGER tasks_copy_assignee
    AFTER INSERT OR UPDATE OF assigned_to ON tasks
    FOR EACH ROW EXECUTE FUNCTION copy_assignee();
