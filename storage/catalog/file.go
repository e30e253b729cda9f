package catalog

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"herringbone/storage/series"
)

// Kind says what the rows of a file are.
type Kind string

// The kinds of file.
const (
	Samples   Kind = "samples"
	Exemplars Kind = "exemplars"

	aggregatesPrefix = "aggregates-"
)

// Aggregates is the kind of files whose rows are aggregate.Buckets of a
// resolution in milliseconds: "aggregates-5m". It must be whole seconds, at most
// a day, and divide the day.
func Aggregates(resolution int64) Kind {
	return Kind(aggregatesPrefix + model.Duration(time.Duration(resolution)*time.Millisecond).String())
}

// Resolution is the resolution in milliseconds of a kind of aggregates, 0 of
// other kinds. Each resolution has one kind: "aggregates-300s" is none.
func (k Kind) Resolution() int64 {
	text, ok := strings.CutPrefix(string(k), aggregatesPrefix)
	if !ok {
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil || time.Duration(d)%time.Second != 0 || d <= 0 || (24*time.Hour)%time.Duration(d) != 0 {
		return 0
	}
	if resolution := time.Duration(d).Milliseconds(); Aggregates(resolution) == k {
		return resolution
	}
	return 0
}

func (k Kind) known() bool { return k == Samples || k == Exemplars || k.Resolution() > 0 }

// File describes one immutable object. All its rows belong to one tenant and
// one partition: Days whole days from Day on, and the tag values of Partition.
type File struct {
	ID     string // A ULID; never used twice.
	Tenant series.Tenant
	Kind   Kind

	Day       int64  // series.Day of the partition's first day.
	Days      int    // Days in the partition's unit: 1, or more where days were merged.
	Partition string // series.Template.Key of every series in the file.
	Level     int    // 0 is flushed; higher is compacted.

	Name    string // The object in the bucket; never used twice.
	Size    int64  // Bytes of the object.
	SHA256  [32]byte
	Tail    int64  // The last Tail bytes of the object are its index and footer …
	TailCRC uint32 // … and this is their CRC-32C.

	Rows   int64
	Series int64
	MinT   int64 // Milliseconds, included.
	MaxT   int64 // Milliseconds, included.
	// MinName and MaxName are the first and last __name__ in byte order. If
	// MaxName is empty they are unknown and exclude nothing.
	MinName string
	MaxName string

	// Seq orders files for the rule of duplicates: higher was written later. Files
	// added with 0 get the number of their commit; compaction keeps the highest of
	// its inputs.
	Seq int64
	// Clean says that no row is in the file that a tombstone with a Seq up to Clean
	// hides from its inputs: compaction sets it to the version of the snapshot it
	// worked with. 0 for files that were flushed.
	Clean int64
	// SamplesDropped, of aggregates: the samples they were made of are not kept any more.
	SamplesDropped bool
	Writer         string // The node that wrote the file.
	Created        int64  // Milliseconds.
}

// Validate names the first field that cannot be. It is what lets pruning trust
// the fields: a file outside its own partition would be missed by queries. The
// error wraps series.ErrInvalid.
func (f *File) Validate() error {
	if what := f.fault(); what != "" {
		return fmt.Errorf("file %.40q: %s: %w", f.ID, what, series.ErrInvalid)
	}
	return nil
}

func (f *File) fault() string {
	if _, err := series.ParseTenant(string(f.Tenant)); err != nil {
		return fmt.Sprintf("bad tenant %.140q", f.Tenant)
	}
	switch {
	case f.ID == "":
		return "no id"
	case f.Name == "":
		return "no name"
	case !f.Kind.known():
		return fmt.Sprintf("unknown kind %.40q", f.Kind)
	case f.Size <= 0 || f.Tail < 0 || f.Tail > f.Size:
		return fmt.Sprintf("size %d, tail %d", f.Size, f.Tail)
	case f.Rows <= 0 || f.Series <= 0 || f.Series > f.Rows:
		return fmt.Sprintf("%d rows of %d series", f.Rows, f.Series)
	case f.Level < 0 || f.Seq < 0 || f.Clean < 0:
		return fmt.Sprintf("level %d, sequence %d, clean up to %d", f.Level, f.Seq, f.Clean)
	case f.SamplesDropped && f.Kind.Resolution() == 0:
		return fmt.Sprintf("rows of kind %q cannot be all that is kept of others", f.Kind)
	case f.MinT > f.MaxT:
		return fmt.Sprintf("time range %d to %d is empty", f.MinT, f.MaxT)
	case f.Days < 1 || series.Day(f.MinT) < f.Day || series.Day(f.MaxT)-f.Day >= int64(f.Days):
		return fmt.Sprintf("time range %d to %d is outside its %d days from day %d", f.MinT, f.MaxT, f.Days, f.Day)
	case f.MaxName != "" && f.MinName > f.MaxName:
		return fmt.Sprintf("name range %.60q to %.60q is empty", f.MinName, f.MaxName)
	}
	return ""
}

// compareFiles is the order in which files were written.
func compareFiles(a, b *File) int {
	if c := cmp.Compare(a.Seq, b.Seq); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}
