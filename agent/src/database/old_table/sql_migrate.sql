CREATE TABLE IF NOT EXISTS {schema}.gorp_migrations (id text NOT NULL PRIMARY KEY, applied_at timestamptz);
