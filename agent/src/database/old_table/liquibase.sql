CREATE TABLE IF NOT EXISTS {schema}.databasechangelog (
    id varchar(255) NOT NULL,
    author varchar(255) NOT NULL,
    filename varchar(255) NOT NULL,
    dateexecuted timestamp NOT NULL,
    orderexecuted integer NOT NULL,
    exectype varchar(10) NOT NULL,
    md5sum varchar(35),
    description varchar(255),
    comments varchar(255),
    tag varchar(255),
    liquibase varchar(20),
    contexts varchar(255),
    labels varchar(255),
    deployment_id varchar(10)
);
CREATE TABLE IF NOT EXISTS {schema}.databasechangeloglock (
    id integer NOT NULL PRIMARY KEY,
    locked boolean NOT NULL,
    lockgranted timestamp,
    lockedby varchar(255)
);
INSERT INTO {schema}.databasechangeloglock (id, locked)
    SELECT 1, false WHERE NOT EXISTS (SELECT FROM {schema}.databasechangeloglock);
