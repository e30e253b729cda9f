package block

import (
	"fmt"
	"io"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// AggregateOptions steer an AggregateWriter.
type AggregateOptions struct {
	Options          // PageRows defaults to DefaultAggregatePageRows.
	Resolution int64 // Milliseconds: all ends are multiples of it.
}

// DefaultAggregatePageRows is lower than DefaultPageRows because a row has eleven
// columns and not two.
const DefaultAggregatePageRows = 2_000

// AggregateWriter writes one file of aggregates, one row a bucket. It is used by
// one goroutine. After an error it can only be dropped, and so can what it wrote.
type AggregateWriter struct {
	making
	aggregates *aggregateColumns
}

// NewAggregateWriter begins a file on w. Errors wrap series.ErrInvalid or are
// w's.
func NewAggregateWriter(w io.Writer, o AggregateOptions) (*AggregateWriter, error) {
	if o.Resolution <= 0 {
		return nil, fmt.Errorf("resolution %d ms is not positive: %w", o.Resolution, series.ErrInvalid)
	}
	if o.PageRows == 0 {
		o.PageRows = DefaultAggregatePageRows
	}
	b := &AggregateWriter{aggregates: newAggregateColumns(o.PageRows)}
	b.resolution = o.Resolution
	if err := b.start(w, &aggregatesForm, o.withDefaults(), b.aggregates); err != nil {
		return nil, err
	}
	return b, nil
}

// Columns returns the labels that have a column, __name__ not counted.
func (w *AggregateWriter) Columns() []string { return w.labelNames }

// Append adds buckets of one series, in the order of time. Series come in the
// order of series.Compare; a long one may come in parts, one after the other. An
// error that wraps series.ErrInvalid says that they did not. A series without
// buckets is left out. w keeps neither a nor what it points to.
func (w *AggregateWriter) Append(ls labels.Labels, a *aggregate.Buckets) error {
	if w.err == nil && a.Len() > 0 {
		w.err = w.appendBuckets(ls, a)
	}
	return w.err
}

func (w *AggregateWriter) appendBuckets(ls labels.Labels, a *aggregate.Buckets) error {
	for i := range a.Len() {
		if err := w.check(a, i); err != nil {
			return fmt.Errorf("series %v: %w", ls, err)
		}
	}
	first, _ := a.Times(0)
	_, last := a.Times(a.Len() - 1)
	return w.append(part{
		ls: ls, rows: a.Len(), first: first, last: last,
		add: func(from, to int) (int, bool, error) {
			n := w.aggregates.add(a, from, to)
			return n, w.aggregates.full(), nil
		},
	})
}

// check says what is wrong with bucket i: what it holds must lie in it.
func (w *AggregateWriter) check(a *aggregate.Buckets, i int) error {
	end := a.Ends[i]
	first, last := a.Times(i)
	switch {
	case end%w.resolution != 0:
		return fmt.Errorf("bucket ends at %d, no multiple of %d: %w", end, w.resolution, series.ErrInvalid)
	case i > 0 && end <= a.Ends[i-1]:
		return fmt.Errorf("bucket that ends at %d follows the one of %d: %w", end, a.Ends[i-1], series.ErrInvalid)
	case first <= end-w.resolution || last > end || first > last:
		return fmt.Errorf("bucket that ends at %d holds times %d to %d: %w", end, first, last, series.ErrInvalid)
	default:
		return nil
	}
}

// Close completes the file and says what is in it: times are those of samples
// and markers, not of the buckets they are in. It does not close the underlying
// writer, nor sync it.
func (w *AggregateWriter) Close() (Meta, error) { return w.close() }
