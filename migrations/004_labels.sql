-- Labels are data, not an enum: teams add their own without a release.

CREATE TABLE labels (
    id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL,
    color text NOT NULL DEFAULT '#808080',
    CONSTRAINT labels_name_format CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    CONSTRAINT labels_name_unique UNIQUE (name),
    CONSTRAINT labels_color_format CHECK (color ~ '^#[0-9a-f]{6}$')
);

CREATE TABLE task_labels (
    task_id  bigint  NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    -- RESTRICT by default: a label that is in use is merged into another one first.
    label_id integer NOT NULL REFERENCES labels (id),
    PRIMARY KEY (task_id, label_id)
);

-- The primary key serves "labels of a task"; this one "tasks with a label", and the check when a label is deleted.
CREATE INDEX task_labels_by_label ON task_labels (label_id, task_id);

-- What the start page offers on a new installation.
INSERT INTO labels (name, color) VALUES
    ('bug', '#d73a4a'),
    ('feature', '#0e8a16'),
    ('chore', '#c5def5'),
    ('documentation', '#0075ca');
