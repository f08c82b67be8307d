//! What belongs to the whole server: a copy of a database has none of it, and shares it with the database.

use pg_query::protobuf::ObjectType;
use serde_json::Value;

use super::walk::Fields;

/// Kinds of objects that are no part of any database.
const SHARED: &[(ObjectType, &str)] = &[
    (ObjectType::ObjectDatabase, "DATABASE"),
    (ObjectType::ObjectRole, "ROLE"),
    (ObjectType::ObjectTablespace, "TABLESPACE"),
    (ObjectType::ObjectParameterAcl, "PARAMETER"),
];

/// The words of a statement that works on what is no part of the database, by its kind of node.
pub(super) fn beside(node: &str, fields: &Fields) -> Option<String> {
    let of = |field: &str| {
        let number = fields.get(field).and_then(Value::as_i64)?;
        SHARED.iter().find(|(kind, _)| i64::from(*kind as i32) == number).map(|(_, words)| *words)
    };
    Some(match node {
        "CreateRoleStmt" => "CREATE ROLE".to_owned(),
        "AlterRoleStmt" | "AlterRoleSetStmt" => "ALTER ROLE".to_owned(),
        "DropRoleStmt" => "DROP ROLE".to_owned(),
        "GrantRoleStmt" if fields.get("is_grant").is_some_and(|grants| *grants == true) => {
            "GRANT of a role".to_owned()
        }
        "GrantRoleStmt" => "REVOKE of a role".to_owned(),
        "AlterDatabaseStmt" | "AlterDatabaseSetStmt" | "AlterDatabaseRefreshCollStmt" => {
            "ALTER DATABASE".to_owned()
        }
        // A copy has none.
        "DropUserMappingStmt" => "DROP USER MAPPING".to_owned(),
        // They change the owners of databases, and the privileges on them, as well.
        "ReassignOwnedStmt" => "REASSIGN OWNED".to_owned(),
        "DropOwnedStmt" => "DROP OWNED".to_owned(),
        "GrantStmt" => format!("GRANT or REVOKE ON {}", of("objtype")?),
        "CommentStmt" => format!("COMMENT ON {}", of("objtype")?),
        "SecLabelStmt" => format!("SECURITY LABEL ON {}", of("objtype")?),
        "RenameStmt" => format!("ALTER {} RENAME", of("rename_type")?),
        "AlterOwnerStmt" => format!("ALTER {} OWNER", of("object_type")?),
        _ => return None,
    })
}
