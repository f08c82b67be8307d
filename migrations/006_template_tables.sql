-- Templates: recurring work (releases, onboarding) starts from a list of steps instead of an empty page.

CREATE TABLE task_templates (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_templates_name_unique UNIQUE (name),
    CONSTRAINT task_templates_name_not_blank CHECK (btrim(name) <> '')
);

CREATE TABLE task_template_steps (
    template_id bigint   NOT NULL REFERENCES task_templates (id) ON DELETE CASCADE,
    position    smallint NOT NULL,
    title       text     NOT NULL,
    priority    smallint NOT NULL DEFAULT 3,
    -- Relative, because a template has no date: the n-th day after it is started.
    due_after   smallint,
    PRIMARY KEY (template_id, position),
    CONSTRAINT task_template_steps_position_positive CHECK (position > 0),
    -- As in tasks, so that starting a template cannot fail on its own steps.
    CONSTRAINT task_template_steps_title_fits
        CHECK (title <> '' AND char_length(title) <= 200 AND title = btrim(regexp_replace(title, '\s+', ' ', 'g'))),
    CONSTRAINT task_template_steps_priority_range CHECK (priority BETWEEN 1 AND 5),
    CONSTRAINT task_template_steps_due_after_range CHECK (due_after BETWEEN 0 AND 365)
);

COMMENT ON COLUMN task_template_steps.due_after IS 'Days after the template is started; NULL for no due date';

-- One statement for the caller, so a template is never started by half.
CREATE FUNCTION start_template(template bigint, project bigint, starts_on date) RETURNS SETOF bigint
LANGUAGE sql AS $$
    INSERT INTO tasks (title, priority, due_on, project_id)
    SELECT step.title, step.priority, starts_on + step.due_after, project
    FROM task_template_steps AS step
    WHERE step.template_id = template
    ORDER BY step.position
    RETURNING id
$$;

COMMENT ON FUNCTION start_template(bigint, bigint, date) IS 'Creates the tasks of a template; their ids in order';

INSERT INTO task_templates (name, description) VALUES
    ('Release', 'From the last merge to the announcement'),
    ('New colleague', 'The first two weeks');

INSERT INTO task_template_steps (template_id, position, title, priority, due_after)
SELECT template.id, step.position, step.title, step.priority, step.due_after
FROM (VALUES
    ('Release', 1, 'Freeze the branch', 2, 0),
    ('Release', 2, 'Rehearse the migrations', 1, 1),
    ('Release', 3, 'Announce', 3, 3),
    ('New colleague', 1, 'Accounts and keys', 1, 0),
    ('New colleague', 2, 'First change in production', 3, 10)
) AS step (template, position, title, priority, due_after)
JOIN task_templates AS template ON template.name = step.template;
