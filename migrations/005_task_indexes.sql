-- Indexes for the four lists that people look at all day.
--
-- Built inside the transaction: tasks is small still, and writers wait for well under a second. On a large table
-- each of these would be CREATE INDEX CONCURRENTLY, in a migration of its own.

-- "What is next": most of a grown table is done or cancelled, and never part of this list.
CREATE INDEX tasks_open_by_priority ON tasks (priority, due_on NULLS LAST, id)
    WHERE status IN ('open', 'in_progress', 'blocked');

-- The board of a project; also what the foreign key needs when a project is deleted.
CREATE INDEX tasks_by_project ON tasks (project_id, status);

-- Overdue tasks, for the nightly reminder.
CREATE INDEX tasks_overdue ON tasks (due_on)
    WHERE due_on IS NOT NULL AND completed_at IS NULL;

-- "Recently changed", newest first.
CREATE INDEX tasks_recently_changed ON tasks (updated_at DESC);
