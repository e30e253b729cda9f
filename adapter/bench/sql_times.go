package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// sqlTimes are the medians of one question, in milliseconds.
type sqlTimes struct {
	Query string  `json:"query"`
	Rows  int64   `json:"rows"`  // Of the answer.
	Bytes int64   `json:"bytes"` // Of the answer, as Arrow.
	Files int     `json:"files"` // That the question needs.
	Ours  float64 `json:"ours_ms"`
	// Plain is DuckDB alone on the files that we read, All on all files of the
	// data directory.
	Plain float64 `json:"plain_ms"`
	All   float64 `json:"plain_all_files_ms"`
	// Zoned and Zoneless are DuckDB alone on copies of the columns, whose times are
	// with and without a time zone; 0 if the question rounds no times.
	Zoned    float64 `json:"copy_zoned_ms,omitempty"`
	Zoneless float64 `json:"copy_zoneless_ms,omitempty"`
	Error    string  `json:"error,omitempty"`
}

// The bound of the promise: the ratio and what may come on top, in milliseconds.
const (
	mostRatio    = 1.3
	mostOverhead = 20
)

func (t sqlTimes) ratio() float64    { return t.Ours / t.Plain }
func (t sqlTimes) overhead() float64 { return t.Ours - mostRatio*t.Plain }

// askAll asks all questions and goes on after one that fails.
func (b *sqlBench) askAll(ctx context.Context, out io.Writer) (results []sqlTimes, err error) {
	for _, q := range sqlQuestions(b.Load) {
		if !strings.Contains(q.name, b.Only) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(out, "ask: %s\n", q.name)
		t, askErr := b.ask(ctx, q)
		if askErr != nil {
			t.Error = askErr.Error()
			err = errors.Join(err, fmt.Errorf("%s: %w", q.name, askErr))
		}
		results = append(results, t)
	}
	return results, err
}

// ask compares the answers, which warms everything up, and then takes times in
// alternation.
func (b *sqlBench) ask(ctx context.Context, q sqlQuestion) (t sqlTimes, err error) {
	t.Query = q.name
	names, err := b.client.planned(ctx, q.ours())
	if err != nil {
		return t, err
	}
	needed := make([]string, len(names))
	for i, n := range names {
		needed[i] = filepath.Join(b.objects(), filepath.FromSlash(n))
	}
	t.Files = len(needed)
	asked := map[*float64]string{&t.Plain: q.plain(needed, false), &t.All: q.plain(b.files, true)}
	if q.buckets {
		c, err := b.makeCopies(ctx, q.metric, needed)
		if err != nil {
			return t, err
		}
		asked[&t.Zoned], asked[&t.Zoneless] = q.plain(c.zoned, false), q.plain(c.zoneless, false)
	}
	if t.Rows, err = b.compare(ctx, q, asked[&t.Plain], asked[&t.All]); err != nil {
		return t, err
	}
	return t, b.takeTimes(ctx, q.ours(), &t, asked)
}

// takeTimes asks us and then every other one, round after round.
func (b *sqlBench) takeTimes(ctx context.Context, ours string, t *sqlTimes, others map[*float64]string) error {
	took := map[*float64][]time.Duration{}
	for range b.Runs {
		d, n, err := b.client.time(ctx, ours, false)
		if err != nil {
			return err
		}
		t.Bytes = n
		took[&t.Ours] = append(took[&t.Ours], d)
		for _, to := range []*float64{&t.Plain, &t.All, &t.Zoned, &t.Zoneless} {
			if others[to] == "" {
				continue
			}
			if d, err = b.plain.time(ctx, others[to]); err != nil {
				return err
			}
			took[to] = append(took[to], d)
		}
	}
	for to, all := range took {
		*to = summarise(all).P50
	}
	return nil
}

// compare wants the same answer from us and from DuckDB, over the files that we
// read and over all.
func (b *sqlBench) compare(ctx context.Context, q sqlQuestion, plain ...string) (rows int64, err error) {
	ours, err := b.client.answer(ctx, q.ours(), !q.whole, false)
	if err != nil {
		return 0, err
	}
	for _, text := range plain {
		want, err := b.plain.answer(ctx, text, !q.whole)
		if err != nil {
			return 0, err
		}
		if d := sqlDifference(want, ours); d != "" {
			return 0, fmt.Errorf("the answer differs from DuckDB's: %s", d)
		}
	}
	return ours.rows, nil
}

// copies are a metric's columns in a file of their own, twice: DuckDB rounds times
// without a zone faster, and only the two copies differ in nothing else.
type copies struct{ zoned, zoneless []string }

func (b *sqlBench) makeCopies(ctx context.Context, metric string, files []string) (*copies, error) {
	if b.copies != nil {
		return b.copies, nil
	}
	c := &copies{}
	for _, kind := range []struct {
		list *[]string
		typ  string
	}{{&c.zoned, "TIMESTAMPTZ"}, {&c.zoneless, "TIMESTAMP"}} {
		path := filepath.Join(b.temp(), strings.ToLower(kind.typ)+".parquet")
		err := b.plain.instance.Exec(ctx, fmt.Sprintf(
			"COPY (SELECT __name__, time::%s AS time, value, mode FROM %s WHERE __name__ = '%s') TO '%s' (FORMAT parquet, COMPRESSION zstd)",
			kind.typ, readParquet(files, false), metric, path))
		if err != nil {
			return nil, fmt.Errorf("copy columns: %w", err)
		}
		*kind.list = []string{path}
	}
	b.copies = c
	return c, nil
}
