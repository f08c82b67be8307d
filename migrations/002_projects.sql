-- Projects group tasks. A task may be without one: the inbox of things not yet sorted.

CREATE TABLE projects (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text        NOT NULL,
    name        text        NOT NULL,
    archived_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projects_key_unique UNIQUE (key),
    -- Part of URLs and of branch names: OPS, WEB2.
    CONSTRAINT projects_key_format CHECK (key ~ '^[A-Z][A-Z0-9]{1,9}$'),
    CONSTRAINT projects_name_not_blank CHECK (btrim(name) <> '')
);

COMMENT ON TABLE projects IS 'Groups of tasks with a short key';
COMMENT ON COLUMN projects.key IS 'Upper-case prefix in URLs; never reused';

-- Without a default, so no row is rewritten. RESTRICT: a project is archived, not deleted, while it has tasks.
ALTER TABLE tasks
    ADD COLUMN project_id bigint
    CONSTRAINT tasks_project_id_fkey REFERENCES projects (id) ON DELETE RESTRICT;
