-- setup:
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint PRIMARY KEY, total numeric);
INSERT INTO billing.invoices SELECT g, g FROM generate_series(1, 1000) g;
-- run:
ALTER SCHEMA billing RENAME TO accounting;
