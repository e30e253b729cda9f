-- +goose Up

-- What compaction says of its outputs. Files from before have 0 for both, and
-- then neither enters their checksums.
ALTER TABLE files ADD COLUMN clean BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN sole BIGINT NOT NULL DEFAULT 0;

-- What hides rows of files (done = 0), and the receipts of what did.
CREATE TABLE tombstones (
    id         TEXT   PRIMARY KEY NOT NULL,
    tenant     TEXT   NOT NULL,
    cause      TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    matchers   TEXT   NOT NULL,
    exceptions TEXT   NOT NULL,
    min_t      BIGINT NOT NULL,
    max_t      BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    hidden     BIGINT NOT NULL,
    purged     BIGINT NOT NULL,
    rewritten  BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    checksum   BIGINT NOT NULL
);
CREATE INDEX tombstones_done ON tombstones (done);

-- One row: what the live tombstones must add up to.
CREATE TABLE tombstones_state (
    id       BIGINT PRIMARY KEY NOT NULL,
    live     BIGINT NOT NULL,
    digest   BIGINT NOT NULL,
    version  BIGINT NOT NULL,
    checksum BIGINT NOT NULL
);
INSERT INTO tombstones_state (id, live, digest, version, checksum) VALUES (1, 0, 0, 0, 1617208186);

-- Objects that no row of files names.
CREATE TABLE suspects (
    name     TEXT   PRIMARY KEY NOT NULL,
    found_at BIGINT NOT NULL,
    checksum BIGINT NOT NULL
);
CREATE INDEX suspects_found_at ON suspects (found_at);

-- Live files that were found damaged.
CREATE TABLE quarantine (
    file_id  TEXT   PRIMARY KEY NOT NULL,
    what     TEXT   NOT NULL,
    found_at BIGINT NOT NULL,
    checksum BIGINT NOT NULL
);
