package series

import (
	"context"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// Sample is one float value of a series.
type Sample struct {
	T     int64   // Milliseconds.
	V     float64 // Every NaN bit pattern is kept; the staleness marker is one.
	Start int64   // Start (created) timestamp in milliseconds; 0 is unknown.
}

// Histogram is one native-histogram sample. Exactly one of H and FH is set.
type Histogram struct {
	T     int64
	Start int64
	H     *histogram.Histogram
	FH    *histogram.FloatHistogram
}

// Exemplar links a value of a series to, say, a trace.
type Exemplar struct {
	T      int64
	V      float64
	Labels labels.Labels
}

// Metadata describes a metric (not a series).
type Metadata struct {
	Metric string
	Type   string // counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown
	Help   string
	Unit   string
}

// Entry is one series of a batch and how many of the batch's samples,
// histograms and exemplars belong to it: the first entry owns the first
// Samples of Batch.Samples, and so on.
//
// Key is the label set as it came in: the encoded label fields of a
// remote-write 1.0 TimeSeries (see ParseKey). It has not been checked. Whoever
// first needs the labels parses it, once a series and not once a sample.
type Entry struct {
	Key        []byte
	Samples    int32
	Histograms int32
	Exemplars  int32
}

// Batch is one write request, decoded. The same series may occur in several
// entries, and samples need no order.
//
// Ownership: the caller of Append keeps the batch and everything that Keys
// point into, and may reuse it when Append has returned. Histograms and
// exemplar labels are handed over: they are not modified by either side after.
type Batch struct {
	Entries    []Entry
	Samples    []Sample
	Histograms []Histogram
	Exemplars  []Exemplar
	Metadata   []Metadata
}

// Reset empties b and keeps its memory, without holding on to what histograms
// and exemplars pointed to.
func (b *Batch) Reset() {
	clear(b.Entries)
	clear(b.Histograms)
	clear(b.Exemplars)
	clear(b.Metadata)
	b.Entries, b.Samples = b.Entries[:0], b.Samples[:0]
	b.Histograms, b.Exemplars, b.Metadata = b.Histograms[:0], b.Exemplars[:0], b.Metadata[:0]
}

// Rejection counts the samples, histograms and exemplars that were set aside
// for one reason, with the first of them as an example.
type Rejection struct {
	Reason  Reason
	Count   int
	Example string // For people: names the series and the cause.
}

// Reason says why a sample was set aside; it is a metric's label value.
type Reason string

// The reasons.
const (
	ReasonLabels    Reason = "invalid_labels"
	ReasonFuture    Reason = "too_far_in_future"
	ReasonTooOld    Reason = "older_than_retention"
	ReasonTime      Reason = "invalid_time" // Not to be stored, whatever the retention.
	ReasonHistogram Reason = "invalid_histogram"
	ReasonExemplar  Reason = "invalid_exemplar"
	ReasonEmpty     Reason = "no_samples"
	ReasonLimit     Reason = "limit"
)

// Written says what became durable and what was set aside.
type Written struct {
	Samples    int
	Histograms int
	Exemplars  int
	Rejected   []Rejection
}

// Reject adds n set-aside samples. Only the first example of a reason is kept,
// so example is called at most once a reason.
func (w *Written) Reject(r Reason, n int, example func() string) {
	for i := range w.Rejected {
		if w.Rejected[i].Reason == r {
			w.Rejected[i].Count += n
			return
		}
	}
	w.Rejected = append(w.Rejected, Rejection{Reason: r, Count: n, Example: example()})
}

// Sink takes writes.
type Sink interface {
	// Append stores batch. A nil error means that everything counted in Written
	// is durable and visible to every query that starts later, and that what is
	// listed as Rejected was wrong in itself and would be again. On an error the
	// outcome is unknown; repeating the call is harmless, because the same sample
	// written twice is one sample.
	//
	// Errors wrap ErrOverload, ErrNotReady or ErrLimit, or else are faults of the
	// store. Append may be called from any goroutine.
	Append(ctx context.Context, tenant Tenant, batch *Batch) (Written, error)
}
