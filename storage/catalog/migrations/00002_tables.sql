-- +goose Up

-- What tables there are and which columns they have: one row is what one edit
-- added to that. Rows are only inserted.
CREATE TABLE tables (
    tenant     TEXT   NOT NULL,
    metric     TEXT   NOT NULL,
    changed    BIGINT NOT NULL,
    labels     TEXT   NOT NULL,
    histograms BIGINT NOT NULL,
    starts     BIGINT NOT NULL,
    checksum   BIGINT NOT NULL,
    PRIMARY KEY (tenant, metric, changed)
);
CREATE INDEX tables_changed ON tables (changed);

-- One row: what the rows of tables must add up to, and whether they tell of all
-- live files. Files from before this migration were committed without.
CREATE TABLE tables_state (
    id        BIGINT PRIMARY KEY NOT NULL,
    row_count BIGINT NOT NULL,
    digest    BIGINT NOT NULL,
    complete  BIGINT NOT NULL,
    checksum  BIGINT NOT NULL
);
INSERT INTO tables_state (id, row_count, digest, complete, checksum)
    SELECT 1, 0, 0, CASE WHEN known.n = 0 THEN 1 ELSE 0 END, CASE WHEN known.n = 0 THEN 2170540941 ELSE 1617208186 END
    FROM (SELECT count(*) AS n FROM files) AS known;
