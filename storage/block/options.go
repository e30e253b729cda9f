package block

import (
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// MaxLabelColumns is the greatest number of labels of a file that get a column
// of their own, __name__ not counted.
const MaxLabelColumns = 200

// Effort is how much CPU time is spent to make a file smaller.
type Effort int

// The efforts. Compared to Balanced, Quick takes four fifths of the time for
// hardly any more bytes, Densest about six times the time for a few per cent
// less.
const (
	Balanced Effort = iota
	Quick
	Densest
)

// Options steer a Writer. Zero fields take the default.
type Options struct {
	// Labels are the names of the labels that get a column, most used first.
	// Writer.Columns tells which of them did.
	Labels []string

	Level    int    // Level of compaction, for people.
	Writer   string // Who writes: program and node, for people.
	Sequence int64  // Commit sequence if already known, for people.

	PageRows     int // Samples a page at most; default DefaultPageRows.
	RowGroupRows int // Rows a row group at most; default DefaultRowGroupRows.
	Effort       Effort
}

// Defaults and bounds. A page is read as a whole, also for one series of it:
// pages of 16,000 rows make a file 2 % smaller and a wide scan 5 % faster than
// those of 8,000, but a narrow read takes twice as long; with 4,000 a wide scan
// is 10 % slower.
const (
	DefaultPageRows     = 8_000
	DefaultRowGroupRows = 1 << 20

	maxPageRows     = 1 << 20
	maxRowGroupRows = 1 << 30
)

func (o Options) withDefaults() Options {
	if o.PageRows == 0 {
		o.PageRows = DefaultPageRows
	}
	if o.RowGroupRows == 0 {
		o.RowGroupRows = DefaultRowGroupRows
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.PageRows < 1 || o.PageRows > maxPageRows:
		return fmt.Errorf("page rows %d are not within 1 and %d: %w", o.PageRows, maxPageRows, series.ErrInvalid)
	case o.RowGroupRows < 1 || o.RowGroupRows > maxRowGroupRows:
		return fmt.Errorf("row group rows %d are not within 1 and %d: %w", o.RowGroupRows, maxRowGroupRows, series.ErrInvalid)
	case o.Effort < Balanced || o.Effort > Densest:
		return fmt.Errorf("unknown effort %d: %w", o.Effort, series.ErrInvalid)
	}
	return nil
}

func (o Options) zstdLevel() zstd.EncoderLevel {
	switch o.Effort {
	case Quick:
		return zstd.SpeedFastest
	case Densest:
		return zstd.SpeedBestCompression
	default:
		return zstd.SpeedDefault
	}
}

// columns returns which of names get a column: the first MaxLabelColumns that
// differ from the fixed columns and from each other also without regard to case,
// because SQL engines compare column names so.
func (f *form) columns(names []string) []string {
	taken := map[string]bool{labels.MetricName: true}
	for _, name := range f.fixed() {
		taken[name] = true
	}
	var chosen []string
	for _, name := range names {
		key := strings.ToLower(name)
		if name == "" || taken[key] || len(chosen) == MaxLabelColumns {
			continue
		}
		taken[key] = true
		chosen = append(chosen, name)
	}
	return chosen
}

// LevelOptions are what a file of a level is written with: flushed (0), a part of
// a day (1), a day (2), a week (3), a month (4), a year (5).
//
// Measured on series of hosts 15 s apart: Effort hardly matters any more since
// pages choose their encoding, so it is Quick. Row groups of 256,000 rows instead
// of 1,000,000 cost 1 % of size and a scan of everything 3 %, but one series is
// found by DuckDB in half the time or less; what is read mostly whole and soon
// replaced does without. Pages of 16,000 rows suit files in which a series has more
// than that.
func LevelOptions(level int) Options {
	o := Options{Level: level, PageRows: DefaultPageRows, RowGroupRows: DefaultRowGroupRows, Effort: Quick}
	if level >= 2 {
		o.RowGroupRows = 1 << 18
	}
	if level >= 3 {
		o.PageRows = 16_000
	}
	return o
}
