//! The clickhouse-loader service: curated Parquet to the warehouse, exactly once in effect.
