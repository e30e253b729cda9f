package promql

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// marks say which Selects of a query are answered from aggregates. A selector is
// known by its first matcher, which the engine hands to Select as it is; so
// nothing that a user writes can be taken for a mark, and texts stay the user's.
//
// Concurrency: marks are set before the query runs and only read by it.
type substitutions struct {
	source aggregate.Source
	chosen map[*labels.Matcher]*choice
	typed  bool // Metrics have their type in a label.

	fallback series.Tenant // Of contexts that carry none.
}

// of returns what was chosen for a Select, nil: samples.
func (m *substitutions) of(matchers []*labels.Matcher) *choice {
	if m == nil || len(matchers) == 0 {
		return nil
	}
	return m.chosen[matchers[0]]
}

// apply marks the selectors of stmt, to which choices belong in the order of
// parser.Inspect, and changes the calls above them so that they understand what
// they get.
func (m *substitutions) apply(stmt *parser.EvalStmt, choices []*choice) {
	r := rewriter{lookback: stmt.LookbackDelta, chosen: map[*parser.VectorSelector]*choice{}}
	parser.Inspect(stmt.Expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			c := choices[0]
			choices = choices[1:]
			if c.resolution > 0 && len(s.LabelMatchers) > 0 {
				own := *c // Its scale is that of one selector.
				r.chosen[s], m.chosen[s.LabelMatchers[0]] = &own, &own
			}
		}
		return nil
	})
	if len(r.chosen) > 0 {
		stmt.Expr = r.expr(stmt.Expr)
	}
}

// rewriter changes an expression in place.
type rewriter struct {
	lookback time.Duration
	chosen   map[*parser.VectorSelector]*choice
}

func (r *rewriter) expr(e parser.Expr) parser.Expr {
	switch n := e.(type) {
	case *parser.VectorSelector:
		return r.instant(n)
	case *parser.Call:
		r.call(n)
	case *parser.BinaryExpr:
		n.LHS, n.RHS = r.expr(n.LHS), r.expr(n.RHS)
	case *parser.AggregateExpr:
		n.Expr = r.expr(n.Expr)
		if n.Param != nil {
			n.Param = r.expr(n.Param)
		}
	case *parser.UnaryExpr:
		n.Expr = r.expr(n.Expr)
	case *parser.ParenExpr:
		n.Expr = r.expr(n.Expr)
	case *parser.SubqueryExpr:
		n.Expr = r.expr(n.Expr)
	case *parser.StepInvariantExpr:
		n.Expr = r.expr(n.Expr)
	}
	return e
}

func (r *rewriter) call(n *parser.Call) {
	for i, arg := range n.Args {
		switch a := arg.(type) {
		case *parser.MatrixSelector:
			r.matrixCall(n, a)
		case *parser.VectorSelector:
			n.Args[i] = r.instantCall(n, a)
		default:
			n.Args[i] = r.expr(arg)
		}
	}
}

func (r *rewriter) matrixCall(n *parser.Call, m *parser.MatrixSelector) {
	c := r.chosen[m.VectorSelector.(*parser.VectorSelector)]
	if c == nil {
		return
	}
	if c.column == columnRows {
		n.Func = rowsFunction(n.Func)
	}
	if least := time.Duration(c.resolution) * time.Millisecond; m.Range < least {
		c.scale = float64(m.Range) / float64(least)
		m.Range = least
	}
}

// instantCall is instant for an argument of n, which may be one of the functions
// that look at a selector rather than at its value.
func (r *rewriter) instantCall(n *parser.Call, s *parser.VectorSelector) parser.Expr {
	c := r.chosen[s]
	if c == nil || !c.approximate {
		return s
	}
	switch n.Func.Name {
	case "timestamp":
		n.Func = parser.Functions["ts_of_last_over_time"]
	case "absent":
		n.Func = parser.Functions["absent_over_time"]
	default:
		return r.instant(s)
	}
	return r.window(s, c)
}

// instant gives a selector that is answered approximately a window in which a
// bucket ends: where the last sample of one is older than the lookback, its
// series is not gone.
func (r *rewriter) instant(s *parser.VectorSelector) parser.Expr {
	c := r.chosen[s]
	if c == nil || !c.approximate {
		return s
	}
	return &parser.Call{
		Func:     parser.Functions["last_over_time"],
		Args:     parser.Expressions{r.window(s, c)},
		PosRange: s.PosRange,
	}
}

func (r *rewriter) window(s *parser.VectorSelector, c *choice) *parser.MatrixSelector {
	length := r.lookback + time.Duration(c.resolution)*time.Millisecond
	return &parser.MatrixSelector{VectorSelector: s, Range: length, EndPos: s.PosRange.End}
}
