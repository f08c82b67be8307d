-- Tasks: the one table that everything else in this service hangs on.

-- An enum and not a lookup table: the application's code branches on these values, so a new one is a release anyway.
CREATE TYPE task_status AS ENUM ('open', 'in_progress', 'blocked', 'done', 'cancelled');

CREATE TABLE tasks (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title        text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    status       task_status NOT NULL DEFAULT 'open',
    -- 1 is the most urgent: priorities are sorted, never named, in the database.
    priority     smallint    NOT NULL DEFAULT 3,
    due_on       date,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    CONSTRAINT tasks_title_not_blank CHECK (btrim(title) <> ''),
    CONSTRAINT tasks_title_length CHECK (char_length(title) <= 200),
    CONSTRAINT tasks_priority_range CHECK (priority BETWEEN 1 AND 5),
    -- Reports count by completed_at alone, so the two must never disagree.
    CONSTRAINT tasks_completed_when_done CHECK ((status = 'done') = (completed_at IS NOT NULL))
);

COMMENT ON TABLE tasks IS 'Units of work that somebody can finish';
COMMENT ON COLUMN tasks.priority IS '1 (most urgent) to 5';

-- Kept by the database: not every writer goes through the application.
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

CREATE TRIGGER tasks_touch_updated_at
    BEFORE UPDATE ON tasks
    FOR EACH ROW
    -- Saving an unchanged form must not move a task up in "recently changed".
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION touch_updated_at();
