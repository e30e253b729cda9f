package bench

import (
	"context"
	"fmt"
	"time"
)

// lastTimes are the times of a question for last values.
type lastTimes struct {
	Query       string  `json:"query"`
	Progressive bool    `json:"progressive"`
	Runs        int     `json:"runs"`
	Median      float64 `json:"median_ms"`
	P90         float64 `json:"p90_ms"`
	Opened      int     `json:"files_opened"`
	Files       int     `json:"files"`
}

// lastQuestion is a question for last values over one range.
type lastQuestion struct {
	name      string
	statement string
	whole     bool // Without progressive evaluation.
}

// The names of the questions that the promise is about.
const (
	lastHour      = "last value, range of an hour"
	lastYear      = "last value, range of a year"
	lastYearWhole = "last value, range of a year, progressive=false"
)

// lastQuestions look back from now, and so that much further than the end of the
// data, which may be of an earlier run.
func lastQuestions(l SQLLoad, now time.Time) []lastQuestion {
	age := now.Sub(l.End)
	last := func(back time.Duration) string {
		return fmt.Sprintf("SELECT time, value FROM %s WHERE instance = '%s' AND time > now() - INTERVAL '%d seconds' ORDER BY time DESC LIMIT 1",
			metricYear, sqlInstance(l.YearSeries/2), int64((back + age).Seconds()))
	}
	year := last(time.Duration(l.YearDays) * day)
	each := fmt.Sprintf("SELECT instance, arg_max(value, time) AS value FROM %s GROUP BY instance", metricYear)
	return []lastQuestion{
		{lastHour, last(time.Hour), false},
		{"last value, range of a day", last(day), false},
		{"last value, range of 30 days", last(min(30, time.Duration(l.YearDays)) * day), false},
		{lastYear, year, false},
		{lastYearWhole, year, true},
		{"last value of each series", each, false},
		{"last value of each series, progressive=false", each, true},
	}
}

// lastValues asks the short questions in alternation; those that read everything
// are asked less often.
func (b *sqlBench) lastValues(ctx context.Context) ([]lastTimes, error) {
	list := lastQuestions(b.Load, time.Now())
	if err := b.compareLast(ctx, list); err != nil {
		return nil, err
	}
	took := make([][]time.Duration, len(list))
	for run := range b.LastRuns {
		for i, q := range list {
			if q.whole && run >= b.Runs {
				continue
			}
			d, _, err := b.client.time(ctx, q.statement, q.whole)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.name, err)
			}
			took[i] = append(took[i], d)
		}
	}
	results := make([]lastTimes, len(list))
	for i, q := range list {
		s := summarise(took[i])
		results[i] = lastTimes{Query: q.name, Progressive: !q.whole, Runs: len(took[i]), Median: s.P50, P90: s.P90}
		if q.whole {
			continue
		}
		var err error
		if results[i].Opened, results[i].Files, err = b.client.opened(ctx, q.statement); err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
	}
	return results, nil
}

// compareLast wants the answers that DuckDB gives over all files.
func (b *sqlBench) compareLast(ctx context.Context, list []lastQuestion) error {
	from := " FROM (SELECT * FROM " + readParquet(b.files, true) + " WHERE __name__ = '" + metricYear + "')"
	one, err := b.plain.answer(ctx, fmt.Sprintf("SELECT time, value%s WHERE instance = '%s' ORDER BY time DESC LIMIT 1", from, sqlInstance(b.Load.YearSeries/2)), true)
	if err != nil {
		return err
	}
	each, err := b.plain.answer(ctx, "SELECT instance, arg_max(value, time) AS value"+from+" GROUP BY instance", true)
	if err != nil {
		return err
	}
	for i, q := range list {
		want := one
		if i >= len(list)-2 {
			want = each
		}
		got, err := b.client.answer(ctx, q.statement, true, q.whole)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		if d := sqlDifference(want, got); d != "" {
			return fmt.Errorf("%s: the answer differs from DuckDB's: %s", q.name, d)
		}
	}
	return nil
}
