package block

import (
	"io"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
)

// AggregateReader answers from one file of aggregates. All methods may be called
// from any goroutine.
type AggregateReader struct {
	file *Reader // Of the index and the footer; it reads no samples.

	mu   sync.Mutex     // Guards idle.
	idle *AggregateScan // For Read: it has the page decoded last. nil while in use.
}

// OpenAggregates is Open for a file of aggregates.
func OpenAggregates(r io.ReaderAt, size int64, name string, tail int64, tailCRC uint32) (*AggregateReader, error) {
	file, err := open(&aggregatesForm, r, size, name, tail, tailCRC)
	if err != nil {
		return nil, err
	}
	return &AggregateReader{file: file}, nil
}

// UseCache makes scans keep and look for decoded columns in c. It must be called
// before the first Scan.
func (r *AggregateReader) UseCache(c *Cache) { r.file.UseCache(c) }

// Name is what OpenAggregates was given.
func (r *AggregateReader) Name() string { return r.file.name }

// Series is the number of series.
func (r *AggregateReader) Series() int { return r.file.Series() }

// Rows is the number of buckets.
func (r *AggregateReader) Rows() int64 { return r.file.Rows() }

// SizeBytes is the memory that r takes when every series has been asked for.
func (r *AggregateReader) SizeBytes() int64 {
	rows := 0
	for i := range r.file.index.groups {
		rows = max(rows, r.file.index.groups[i].rows)
	}
	return r.file.SizeBytes() + int64(rows)*bucketBytes
}

// Layout is Reader.Layout. Times of its row groups are ends of buckets; Stale
// says that some bucket ends in a staleness marker.
func (r *AggregateReader) Layout() (*Layout, error) { return r.file.Layout() }

// Metrics is Reader.Metrics.
func (r *AggregateReader) Metrics() ([]Metric, error) { return r.file.Metrics() }

// Select is Reader.Select: MinT and MaxT of a Ref are those of samples and markers.
func (r *AggregateReader) Select(matchers []*labels.Matcher, minT, maxT int64, limit int) []Ref {
	return r.file.Select(matchers, minT, maxT, limit)
}

// LabelNames is Reader.LabelNames.
func (r *AggregateReader) LabelNames(matchers []*labels.Matcher, minT, maxT int64) []string {
	return r.file.LabelNames(matchers, minT, maxT)
}

// LabelValues is Reader.LabelValues.
func (r *AggregateReader) LabelValues(name string, matchers []*labels.Matcher, minT, maxT int64) []string {
	return r.file.LabelValues(name, matchers, minT, maxT)
}

// Read appends the series' buckets that end in minEnd … maxEnd, both included, to
// dst, with all columns. Reading series in file order is the fast way: the page
// decoded last is kept; the cache is not used. A damaged file is a CorruptError;
// dst may then hold a part.
func (r *AggregateReader) Read(ref Ref, minEnd, maxEnd int64, dst *aggregate.Buckets) error {
	scan := r.take()
	defer r.give(scan)
	scan.minEnd, scan.maxEnd = minEnd, maxEnd
	return scan.Read(ref, func(a *aggregate.Buckets) { dst.AppendRange(a, 0, a.Len()) })
}

// Each calls fn for every series in file order with all of its buckets, which
// are valid until fn returns. It stops at the first error and returns it.
func (r *AggregateReader) Each(fn func(labels.Labels, *aggregate.Buckets) error) error {
	var a aggregate.Buckets
	for i := range r.file.index.series() {
		ref := r.file.ref(i)
		a.Reset()
		if err := r.Read(ref, minTime, maxTime, &a); err != nil {
			return err
		}
		if err := fn(ref.Labels, &a); err != nil {
			return err
		}
	}
	return nil
}

// take returns the scan that has the page decoded last, for the caller alone, or a
// new one.
func (r *AggregateReader) take() *AggregateScan {
	r.mu.Lock()
	defer r.mu.Unlock()
	scan := r.idle
	r.idle = nil
	if scan == nil {
		scan = r.Scan(aggregate.AllColumns, minTime, maxTime)
		scan.cache = nil // It is never closed, so it must hold nothing of it.
	}
	return scan
}

func (r *AggregateReader) give(scan *AggregateScan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = scan
}
