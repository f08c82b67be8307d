CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (version varchar PRIMARY KEY);
