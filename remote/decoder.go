package remote

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// decoder turns one decoded body into a batch and keeps what it set aside. It is
// used by one goroutine and reused for request after request; reset starts the
// next one.
//
// Memory: a message of two bytes can stand for a struct of hundreds, so the
// number of things in a request is bounded by its size (the budgets), and what symbol
// references amount to by written.
type decoder struct {
	batch    series.Batch
	setAside series.Written // Only Rejected is used.

	maxTime int64 // Samples after it are in the future, milliseconds.
	ahead   time.Duration

	sampleBudget    int   // Samples, histograms and exemplars still allowed.
	seriesBudget    int   // Series and metadata.
	histogramBudget int   // Histograms.
	written         int64 // Bytes of labels that symbol references may still amount to.

	current  current
	problems []problem // Of the current series.
	keys     arena
	scratch  []byte // Labels (1.0) or references (2.0) that do not lie in one piece.
	builder  labels.ScratchBuilder

	// For 2.0 only.
	symbols      symbols
	refs         []uint32 // The series' references, decoded.
	last         writtenSeries
	labels       [1024]writtenLabel // By value reference, modulo.
	texts        interner
	lastMetadata metadataRef
	lastFamily   []byte
}

// current is what the decoder knows of the series that it is in.
type current struct {
	samples, histograms, exemplars int // Lengths of the batch's lists at its start.

	future     int // Samples and histograms set aside for their time.
	futureTime int64

	start     int64 // 2.0, field 6 of old senders: start time of all samples.
	metadata  metadataRef
	described bool // The metadata is in the batch.
}

// problem is what is set aside of the open series for one reason.
type problem struct {
	reason series.Reason
	n      int
	first  error
}

// reset prepares for a body of size bytes. now is the clock's milliseconds.
//
// An honest sample takes 9 bytes or more (its time alone has 6), an honest series
// with one sample 17, one with a histogram 32; the constants allow small requests more.
func (d *decoder) reset(size int, now int64, ahead time.Duration, written int64, reserve func(int64) error) {
	d.batch.Reset()
	d.setAside = series.Written{}
	d.maxTime, d.ahead = now+ahead.Milliseconds(), ahead
	d.sampleBudget = size/8 + 2048
	d.seriesBudget = size/16 + 1024
	d.histogramBudget = size/32 + 1024
	d.written = written
	d.keys.reset(reserve)
	clear(d.labels[:min(len(d.labels), len(d.symbols.spans))]) // Those that the last request used.
	d.symbols.reset(nil)
	d.last = writtenSeries{refs: d.last.refs[:0]}
	d.texts.trim()
	d.lastMetadata, d.lastFamily = metadataRef{}, nil
}

// open starts a series and reports whether the request may have one more.
func (d *decoder) open() bool {
	d.current = current{
		samples:    len(d.batch.Samples),
		histograms: len(d.batch.Histograms),
		exemplars:  len(d.batch.Exemplars),
	}
	clear(d.problems)
	d.problems = d.problems[:0]
	return take(&d.seriesBudget)
}

// take counts one more thing against a budget and reports whether it fits.
func take(budget *int) bool {
	*budget--
	return *budget >= 0
}

func tooMany() error {
	return fmt.Errorf("request holds more than its size can carry honestly: %w", series.ErrInvalid)
}

// sample adds one decoded sample to the open series.
func (d *decoder) sample(s series.Sample) {
	if s.T > d.maxTime {
		d.early(s.T)
		return
	}
	d.batch.Samples = append(d.batch.Samples, s)
}

// early sets one sample or histogram aside for its time t.
func (d *decoder) early(t int64) {
	if d.current.future++; d.current.future == 1 {
		d.current.futureTime = t
	}
}

// spoil sets one thing of the open series aside because of err.
func (d *decoder) spoil(r series.Reason, what string, err error) {
	for i := range d.problems {
		if d.problems[i].reason == r {
			d.problems[i].n++
			return
		}
	}
	d.problems = append(d.problems, problem{r, 1, fmt.Errorf("%s: %w", what, err)})
}

// close ends the open series, whose key is a slice that stays as it is until the
// next reset.
func (d *decoder) close(key []byte) {
	c := &d.current
	e := series.Entry{
		Key:        key,
		Samples:    int32(len(d.batch.Samples) - c.samples),
		Histograms: int32(len(d.batch.Histograms) - c.histograms),
		Exemplars:  int32(len(d.batch.Exemplars) - c.exemplars),
	}
	if d.spoiled() > 0 {
		d.report(key)
	}
	if e.Samples|e.Histograms|e.Exemplars != 0 {
		d.batch.Entries = append(d.batch.Entries, e)
		return
	}
	if d.spoiled() == 0 && !c.described {
		d.setAside.Reject(series.ReasonEmpty, 1, func() string {
			return describe(key) + ": series without samples, histograms or exemplars"
		})
	}
}

// spoiled is the number of things of the open series that were set aside.
func (d *decoder) spoiled() int {
	n := d.current.future
	for _, p := range d.problems {
		n += p.n
	}
	return n
}

// report moves what was set aside in the open series to the request's account.
func (d *decoder) report(key []byte) {
	c := &d.current
	if c.future > 0 {
		d.setAside.Reject(series.ReasonFuture, c.future, func() string { return d.describeFuture(key, c.futureTime) })
	}
	for _, p := range d.problems {
		d.setAside.Reject(p.reason, p.n, func() string { return describe(key) + ": " + p.first.Error() })
	}
}

// drop ends the open series by setting all of it aside because of err.
func (d *decoder) drop(err error) {
	c := &d.current
	n := len(d.batch.Samples) - c.samples + len(d.batch.Histograms) - c.histograms + len(d.batch.Exemplars) - c.exemplars
	n += d.spoiled()
	clear(d.batch.Histograms[c.histograms:])
	clear(d.batch.Exemplars[c.exemplars:])
	d.batch.Samples = d.batch.Samples[:c.samples]
	d.batch.Histograms = d.batch.Histograms[:c.histograms]
	d.batch.Exemplars = d.batch.Exemplars[:c.exemplars]
	d.setAside.Reject(series.ReasonLabels, max(n, 1), err.Error)
}

func (d *decoder) describeFuture(key []byte, t int64) string {
	return fmt.Sprintf("%s: time %s is more than %v ahead", describe(key), time.UnixMilli(t).UTC().Format(time.RFC3339Nano), d.ahead)
}

// describe names a series for people.
func describe(key []byte) string {
	var b labels.ScratchBuilder
	ls, err := series.ParseKey(key, &b, series.Limits{})
	if err != nil {
		return fmt.Sprintf("series with key %.100q", key)
	}
	return ls.String()
}
