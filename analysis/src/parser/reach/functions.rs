//! Functions of PostgreSQL and its own extensions that reach outside the database.

use crate::guarded::Guarded;

/// Functions that come with the server, in `pg_catalog`.
const SERVER: &[(Guarded, &[&str])] = &[
    (
        Guarded::ServerFiles,
        &[
            "pg_read_file",
            "pg_read_file_old",
            "pg_read_binary_file",
            "pg_stat_file",
            "pg_ls_dir",
            "pg_ls_logdir",
            "pg_ls_waldir",
            "pg_ls_tmpdir",
            "pg_ls_archive_statusdir",
            "pg_ls_summariesdir",
            "pg_ls_logicalsnapdir",
            "pg_ls_logicalmapdir",
            "pg_ls_replslotdir",
            "pg_file_read",
            "pg_file_length",
            "pg_file_write",
            "pg_file_sync",
            "pg_file_rename",
            "pg_file_unlink",
            "pg_logdir_ls",
        ],
    ),
    (Guarded::LargeObjectFiles, &["lo_import", "lo_export"]),
    (Guarded::EndSessions, &["pg_terminate_backend", "pg_cancel_backend"]),
    (
        Guarded::ServerControl,
        &[
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_rotate_logfile_old",
            "pg_logfile_rotate",
            "pg_promote",
            "pg_switch_wal",
            "pg_create_restore_point",
            "pg_start_backup",
            "pg_stop_backup",
            "pg_backup_start",
            "pg_backup_stop",
            "pg_wal_replay_pause",
            "pg_wal_replay_resume",
            "pg_create_physical_replication_slot",
            "pg_create_logical_replication_slot",
            "pg_copy_physical_replication_slot",
            "pg_copy_logical_replication_slot",
            "pg_drop_replication_slot",
            "pg_replication_slot_advance",
            "pg_sync_replication_slots",
            "pg_logical_slot_get_changes",
            "pg_logical_slot_get_binary_changes",
            "pg_replication_origin_create",
            "pg_replication_origin_drop",
            "pg_replication_origin_advance",
            "pg_replication_origin_session_setup",
        ],
    ),
];

/// What changes a setting by its name.
pub(super) const SET_CONFIG: &str = "set_config";

/// Functions that run a text that they are given.
const RUN_TEXT: &[&str] = &[
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "crosstab",
    "connectby",
    "xpath_table",
];

/// What is guarded of a call that is written like that.
pub(super) fn guarded(schema: Option<&str>, name: &str) -> Option<Guarded> {
    // dblink may be installed in any schema.
    if name == "dblink" || name.starts_with("dblink_") {
        return Some(Guarded::OtherServers);
    }
    if schema.is_some_and(|schema| schema != "pg_catalog") {
        return None;
    }
    let found = SERVER.iter().find(|(_, names)| names.contains(&name));
    found.map(|(what, _)| *what)
}

/// Whether it runs a text that it is given.
pub(super) fn runs_text(name: &str) -> bool {
    RUN_TEXT.contains(&name)
}
