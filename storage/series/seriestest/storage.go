package seriestest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"

	"herringbone/storage/series"
)

// NewStorage presents a Sink and a way to query it as Prometheus' storage, so
// that suites such as promqltest.RunBuiltinTestsWithStorage can run on it. All
// goes to the default tenant.
//
// flush, if it is not nil, runs after each commit; it is where a test moves
// what was written to files, or some of it. A rejected sample fails Commit.
// Close does nothing: who made the Sink closes it.
func NewStorage(tb testing.TB, sink series.Sink, queries storage.SampleAndChunkQueryable, flush func()) storage.Storage {
	tb.Helper()
	return &promStorage{SampleAndChunkQueryable: queries, sink: sink, flush: flush}
}

type promStorage struct {
	storage.SampleAndChunkQueryable
	sink  series.Sink
	flush func()
}

func (s *promStorage) StartTime() (int64, error) { return 0, nil }
func (s *promStorage) Close() error              { return nil }

func (s *promStorage) Appender(ctx context.Context) storage.Appender {
	return &appenderV1{appender: s.appender(ctx)}
}

func (s *promStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &appenderV2{appender: s.appender(ctx)}
}

func (s *promStorage) appender(ctx context.Context) *appender {
	return &appender{ctx: ctx, storage: s}
}

// appender collects one batch.
type appender struct {
	ctx     context.Context
	storage *promStorage
	batch   series.Batch
}

func (a *appender) add(ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram) {
	e := series.Entry{Key: series.AppendKey(nil, ls)}
	if h != nil || fh != nil {
		e.Histograms = 1
		a.batch.Histograms = append(a.batch.Histograms, series.Histogram{T: t, Start: st, H: h, FH: fh})
	} else {
		e.Samples = 1
		a.batch.Samples = append(a.batch.Samples, series.Sample{T: t, V: v, Start: st})
	}
	a.batch.Entries = append(a.batch.Entries, e)
}

func (a *appender) addExemplar(ls labels.Labels, x exemplar.Exemplar) {
	a.batch.Entries = append(a.batch.Entries, series.Entry{Key: series.AppendKey(nil, ls), Exemplars: 1})
	a.batch.Exemplars = append(a.batch.Exemplars, series.Exemplar{T: x.Ts, V: x.Value, Labels: x.Labels})
}

func (a *appender) addMetadata(metric string, m metadata.Metadata) {
	a.batch.Metadata = append(a.batch.Metadata, series.Metadata{Metric: metric, Type: string(m.Type), Help: m.Help, Unit: m.Unit})
}

// Commit appends the batch and flushes.
func (a *appender) Commit() error {
	w, err := a.storage.sink.Append(a.ctx, series.DefaultTenant, &a.batch)
	if err != nil {
		return err
	}
	for _, r := range w.Rejected {
		err = errors.Join(err, fmt.Errorf("%d samples rejected (%s): %s", r.Count, r.Reason, r.Example))
	}
	if err == nil && a.storage.flush != nil {
		a.storage.flush()
	}
	return err
}

// Rollback forgets the batch.
func (a *appender) Rollback() error {
	a.batch.Reset()
	return nil
}

type appenderV2 struct{ *appender }

func (a *appenderV2) Append(_ storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options) (storage.SeriesRef, error) {
	a.add(ls, st, t, v, h, fh)
	for _, x := range opts.Exemplars {
		a.addExemplar(ls, x)
	}
	if !opts.Metadata.IsEmpty() {
		a.addMetadata(ls.Get(labels.MetricName), opts.Metadata)
	}
	return 0, nil
}

type appenderV1 struct{ *appender }

func (a *appenderV1) Append(_ storage.SeriesRef, ls labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	a.add(ls, 0, t, v, nil, nil)
	return 0, nil
}

func (a *appenderV1) AppendHistogram(_ storage.SeriesRef, ls labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	a.add(ls, 0, t, 0, h, fh)
	return 0, nil
}

func (a *appenderV1) AppendExemplar(_ storage.SeriesRef, ls labels.Labels, x exemplar.Exemplar) (storage.SeriesRef, error) {
	a.addExemplar(ls, x)
	return 0, nil
}

func (a *appenderV1) UpdateMetadata(_ storage.SeriesRef, ls labels.Labels, m metadata.Metadata) (storage.SeriesRef, error) {
	a.addMetadata(ls.Get(labels.MetricName), m)
	return 0, nil
}

// The zero samples that older appenders make of a start timestamp are not
// wanted: a Sink keeps start timestamps as such.

func (a *appenderV1) AppendSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, nil
}

func (a *appenderV1) AppendHistogramSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, nil
}

func (a *appenderV1) SetOptions(*storage.AppendOptions) {}
