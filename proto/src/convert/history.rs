//! History tables of other tools.

use pgbelay_core::history::{Column, Table};

use crate::wire;

impl From<&[Table]> for wire::HistoryTables {
    fn from(tables: &[Table]) -> Self {
        Self { tables: tables.iter().map(Into::into).collect() }
    }
}

impl From<&Table> for wire::HistoryTable {
    fn from(table: &Table) -> Self {
        let column =
            |column: &Column| wire::HistoryColumn { name: column.name.clone(), kind: column.kind.clone() };
        let cell = |cell: &Option<String>| wire::HistoryCell { text: cell.clone() };
        let row = |row: &Vec<Option<String>>| wire::HistoryRow { cells: row.iter().map(cell).collect() };
        Self {
            schema: table.schema.clone(),
            name: table.name.clone(),
            columns: table.columns.iter().map(column).collect(),
            rows: table.rows.iter().map(row).collect(),
        }
    }
}

impl From<wire::HistoryTable> for Table {
    fn from(wire: wire::HistoryTable) -> Self {
        let column = |column: wire::HistoryColumn| Column { name: column.name, kind: column.kind };
        let row = |row: wire::HistoryRow| row.cells.into_iter().map(|cell| cell.text).collect();
        Self {
            schema: wire.schema,
            name: wire.name,
            columns: wire.columns.into_iter().map(column).collect(),
            rows: wire.rows.into_iter().map(row).collect(),
        }
    }
}
