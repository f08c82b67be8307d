--
-- PostgreSQL database cluster dump
--

\restrict kzETWb21tavSX9zngbzCKORo5FN33eVjhPafpUBwQv8W4h8aT1fwa9rctodYQfP

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE belay;
ALTER ROLE belay WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;

--
-- User Configurations
--








\unrestrict kzETWb21tavSX9zngbzCKORo5FN33eVjhPafpUBwQv8W4h8aT1fwa9rctodYQfP

--
-- PostgreSQL database cluster dump complete
--

