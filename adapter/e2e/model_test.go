package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// model is what a store must look like from outside: samples by series and time,
// flat in memory, without files, levels or logs.
type model struct {
	series map[string]*modelSeries
	engine *promql.Engine
}

type modelSeries struct {
	labels labels.Labels
	points map[int64]point
}

func newModel() *model {
	return &model{series: map[string]*modelSeries{}, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		Logger: slog.New(slog.DiscardHandler), Parser: parser.NewParser(parser.Options{ExperimentalDurationExpr: true}),
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})}
}

// write applies the rule of duplicates: the later one wins, but a staleness
// marker never replaces a value.
func (m *model) write(list []sent) {
	for _, s := range list {
		key := s.labels.String()
		if m.series[key] == nil {
			m.series[key] = &modelSeries{labels: s.labels, points: map[int64]point{}}
		}
		for _, p := range s.points {
			if old, ok := m.series[key].points[p.t]; !ok || old.stale() || !p.stale() {
				m.series[key].points[p.t] = p
			}
		}
	}
}

// remove forgets samples of matching series in minT … maxT and says how many.
func (m *model) remove(minT, maxT int64, matchers ...*labels.Matcher) (n int) {
	for _, s := range m.series {
		if !matches(s.labels, matchers) {
			continue
		}
		maps.DeleteFunc(s.points, func(t int64, _ point) bool {
			gone := t >= minT && t <= maxT
			if gone {
				n++
			}
			return gone
		})
	}
	return n
}

func matches(ls labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// answer is everything in minT … maxT of matching series.
func (m *model) answer(minT, maxT int64, matchers ...*labels.Matcher) answer {
	a := answer{}
	for key, s := range m.series {
		if !matches(s.labels, matchers) {
			continue
		}
		for _, t := range slices.Sorted(maps.Keys(s.points)) {
			if t >= minT && t <= maxT {
				a[key] = append(a[key], s.points[t])
			}
		}
	}
	return a
}

// queryRange is what PromQL's own engine says of the model.
func (m *model) queryRange(expr string, from, to time.Time, step time.Duration) (matrix, error) {
	q, err := m.engine.NewRangeQuery(context.Background(), modelStorage{m}, nil, expr, from, to, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(context.Background())
	if res.Err != nil {
		return nil, res.Err
	}
	found, err := res.Matrix()
	if err != nil {
		return nil, err
	}
	out := matrix{}
	for _, s := range found {
		for _, p := range s.Floats {
			out[s.Metric.String()] = append(out[s.Metric.String()], []string{
				strconv.FormatFloat(float64(p.T)/1000, 'f', -1, 64), strconv.FormatFloat(p.F, 'f', -1, 64),
			})
		}
		if len(s.Histograms) > 0 {
			return nil, fmt.Errorf("%s has histograms: ask for numbers", expr)
		}
	}
	return out, nil
}

// modelStorage shows a model to PromQL's engine.
type modelStorage struct{ *model }

func (s modelStorage) Querier(minT, maxT int64) (storage.Querier, error) {
	return modelQuerier{s.model, minT, maxT}, nil
}

type modelQuerier struct {
	*model
	minT, maxT int64
}

func (q modelQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := q.answer(q.minT, q.maxT, matchers...)
	var list []storage.Series
	for _, key := range slices.SortedFunc(maps.Keys(found), func(a, b string) int { return labels.Compare(q.series[a].labels, q.series[b].labels) }) {
		samples := make([]chunks.Sample, len(found[key]))
		for i, p := range found[key] {
			samples[i] = modelSample(p)
		}
		list = append(list, storage.NewListSeries(q.series[key].labels, samples))
	}
	return &modelSet{list: list}
}

func (modelQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (modelQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (modelQuerier) Close() error { return nil }

type modelSet struct {
	list []storage.Series
	at   storage.Series
}

func (s *modelSet) Next() bool {
	if len(s.list) == 0 {
		return false
	}
	s.at, s.list = s.list[0], s.list[1:]
	return true
}

func (s *modelSet) At() storage.Series              { return s.at }
func (*modelSet) Err() error                        { return nil }
func (*modelSet) Warnings() annotations.Annotations { return nil }

// modelSample is a point as PromQL's iterators want it.
type modelSample point

func (p modelSample) T() int64                { return p.t }
func (p modelSample) ST() int64               { return 0 }
func (p modelSample) F() float64              { return math.Float64frombits(p.bits) }
func (p modelSample) H() *histogram.Histogram { return p.h.Copy() }
func (p modelSample) Copy() chunks.Sample     { return p }

// FH is asked for of either kind of histogram.
func (p modelSample) FH() *histogram.FloatHistogram {
	if p.h != nil {
		return p.h.ToFloat(nil)
	}
	return p.fh.Copy()
}

func (p modelSample) Type() chunkenc.ValueType {
	switch {
	case p.h != nil:
		return chunkenc.ValHistogram
	case p.fh != nil:
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}
