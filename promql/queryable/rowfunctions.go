package queryable

import (
	"math"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/kahansum"
)

var staleValue = math.Float64frombits(value.StaleNaN)

// RowsSuffix makes the name of a function on rows, which nobody can type: the
// parser knows none of them. Prometheus' engine finds functions by name.
const RowsSuffix = " on aggregates"

// RowsFunction returns the function that does on rows what f does on samples.
func RowsFunction(f *parser.Function) *parser.Function {
	own := *f
	own.Name += RowsSuffix
	return &own
}

// WithoutRows turns the text of an expression into what the user wrote.
func WithoutRows(text string) string { return strings.ReplaceAll(text, RowsSuffix, "") }

// RegisterRowFunctions makes the functions known to Prometheus' engine, whose
// table is one for the process. It must be called before an engine is made.
var RegisterRowFunctions = sync.OnceFunc(func() {
	for name, f := range map[string]rowFunction{
		"count_over_time": {f: countRows, mixed: true, grows: true},
		"sum_over_time":   {f: sumRows, grows: true},
		"avg_over_time":   {f: averageRows},
		"rate":            {f: func(w *window) (float64, bool) { return w.extrapolated(true, true) }, counter: true},
		"increase":        {f: func(w *window) (float64, bool) { return w.extrapolated(true, false) }, counter: true, grows: true},
		"delta":           {f: func(w *window) (float64, bool) { return w.extrapolated(false, false) }, grows: true},
	} {
		f.stock = prom.FunctionCalls[name]
		prom.FunctionCalls[name+RowsSuffix] = f.call
	}
})

// rowFunction is a function on the rows of a window.
type rowFunction struct {
	stock   prom.FunctionCall // For windows of a series without rows.
	f       func(*window) (v float64, ok bool)
	mixed   bool // Histograms between floats are none of its business.
	counter bool // It wants counters.
	grows   bool // Its result grows with the window.
}

// window is what a function is called for.
type window struct {
	merger     *merger
	points     []prom.FPoint // Their values are numbers of rows.
	histograms int           // Beside them.
	start, end int64         // Of the time, (start, end].
}

func (w *window) row(i int) row { return w.merger.row(w.points[i].F) }

// call is a prom.FunctionCall.
func (f rowFunction) call(vectors []prom.Vector, m prom.Matrix, args parser.Expressions, enh *prom.EvalNodeHelper) (prom.Vector, annotations.Annotations) {
	arg := args[0].(*parser.MatrixSelector)
	selector := arg.VectorSelector.(*parser.VectorSelector)
	set := selector.UnexpandedSeriesSet.(*bucketSet)
	had := len(enh.Out)
	var out prom.Vector
	var notes annotations.Annotations
	if !set.merger.rows || len(m[0].Histograms) > 0 && !f.mixed {
		out, notes = f.stock(vectors, m, args, enh) // It refuses a mixture without a look at the floats.
	} else {
		end := enh.Ts - selector.Offset.Milliseconds()
		w := window{&set.merger, m[0].Floats, len(m[0].Histograms), end - arg.Range.Milliseconds(), end}
		out = enh.Out
		if v, ok := f.f(&w); ok {
			out = append(out, prom.Sample{F: v})
		}
	}
	for i := had; i < len(out) && f.grows; i++ {
		if out[i].H == nil {
			out[i].F *= set.choice.Scale
		}
	}
	if f.counter && len(out) > had && out[had].H == nil {
		set.note(&notes, m[0].Metric, arg)
	}
	return out, notes
}

// note adds, once a series, what the engine says of rate and increase, which it
// knows by name.
func (s *bucketSet) note(notes *annotations.Annotations, metric labels.Labels, arg parser.Expr) {
	name := metric.Get(labels.MetricName)
	if s.noted || name == "" {
		return
	}
	s.noted = true
	if s.substitutions.typed {
		kind := metric.Get("__type__")
		if kind != string(model.MetricTypeCounter) && kind != string(model.MetricTypeHistogram) {
			notes.Add(annotations.NewPossibleNonCounterLabelInfo(name, kind, arg.PositionRange()))
		}
		return
	}
	for _, suffix := range []string{"_total", "_sum", "_count", "_bucket"} {
		if strings.HasSuffix(name, suffix) {
			return
		}
	}
	notes.Add(annotations.NewPossibleNonCounterInfo(name, arg.PositionRange()))
}

func countRows(w *window) (float64, bool) {
	n := float64(w.histograms)
	for i := range w.points {
		n += w.merger.count(w.points[i].F)
	}
	return n, true
}

func sumRows(w *window) (float64, bool) {
	var sum, rest float64
	for i := range w.points {
		sum, rest = kahansum.Inc(w.merger.sum(w.points[i].F), sum, rest)
	}
	if math.IsInf(sum, 0) {
		return sum, true
	}
	return sum + rest, true
}

// averageRows is the sum by the count or, where the sum is too great for a
// float, the weighted mean of means.
func averageRows(w *window) (float64, bool) {
	sum, _ := sumRows(w)
	count, _ := countRows(w)
	if !math.IsInf(sum, 0) {
		return sum / count, true
	}
	var mean, rest float64
	for i := range w.points {
		mean, rest = kahansum.Inc(w.merger.sum(w.points[i].F)/count, mean, rest)
	}
	if math.IsInf(mean, 0) {
		return mean, true
	}
	return mean + rest, true
}

// extrapolated is what Prometheus' extrapolatedRate makes of the samples that
// the rows stand for: it needs the first and the last of them, how many they
// are, and the resets between.
func (w *window) extrapolated(counter, perSecond bool) (float64, bool) {
	first, last := w.row(0), w.row(len(w.points)-1)
	count, resets := first.count, first.resets
	for i, before := 1, first; i < len(w.points); i++ {
		r := w.row(i)
		count += r.count
		resets += r.resets
		if r.first < before.last {
			resets += before.last
		}
		before = r
	}
	if count < 2 {
		return 0, false
	}
	growth := last.last - first.first
	if counter {
		growth += resets
	}
	sampled := seconds(last.lastTime - first.firstTime)
	between := sampled / (count - 1)
	toStart := reach(seconds(first.firstTime-w.start), between)
	toEnd := reach(seconds(w.end-last.lastTime), between)
	if counter && growth > 0 && first.first >= 0 {
		// A counter was 0 once: no further back than to there.
		toStart = min(toStart, sampled*(first.first/growth))
	}
	factor := (sampled + toStart + toEnd) / sampled
	if perSecond {
		factor /= seconds(w.end - w.start)
	}
	return growth * factor, true
}

// reach is how far is extrapolated towards an end of the window that is distant
// seconds away, for samples that are between seconds apart.
func reach(distant, between float64) float64 {
	const near = 1.1 // Of the distance between samples.
	if distant >= between*near {
		return between / 2
	}
	return distant
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }
