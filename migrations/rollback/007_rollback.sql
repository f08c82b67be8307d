-- The trigger first: nothing may write to the audit while it goes. The history is lost.
DROP TRIGGER tasks_audit ON tasks;
DROP FUNCTION audit_task();
DROP TABLE task_audit;
DROP FUNCTION refuse_audit_change();
