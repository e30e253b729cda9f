// Package plan decides how a table is read: which columns it has, which files and
// rows in memory hold it, which of them must be deduplicated, in which order
// they are worth reading, and the view that makes DuckDB read just that.
//
// It does no I/O and knows no DuckDB: it makes SQL text. A table is read from
// sources (files, and rows in memory as one more); sources that hold samples of
// one series for the same time form a group, whose shared time is deduplicated;
// everything else is scanned plainly:
//
//	sources ── Groups ──▶ groups ── View.SQL ──▶ CREATE VIEW "metric" AS
//	   │                                           SELECT … FROM read_parquet([a, b, c])            plain
//	   │                                           UNION ALL SELECT … FROM rows in memory           plain
//	   └──── Steps ──▶ newest first                UNION ALL (d, e) ANTI JOIN (d, e) ON later        deduplicated
//
// All functions are pure; nothing in this package is shared between goroutines.
package plan
