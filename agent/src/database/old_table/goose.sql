CREATE TABLE IF NOT EXISTS {schema}.goose_db_version (
    id serial NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp NULL DEFAULT now(),
    PRIMARY KEY (id)
);
-- The row that goose begins with.
INSERT INTO {schema}.goose_db_version (version_id, is_applied)
    SELECT 0, true WHERE NOT EXISTS (SELECT FROM {schema}.goose_db_version);
