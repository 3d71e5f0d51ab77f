//! The columns of each table: name, type, nullability and meaning, the same for Arrow, Parquet and the warehouse.

mod tables;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::Table;
use crate::number::{AMOUNT_SCALE, MONEY_SCALE, PRICE_SCALE};

/// Version of the table schemas; it stands in `schema_version` of the normalised tables.
pub const SCHEMA_VERSION: i64 = 1;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A civil date (`Date32`).
    Date,
    /// A whole number.
    Int64,
    /// A truth value.
    Bool,
    /// Rupees with four decimal places, `Decimal(18, 4)`.
    Price,
    /// Rupees (or lakh rupees where the name says so) with two decimal places, `Decimal(18, 2)`.
    Money,
    /// An amount of a corporate action with six decimal places, `Decimal(18, 6)`.
    Amount,
}

impl ColumnKind {
    /// Returns the decimal places, for decimal kinds.
    #[must_use]
    pub const fn scale(self) -> Option<u32> {
        match self {
            Self::Price => Some(PRICE_SCALE),
            Self::Money => Some(MONEY_SCALE),
            Self::Amount => Some(AMOUNT_SCALE),
            Self::Text | Self::Date | Self::Int64 | Self::Bool => None,
        }
    }

    /// Returns the Arrow type.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Int64 => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Price => DataType::Decimal128(DECIMAL_PRECISION, PRICE_SCALE as i8),
            Self::Money => DataType::Decimal128(DECIMAL_PRECISION, MONEY_SCALE as i8),
            Self::Amount => DataType::Decimal128(DECIMAL_PRECISION, AMOUNT_SCALE as i8),
        }
    }

    /// Returns the warehouse's type name, without `Nullable`.
    #[must_use]
    pub const fn clickhouse(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Date => "Date",
            Self::Int64 => "Int64",
            Self::Bool => "Bool",
            Self::Price => "Decimal(18, 4)",
            Self::Money => "Decimal(18, 2)",
            Self::Amount => "Decimal(18, 6)",
        }
    }
}

/// 18 digits: the most that Parquet keeps in 64 bits.
const DECIMAL_PRECISION: u8 = 18;

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name in Arrow, Parquet and the warehouse.
    pub name: &'static str,
    /// Type.
    pub kind: ColumnKind,
    /// Whether null is possible. Null is never zero.
    pub nullable: bool,
    /// Meaning, unit and source.
    pub doc: &'static str,
}

/// The description of one table.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Which table.
    pub table: Table,
    /// The columns, in order.
    pub columns: &'static [Column],
    /// The natural key: the sorting key in the warehouse, unique in a published file.
    pub key: &'static [&'static str],
    /// The column with the business date.
    pub date_column: &'static str,
}

impl Table {
    /// Returns the description of the table.
    #[must_use]
    pub fn spec(self) -> &'static TableSpec {
        match self {
            Self::RawEquityOhlc => &tables::RAW_EQUITY_OHLC,
            Self::NormalizedEquityOhlc => &tables::NORMALIZED_EQUITY_OHLC,
            Self::EquityDelivery => &tables::EQUITY_DELIVERY,
            Self::CorporateActions => &tables::CORPORATE_ACTIONS,
        }
    }

    /// Returns the Arrow schema of the table; one shared instance a table.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<SchemaRef>> =
            LazyLock::new(|| Table::ALL.iter().map(|table| Arc::new(build_schema(table.spec()))).collect());
        let position = Self::ALL.iter().position(|table| *table == self).expect("ALL holds every table");
        Arc::clone(&SCHEMAS[position])
    }
}

fn build_schema(spec: &TableSpec) -> Schema {
    Schema::new(
        spec.columns
            .iter()
            .map(|column| Field::new(column.name, column.kind.arrow(), column.nullable))
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_table_has_the_34_udiff_columns_in_their_order() {
        let names: Vec<&str> = Table::RawEquityOhlc.spec().columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), 34);
        assert_eq!(names[..4], ["TradDt", "BizDt", "Sgmt", "Src"]);
        assert_eq!(names[30..], ["Rsvd1", "Rsvd2", "Rsvd3", "Rsvd4"]);
    }

    #[test]
    fn keys_and_dates_are_columns_that_are_never_null() {
        for table in Table::ALL {
            let spec = table.spec();
            for name in spec.key.iter().chain([&spec.date_column]) {
                let column = spec.columns.iter().find(|column| column.name == *name);
                assert!(column.is_some_and(|column| !column.nullable), "{table}: {name}");
            }
        }
    }

    #[test]
    fn no_column_is_a_float_and_none_is_named_twice() {
        for table in Table::ALL {
            let schema = table.schema();
            assert!(schema.fields().iter().all(|field| !field.data_type().is_floating()));
            let mut names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), schema.fields().len(), "{table}");
        }
    }
}
