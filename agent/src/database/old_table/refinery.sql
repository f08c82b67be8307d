CREATE TABLE IF NOT EXISTS {schema}.refinery_schema_history (
    version int4 PRIMARY KEY,
    name varchar(255),
    applied_on varchar(255),
    checksum varchar(255)
);
