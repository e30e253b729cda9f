package simulate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// question is a range query.
type question struct {
	name, expr string
	from, to   time.Time
	step       time.Duration
}

// took is what a question took: the median of several times, and its answer.
type took struct {
	wall, cpu time.Duration
	answer    string
}

// asks is how often a question is asked; the first time warms up and does not
// count.
const asks = 4

func (n *node) measure(ctx context.Context, q question, more url.Values) (t took, err error) {
	var walls, cpus []time.Duration
	for i := range asks {
		var u usage
		begin := time.Now()
		err := measure(&u, func() (err error) {
			t.answer, err = n.ask(ctx, q.expr, q.from, q.to, q.step, more)
			return err
		})
		if err != nil {
			return t, err
		}
		if i > 0 {
			walls, cpus = append(walls, time.Since(begin)), append(cpus, u.cpu)
		}
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	t.wall, t.cpu = walls[len(walls)/2], cpus[len(cpus)/2]
	return t, nil
}

// line compares two ways to answer a question.
func (q question) line(before, after took) string {
	return fmt.Sprintf("%-44s %10.1f %10.1f %7.1fx wall %7.1fx CPU", q.name, millis(before.wall), millis(after.wall),
		float64(before.wall)/float64(after.wall), float64(before.cpu)/float64(after.cpu))
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

var errEmpty = errors.New("the answer is empty: the question means nothing")

// check refuses answers without samples.
func (t took) check() error {
	if !strings.Contains(t.answer, `"values"`) {
		return errEmpty
	}
	return nil
}
