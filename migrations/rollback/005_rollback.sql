DROP INDEX tasks_recently_changed;
DROP INDEX tasks_overdue;
DROP INDEX tasks_by_project;
DROP INDEX tasks_open_by_priority;
