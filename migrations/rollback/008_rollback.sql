-- The index and the constraint go with the column. Who had which task is lost.
ALTER TABLE tasks DROP COLUMN assigned_to;
