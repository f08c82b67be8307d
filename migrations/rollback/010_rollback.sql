-- tasks.assigned_to is still kept by the old code; people who were added beside the first one are lost.
DROP TRIGGER tasks_copy_assignee ON tasks;
DROP FUNCTION copy_assignee();
DROP TABLE task_assignees;
