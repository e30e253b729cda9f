package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// dependentError says that evaluating a part of the range may not give the same
// as cutting that part out of the whole, because of a node.
type dependentError struct{ node parser.Node }

func (e *dependentError) Error() string {
	const most = 100
	text := e.node.String()
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return "steps may depend on the range because of " + text
}

// independent reports whether each step of expr can be evaluated without the
// others, and how far before a step it looks. lateNames: metric names are
// dropped at the end of the evaluation.
//
// What prevents it: anything that is evaluated at the query's start or end, or
// takes its value from them; what depends on the order of series where that
// order comes from which series have samples somewhere in the range; and what
// is refused, in the whole range, as two series with the same labels, although
// they have no step in common. When in doubt it says no.
func independent(expr parser.Expr, lateNames bool) (window time.Duration, ok bool) {
	window, err := dependence(expr, lateNames)
	return window, err == nil
}

// dependence is independent with the reason.
func dependence(expr parser.Expr, lateNames bool) (window time.Duration, err error) {
	err = inspect(expr, 0, lateNames, &window)
	return window, err
}

// inspect walks the tree below node, whose ancestors look back by outer.
func inspect(node parser.Node, outer time.Duration, lateNames bool, window *time.Duration) error {
	*window = max(*window, outer)
	if err := nodeIndependent(node); err != nil {
		return err
	}
	if b, ok := node.(*parser.BinaryExpr); ok && b.Op == parser.LOR && (outer > 0 || lateNames) {
		// Two metrics below one function of a subquery; or one series that
		// shall lose its name at some steps and keep it at others.
		return &dependentError{node}
	}
	switch n := node.(type) {
	case *parser.MatrixSelector:
		outer += n.Range
	case *parser.SubqueryExpr:
		outer += n.Range
	}
	*window = max(*window, outer)
	for child := range parser.ChildrenIter(node) {
		if err := inspect(child, outer, lateNames, window); err != nil {
			return err
		}
	}
	return nil
}

func nodeIndependent(node parser.Node) error {
	dependent := false
	switch n := node.(type) {
	case *parser.VectorSelector:
		dependent = n.Timestamp != nil || n.StartOrEnd != 0 || n.OriginalOffsetExpr != nil ||
			n.Anchored || n.Smoothed || !oneMetric(n)
	case *parser.MatrixSelector:
		dependent = n.RangeExpr != nil
	case *parser.SubqueryExpr:
		dependent = n.Timestamp != nil || n.StartOrEnd != 0 ||
			n.OriginalOffsetExpr != nil || n.RangeExpr != nil || n.StepExpr != nil
	case *parser.BinaryExpr:
		m := n.VectorMatching
		dependent = m != nil && (m.FillValues.LHS != nil || m.FillValues.RHS != nil ||
			slices.Contains(m.MatchingLabels, labels.MetricName) || slices.Contains(m.Include, labels.MetricName))
	case *parser.Call:
		dependent = dependentFunction(n.Func.Name)
	case *parser.AggregateExpr:
		dependent = slices.Contains(n.Grouping, labels.MetricName)
		switch n.Op {
		case parser.TOPK, parser.BOTTOMK:
			dependent = dependent || !selectorOrder(n.Expr) // Ties go to the first.
		case parser.LIMITK, parser.LIMIT_RATIO:
			dependent = true
		}
	case *parser.ParenExpr, *parser.UnaryExpr, *parser.NumberLiteral, *parser.StringLiteral:
	default:
		dependent = true
	}
	if dependent {
		return &dependentError{node}
	}
	return nil
}

// oneMetric reports whether dropping the metric name keeps series apart.
func oneMetric(n *parser.VectorSelector) bool {
	for _, m := range n.LabelMatchers {
		if m.Name == labels.MetricName && m.Type == labels.MatchEqual && m.Value != "" {
			return true
		}
	}
	return false
}

func dependentFunction(name string) bool {
	switch name {
	case "start", "end", "range", "step": // Of the query.
		return true
	case "info": // Selects series for the whole range.
		return true
	case "label_replace", "label_join": // May make labels equal.
		return true
	}
	return false
}

// selectorOrder reports whether the series of expr come in the order in which
// they are stored.
func selectorOrder(expr parser.Expr) bool {
	switch n := expr.(type) {
	case *parser.VectorSelector, *parser.MatrixSelector:
		return true
	case *parser.ParenExpr:
		return selectorOrder(n.Expr)
	case *parser.UnaryExpr:
		return selectorOrder(n.Expr)
	case *parser.Call:
		if n.Func.Name == "absent_over_time" {
			return false
		}
		for _, arg := range n.Args {
			if _, ok := arg.(*parser.MatrixSelector); ok {
				return true
			}
		}
	}
	return false
}
