package bench

import (
	"context"
	"fmt"
	"time"

	"herringbone/sql/duck"
)

// plainDuck is DuckDB alone, in this process.
type plainDuck struct{ instance *duck.Instance }

// openPlain makes an instance with the settings of the node's children, but
// DuckDB's own functions.
func openPlain(ctx context.Context, o duck.Options) (*plainDuck, error) {
	o.Unlocked = true
	i, err := duck.Open(o)
	if err != nil {
		return nil, err
	}
	err = i.Exec(ctx, "DROP MACRO main.date_trunc", "DROP MACRO main.datetrunc", "DROP MACRO main.time_bucket")
	if err != nil {
		i.Close()
		return nil, err
	}
	return &plainDuck{i}, nil
}

// time runs a statement to the end of its rows.
func (p *plainDuck) time(ctx context.Context, statement string) (time.Duration, error) {
	begin := time.Now()
	err := p.each(ctx, statement, nil)
	return time.Since(begin), err
}

func (p *plainDuck) answer(ctx context.Context, statement string, keep bool) (*sqlAnswer, error) {
	a := &sqlAnswer{keep: keep}
	return a, p.each(ctx, statement, a)
}

func (p *plainDuck) each(ctx context.Context, statement string, a *sqlAnswer) error {
	res, err := p.instance.Query(ctx, statement, duck.Params{})
	if err != nil {
		return fmt.Errorf("ask DuckDB %.200s: %w", statement, err)
	}
	defer res.Close()
	for res.Next() {
		if a != nil {
			a.add(res.Batch())
		}
	}
	if err := res.Err(); err != nil {
		return fmt.Errorf("ask DuckDB %.200s: %w", statement, err)
	}
	return nil
}
