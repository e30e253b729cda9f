package block

import (
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// AggregateReader answers from one file of aggregates. All methods may be called
// from any goroutine.
type AggregateReader struct {
	file *Reader // Of the index and the footer; it reads no samples.

	mu   sync.Mutex     // Guards idle.
	idle *aggregatePage // The page decoded last, unless somebody is using it.
}

// OpenAggregates is Open for a file of aggregates.
func OpenAggregates(r io.ReaderAt, size int64, name string, tail int64, tailCRC uint32) (*AggregateReader, error) {
	file, err := open(&aggregatesForm, r, size, name, tail, tailCRC)
	if err != nil {
		return nil, err
	}
	return &AggregateReader{file: file}, nil
}

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
// dst. Reading series in file order is the fast way: the page decoded last is
// kept. A damaged file is a CorruptError; dst may then hold a part.
func (r *AggregateReader) Read(ref Ref, minEnd, maxEnd int64, dst *series.Aggregates) error {
	page := r.take()
	defer r.give(page)
	s := Scan{reader: r.file, minT: minEnd, maxT: maxEnd}
	// What a bucket holds may begin before its end, but not after it.
	ref.MaxT = math.MaxInt64
	for g := range s.groups(ref) {
		if err := page.load(r.file, g); err != nil {
			return fmt.Errorf("read aggregates: %w", err)
		}
		group := &r.file.index.groups[g]
		from := int(max(ref.FirstRow-group.firstRow, 0))
		to := int(min(ref.FirstRow+ref.Rows-group.firstRow, int64(group.rows)))
		part := series.Aggregates{Ends: page.rows.Ends[from:to]}
		first, last := part.Range(minEnd, maxEnd)
		dst.AppendRange(&page.rows, from+first, from+last)
	}
	return nil
}

// Each calls fn for every series in file order with all of its buckets, which
// are valid until fn returns. It stops at the first error and returns it.
func (r *AggregateReader) Each(fn func(labels.Labels, *series.Aggregates) error) error {
	var a series.Aggregates
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

// take returns the page that was decoded last, for the caller alone, or memory
// for another.
func (r *AggregateReader) take() *aggregatePage {
	r.mu.Lock()
	defer r.mu.Unlock()
	page := r.idle
	r.idle = nil
	if page == nil {
		page = &aggregatePage{group: -1}
	}
	return page
}

func (r *AggregateReader) give(page *aggregatePage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = page
}
