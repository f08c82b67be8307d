-- Tasks that were started from a template stay; the templates are lost.
DROP FUNCTION start_template(bigint, bigint, date);
DROP TABLE task_template_steps;
DROP TABLE task_templates;
