-- Before every migration: where it is written down which of them are applied.

CREATE DATABASE IF NOT EXISTS ${database}${on_cluster};

CREATE TABLE IF NOT EXISTS ${database}.schema_migrations${local}${on_cluster}
(
    version UInt32 COMMENT 'number of the migration, from 1',
    name String COMMENT 'name of the migration',
    sha256 String COMMENT 'SHA-256 of its template; an applied migration never changes',
    applied_at DateTime64(3, 'UTC') COMMENT 'when it was applied'
)
ENGINE = ${replicated}ReplacingMergeTree(applied_at)
ORDER BY version;

-- on a cluster
CREATE TABLE IF NOT EXISTS ${database}.schema_migrations${on_cluster}
AS ${database}.schema_migrations${local}
ENGINE = Distributed('${cluster}', '${database}', 'schema_migrations${local}', cityHash64(version));
