-- Links to templates by slug stop working.
ALTER TABLE task_templates DROP COLUMN slug;
