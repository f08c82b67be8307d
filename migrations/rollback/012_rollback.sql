DROP FUNCTION project_progress(bigint);
DROP VIEW task_overview;
