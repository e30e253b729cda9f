package aggregates

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/promql/queryable"
)

// rewrite tells m what the selectors of stmt are answered from, to which choices
// belong in the order of parser.Inspect, and changes the calls above them so that
// they understand what they get.
func rewrite(m *queryable.Substitutions, stmt *parser.EvalStmt, choices []*queryable.Choice) {
	r := rewriter{lookback: stmt.LookbackDelta, chosen: map[*parser.VectorSelector]*queryable.Choice{}}
	parser.Inspect(stmt.Expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			c := choices[0]
			choices = choices[1:]
			if c.Resolution > 0 && len(s.LabelMatchers) > 0 {
				own := *c // Its scale is that of one selector.
				r.chosen[s], m.Chosen[s.LabelMatchers[0]] = &own, &own
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
	chosen   map[*parser.VectorSelector]*queryable.Choice
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
	if c.Column == queryable.ColumnRows {
		n.Func = queryable.RowsFunction(n.Func)
	}
	if least := time.Duration(c.Resolution) * time.Millisecond; m.Range < least {
		c.Scale = float64(m.Range) / float64(least)
		m.Range = least
	}
}

// instantCall is instant for an argument of n, which may be one of the functions
// that look at a selector rather than at its value.
func (r *rewriter) instantCall(n *parser.Call, s *parser.VectorSelector) parser.Expr {
	c := r.chosen[s]
	if c == nil || !c.Approximate {
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
// series is still there.
func (r *rewriter) instant(s *parser.VectorSelector) parser.Expr {
	c := r.chosen[s]
	if c == nil || !c.Approximate {
		return s
	}
	return &parser.Call{
		Func:     parser.Functions["last_over_time"],
		Args:     parser.Expressions{r.window(s, c)},
		PosRange: s.PosRange,
	}
}

func (r *rewriter) window(s *parser.VectorSelector, c *queryable.Choice) *parser.MatrixSelector {
	length := r.lookback + time.Duration(c.Resolution)*time.Millisecond
	return &parser.MatrixSelector{VectorSelector: s, Range: length, EndPos: s.PosRange.End}
}
