-- Tasks stay; which project they belonged to is lost.
ALTER TABLE tasks DROP COLUMN project_id;
DROP TABLE projects;
