-- +goose Up

-- One row: what the whole catalog must add up to.
CREATE TABLE catalog_state (
    id       BIGINT PRIMARY KEY NOT NULL,
    version  BIGINT NOT NULL,
    purged   BIGINT NOT NULL,
    live     BIGINT NOT NULL,
    digest   BIGINT NOT NULL,
    checksum BIGINT NOT NULL
);
INSERT INTO catalog_state (id, version, purged, live, digest, checksum) VALUES (1, 0, 0, 0, 0, 1214729159);

-- The files, live (deleted_at = 0) and removed.
CREATE TABLE files (
    id            TEXT   PRIMARY KEY NOT NULL,
    tenant        TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    day           BIGINT NOT NULL,
    days          BIGINT NOT NULL,
    partition_key TEXT   NOT NULL,
    level         BIGINT NOT NULL,
    name          TEXT   NOT NULL UNIQUE,
    size          BIGINT NOT NULL,
    sha256        TEXT   NOT NULL,
    tail          BIGINT NOT NULL,
    tail_crc      BIGINT NOT NULL,
    row_count     BIGINT NOT NULL,
    series_count  BIGINT NOT NULL,
    min_t         BIGINT NOT NULL,
    max_t         BIGINT NOT NULL,
    min_name      TEXT   NOT NULL,
    max_name      TEXT   NOT NULL,
    seq           BIGINT NOT NULL,
    writer        TEXT   NOT NULL,
    created       BIGINT NOT NULL,
    changed       BIGINT NOT NULL,
    deleted_at    BIGINT NOT NULL,
    checksum      BIGINT NOT NULL
);
CREATE INDEX files_changed ON files (changed);
CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at > 0;

-- The tokens of recent edits.
CREATE TABLE commits (
    token        TEXT   PRIMARY KEY NOT NULL,
    version      BIGINT NOT NULL,
    committed_at BIGINT NOT NULL
);
CREATE INDEX commits_committed_at ON commits (committed_at);

-- For each node the last segment of its log that the files hold.
CREATE TABLE wal_positions (
    node     TEXT   PRIMARY KEY NOT NULL,
    segment  BIGINT NOT NULL,
    changed  BIGINT NOT NULL,
    checksum BIGINT NOT NULL
);

-- What metrics mean, and when they were said to mean it.
CREATE TABLE metadata (
    tenant     TEXT   NOT NULL,
    metric     TEXT   NOT NULL,
    variant    TEXT   NOT NULL,
    type       TEXT   NOT NULL,
    help       TEXT   NOT NULL,
    unit       TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    PRIMARY KEY (tenant, metric, variant)
);
