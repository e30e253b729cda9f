package aggregates

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/promql/queryable"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// ErrFarTime: the arithmetic of times would overflow.
var ErrFarTime = errors.New("the range is too far from now")

// selector is one selector of a statement and what its use asks of aggregates.
type selector struct {
	node *parser.VectorSelector
	// grid is the greatest number of milliseconds that divides every time at
	// which the selector is evaluated, less its offset, and its range. Whole
	// buckets answer it exactly if their resolution divides grid; 0: any does.
	grid   int64
	column queryable.Column
	reads  aggregate.Columns // Of the aggregates that answer it.
	// samples says why it needs samples whatever the grid; "": it does not.
	samples string
	// minT … maxT are the samples that the engine will ask for.
	minT, maxT int64
}

// query is what the selector asks of a source.
func (s *selector) query() series.Query {
	return series.Query{Matchers: s.node.LabelMatchers, MinT: s.minT, MaxT: s.maxT}
}

// scope is what a node knows of those above it.
type scope struct {
	times      int64 // Divides every evaluation time; see selector.grid.
	minT, maxT int64 // The first and the last evaluation time.
	info       bool  // Below info(), which reads as it likes.
	// shift divides what subqueries above move time by. Where a subquery begins
	// at the same time as what is around it, the engine does not set that right
	// for selectors with a time of their own.
	shift int64
}

// surveyor finds the selectors of a statement.
type surveyor struct {
	lookback     time.Duration
	subqueryStep time.Duration // Of subqueries that name none.
	starts       bool          // Start timestamps count as samples of counters.
	found        []*selector
}

// survey returns the selectors of stmt, which is preprocessed but not evaluated
// yet, in the order of parser.Inspect.
func survey(stmt *parser.EvalStmt, subqueryStep time.Duration, starts bool) []*selector {
	start, end, step := stmt.Start.UnixMilli(), stmt.End.UnixMilli(), stmt.Interval.Milliseconds()
	s := scope{times: start, minT: start, maxT: end}
	if step > 0 && start+step <= end {
		s.times = gcd(start, step)
	}
	v := &surveyor{lookback: stmt.LookbackDelta, subqueryStep: subqueryStep, starts: starts}
	v.node(stmt.Expr, nil, s)
	return v.found
}

func (v *surveyor) node(n, parent parser.Node, s scope) {
	switch n := n.(type) {
	case *parser.VectorSelector:
		v.instant(n, parent, s)
		return
	case *parser.MatrixSelector:
		v.matrix(n, parent, s)
		return
	case *parser.SubqueryExpr:
		s = v.subquery(n, s)
	case *parser.Call:
		s.info = s.info || n.Func.Name == "info"
	}
	for child := range parser.ChildrenIter(n) {
		v.node(child, n, s)
	}
}

// subquery is the scope below n: its steps are multiples of its step, wherever
// n is evaluated.
func (v *surveyor) subquery(n *parser.SubqueryExpr, s scope) scope {
	offset := n.OriginalOffset.Milliseconds()
	s.shift = gcd(s.shift, offset)
	if n.Timestamp != nil {
		s.minT, s.maxT = *n.Timestamp, *n.Timestamp
		s.shift = gcd(s.shift, gcd(s.times, *n.Timestamp))
	}
	step := n.Step
	if step == 0 {
		step = v.subqueryStep
	}
	s.minT -= offset + n.Range.Milliseconds()
	s.maxT -= offset
	s.times = step.Milliseconds()
	return s
}

func (v *surveyor) instant(n *parser.VectorSelector, parent parser.Node, s scope) {
	found := v.selector(n, s, v.lookback)
	found.column, found.reads = queryable.ColumnLast, aggregate.Last
	if call, ok := parent.(*parser.Call); ok && call.Func.Name == "start_timestamp" {
		found.samples = "start_timestamp needs samples"
	}
}

func (v *surveyor) matrix(n *parser.MatrixSelector, parent parser.Node, s scope) {
	found := v.selector(n.VectorSelector.(*parser.VectorSelector), s, n.Range)
	found.grid = gcd(found.grid, n.Range.Milliseconds())
	call, ok := parent.(*parser.Call)
	switch {
	case !ok:
		found.samples = "a range of samples is asked for"
	case v.starts && (call.Func.Name == "rate" || call.Func.Name == "increase"):
		found.samples = "start timestamps are used"
	default:
		use, ok := queryable.Columns[call.Func.Name]
		if !ok {
			found.samples = call.Func.Name + " needs samples"
		}
		found.column, found.reads = use.Column, use.Reads
	}
	if n.Range <= 0 {
		found.samples = "the range is empty"
	}
}

// selector adds n, which looks back from its evaluation times.
func (v *surveyor) selector(n *parser.VectorSelector, s scope, back time.Duration) *selector {
	if n.Timestamp != nil {
		s.times, s.minT, s.maxT = gcd(*n.Timestamp, s.shift), *n.Timestamp, *n.Timestamp
	}
	offset := n.OriginalOffset.Milliseconds()
	found := &selector{
		node: n,
		grid: gcd(s.times, offset),
		minT: s.minT - offset - back.Milliseconds() + 1,
		maxT: s.maxT - offset,
	}
	switch {
	case s.info:
		found.samples = "info needs samples"
	case n.Anchored || n.Smoothed:
		found.samples = "the range is anchored or smoothed"
	case !nearTime(found.minT) || !nearTime(found.maxT):
		found.samples = ErrFarTime.Error()
	}
	v.found = append(v.found, found)
	return found
}

// nearTime reports whether t can be rounded without a thought of overflows.
func nearTime(t int64) bool { return -1<<60 < t && t < 1<<60 }

// gcd is the greatest common divisor, not negative; of 0 and x it is x.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}
