-- Titles came in from three importers, with tabs, double spaces and blanks at the ends; search missed them.
--
-- There is no rollback file, on purpose: which of the blanks were there is not kept anywhere, and nobody wants them
-- back. Going below this version means restoring a backup.

UPDATE tasks
SET title = btrim(regexp_replace(title, '\s+', ' ', 'g'))
WHERE title <> btrim(regexp_replace(title, '\s+', ' ', 'g'));

-- From here on the writers have to do it themselves.
ALTER TABLE tasks
    ADD CONSTRAINT tasks_title_normalised CHECK (title = btrim(regexp_replace(title, '\s+', ' ', 'g')));
