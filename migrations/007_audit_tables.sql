-- Who changed what: support asks for it every week, and the auditors every year.

CREATE TABLE task_audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- No foreign key: the history of a deleted task is the history that is asked for.
    task_id    bigint      NOT NULL,
    operation  text        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text        NOT NULL DEFAULT session_user,
    old_row    jsonb,
    new_row    jsonb,
    CONSTRAINT task_audit_operation_known CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE')),
    CONSTRAINT task_audit_rows_fit_operation CHECK (
        (operation = 'INSERT') = (old_row IS NULL) AND (operation = 'DELETE') = (new_row IS NULL)
    )
);

COMMENT ON TABLE task_audit IS 'Append-only history of tasks, written by a trigger';

CREATE INDEX task_audit_by_task ON task_audit (task_id, id);

-- As its owner: whoever may change a task need not be allowed to write the audit. The search path is fixed because
-- of that, or a caller could put a task_audit of his own in front.
CREATE FUNCTION audit_task() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO task_audit (task_id, operation, new_row) VALUES (NEW.id, TG_OP, to_jsonb(NEW));
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO task_audit (task_id, operation, old_row, new_row)
        VALUES (NEW.id, TG_OP, to_jsonb(OLD), to_jsonb(NEW));
    ELSE
        INSERT INTO task_audit (task_id, operation, old_row) VALUES (OLD.id, TG_OP, to_jsonb(OLD));
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER tasks_audit
    AFTER INSERT OR UPDATE OR DELETE ON tasks
    FOR EACH ROW EXECUTE FUNCTION audit_task();

CREATE FUNCTION refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'task_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER task_audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON task_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
