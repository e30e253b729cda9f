package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxSubquerySteps bounds the steps of one subquery. The engine allocates 16
// bytes for each before it looks at any sample, so that x[1y:1ms], of a metric
// that need not exist, would end the process. A year in steps of ten seconds fits.
const maxSubquerySteps = 5_000_000

var errTinyStep = errors.New("step is less than a millisecond")

// checkSubqueries refuses a statement with more steps than that in a subquery
// whose step is otherwise step.
func checkSubqueries(s parser.Statement, step time.Duration) error {
	stmt, ok := s.(*parser.EvalStmt)
	if !ok {
		return nil
	}
	return checkSubqueriesBelow(stmt.Expr, stmt.End.Sub(stmt.Start), step)
}

// checkSubqueriesBelow checks the tree below node, which is evaluated for a
// range as long as length.
func checkSubqueriesBelow(node parser.Node, length, step time.Duration) error {
	if n, ok := node.(*parser.SubqueryExpr); ok {
		if n.Timestamp != nil {
			length = 0 // Evaluated once.
		}
		length += n.Range
		own := step
		if n.Step != 0 {
			own = n.Step
		}
		if own < time.Millisecond {
			return fmt.Errorf("subquery: %w", errTinyStep)
		}
		// The sum of two lengths may be more than a Duration can hold.
		if steps := length / own; length < 0 || steps > maxSubquerySteps {
			return fmt.Errorf("subquery has more than %d steps; try a longer step or a shorter range", maxSubquerySteps)
		}
	}
	for child := range parser.ChildrenIter(node) {
		if err := checkSubqueriesBelow(child, length, step); err != nil {
			return err
		}
	}
	return nil
}
