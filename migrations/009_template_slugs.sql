-- A stable name for templates in URLs: the display name changes, links must not.

ALTER TABLE task_templates ADD COLUMN slug text;

-- A handful of rows. On a large table this would be done in batches, outside the migration.
UPDATE task_templates
SET slug = btrim(regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g'), '-');

-- A name without a single letter or digit, or two names with one slug: take the id, which is always there.
UPDATE task_templates AS template
SET slug = concat_ws('-', nullif(template.slug, ''), template.id)
WHERE template.slug = ''
   OR EXISTS (SELECT FROM task_templates AS other WHERE other.slug = template.slug AND other.id < template.id);

ALTER TABLE task_templates
    ALTER COLUMN slug SET NOT NULL,
    ADD CONSTRAINT task_templates_slug_unique UNIQUE (slug),
    ADD CONSTRAINT task_templates_slug_format CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
