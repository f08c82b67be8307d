-- setup:
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint PRIMARY KEY, total numeric);
INSERT INTO billing.invoices SELECT g, g FROM generate_series(1, 1000) g;
-- run:
CREATE SCHEMA accounting;
CREATE VIEW accounting.invoices AS SELECT id, total FROM billing.invoices;
-- run:
SET LOCAL lock_timeout = '2s';
DROP VIEW accounting.invoices;
ALTER TABLE billing.invoices SET SCHEMA accounting;
CREATE VIEW billing.invoices AS SELECT id, total FROM accounting.invoices;
-- run:
SET LOCAL lock_timeout = '2s';
DROP VIEW billing.invoices;
DROP SCHEMA billing;
