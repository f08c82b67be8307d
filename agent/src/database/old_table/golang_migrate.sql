CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
