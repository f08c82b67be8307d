-- setup:
CREATE SCHEMA reports_2019;
-- run:
SELECT pid, usename, application_name FROM pg_stat_activity WHERE datname = 'hazard_reports_2019';
