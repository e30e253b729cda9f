package engine

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/sql/plan"
	"herringbone/sql/worker"
	"herringbone/storage/catalog"
)

// maxBuffered is the greatest LIMIT that is answered progressively: the rows of a
// step are held until it is known whether they are enough.
const maxBuffered = 100_000

// progress is how a statement is evaluated progressively: over the rows with time
// from a cut on, then over more, until enough says that older rows (newer ones,
// ascending) cannot change the answer. The statement itself is never changed, so
// whatever it computes of its rows is right when it is done.
type progress struct {
	kind    string
	desc    bool
	enough  func(batches []arrow.RecordBatch, rows int64) bool
	ordered []*plan.Source // Files are not open yet; memory is loaded.
	steps   []plan.Step

	done  int // Steps that ran.
	tried []string
}

// progressive decides whether the statement is evaluated progressively, and
// leaves the reason if not.
func (q *query) progressive() *progress {
	p, why := q.whetherProgressive()
	if p == nil {
		q.report.notProgressive = why
		return nil
	}
	r := q.relations[0]
	var sources []*plan.Source
	for _, f := range r.files {
		sources = append(sources, &plan.Source{File: f, MinT: max(f.MinT, r.minT()), MaxT: min(f.MaxT, r.maxT())})
	}
	if r.memory != nil {
		sources = append(sources, r.memory)
	}
	if len(sources) < 2 {
		q.report.notProgressive = fmt.Sprintf("there are only %d files and rows in memory", len(sources))
		return nil
	}
	p.ordered = plan.Order(sources, p.desc)
	p.steps = plan.Steps(p.ordered, p.desc)
	q.report.progress = p
	return p
}

func (q *query) whetherProgressive() (p *progress, why string) {
	st := q.statement
	switch {
	case q.request.Whole:
		return nil, "it was switched off"
	case len(q.relations) != 1 || len(st.Tables) != 1:
		return nil, st.WhyNotTop
	case aggregated(q.relations):
		return nil, "it reads aggregates"
	case st.Top != nil && st.Top.Rows > maxBuffered:
		return nil, fmt.Sprintf("LIMIT and OFFSET are above %d", maxBuffered)
	case st.Top != nil:
		want := st.Top.Limit
		return &progress{
			kind: "top", desc: st.Top.Desc,
			enough: func(_ []arrow.RecordBatch, rows int64) bool { return rows >= want },
		}, ""
	case st.Last != nil:
		return q.lastOfEach()
	}
	why = st.WhyNotTop
	if st.WhyNotLast != "" && st.WhyNotLast != why {
		why += "; as last value of each series: " + st.WhyNotLast
	}
	return nil, why
}

// lastOfEach: the last value by label is found when every group that exists has
// its row and no aggregate is null: see syntax.Last. Which groups exist is known
// from the series indexes.
func (q *query) lastOfEach() (*progress, string) {
	r, last := q.relations[0], q.statement.Last
	if err := q.open(r, r.files); err != nil {
		return nil, err.Error()
	}
	groups, ok := q.countGroups(r, last.Group)
	if !ok {
		return nil, "it is grouped by a column that is no label"
	}
	return &progress{
		kind: "last of each", desc: last.Desc,
		enough: func(batches []arrow.RecordBatch, rows int64) bool {
			return rows >= int64(groups) && !anyNull(batches, last.Aggregates)
		},
	}, ""
}

// countGroups counts the different values of the columns over all series that
// the statement may see.
func (q *query) countGroups(r *relation, columns []string) (int, bool) {
	names := make([]string, len(columns))
	for i, name := range columns {
		c, ok := r.table.Find(name)
		if !ok || c.Kind != plan.Label && c.Kind != plan.Name {
			return 0, false
		}
		names[i] = c.Label
		if c.Kind == plan.Name {
			names[i] = plan.NameColumn
		}
	}
	seen := map[string]struct{}{}
	sources := r.live(r.files)
	if r.memory != nil {
		sources = append(sources, r.memory)
	}
	var key strings.Builder
	for _, s := range sources {
		for _, ref := range s.Refs(r.minT(), r.maxT()) {
			key.Reset()
			for _, n := range names {
				key.WriteString(ref.Labels.Get(n))
				key.WriteByte(0)
			}
			seen[key.String()] = struct{}{}
		}
	}
	return len(seen), true
}

func anyNull(batches []arrow.RecordBatch, columns []int) bool {
	for _, b := range batches {
		for _, c := range columns {
			if c < int(b.NumCols()) && b.Column(c).NullN() > 0 {
				return true
			}
		}
	}
	return false
}

// runProgressively runs step after step and returns the rows of the one that was
// enough.
func (q *query) runProgressively(p *progress) (*Answer, error) {
	for i := range p.steps {
		ready, err := q.prepareStep(p, i)
		if err != nil {
			return nil, err
		}
		last := i == len(p.steps)-1
		if !last {
			q.prefetch(p.adds(i + 1))
		}
		if !ready && !last {
			continue
		}
		schema, batches, rows, err := q.collect()
		if err != nil {
			return nil, err
		}
		if last || p.enough(batches, rows) {
			return &Answer{query: q, Schema: schema, ready: batches}, nil
		}
		release(batches)
	}
	return nil, fmt.Errorf("BUG: a progressive evaluation without a last step")
}

// adds are the sources that step i has and the one before has not.
func (p *progress) adds(i int) []*plan.Source {
	from := 0
	if i > 0 {
		from = p.steps[i-1].Count
	}
	return p.ordered[from:p.steps[i].Count]
}

// prepareStep makes the view of step i. ready is false if it is the same as
// nothing: no file of it has a matching series.
func (q *query) prepareStep(p *progress, i int) (ready bool, err error) {
	r, step := q.relations[0], p.steps[i]
	var added []*catalog.File
	for _, s := range p.adds(i) {
		if !s.Memory() {
			added = append(added, s.File)
		}
	}
	if err := q.open(r, added); err != nil {
		return false, err
	}
	in := map[string]bool{}
	memory := false
	for _, s := range p.ordered[:step.Count] {
		if s.Memory() {
			memory = true
		} else {
			in[s.File.ID] = true
		}
	}
	var sources []*plan.Source
	for _, f := range r.files { // In the order of writing.
		if s := r.opened[f.ID]; s != nil && in[f.ID] {
			sources = append(sources, s)
		}
	}
	if memory {
		sources = append(sources, r.memory)
	}
	p.done = i + 1
	p.tried = append(p.tried, p.describe(step, len(sources)))
	if len(sources) == 0 && i < len(p.steps)-1 {
		return false, nil
	}
	minT, maxT := r.minT(), r.maxT()
	if p.desc {
		minT = max(minT, step.Cut)
	} else {
		maxT = min(maxT, step.Cut)
	}
	return true, q.makeView(r, sources, minT, maxT)
}

// collect runs the statement and holds its rows.
func (q *query) collect() (*arrow.Schema, []arrow.RecordBatch, int64, error) {
	rows, err := q.session.Query(q.ctx, q.statement.Text, q.request.Params, worker.QueryOptions{MaxRows: q.engine.opts.MaxRows, MaxBytes: q.engine.opts.MaxBytes})
	if err != nil {
		return nil, nil, 0, q.shown(err)
	}
	defer rows.Close()
	var batches []arrow.RecordBatch
	var n int64
	for rows.Next() {
		b := rows.Batch()
		b.Retain()
		batches = append(batches, b)
		n += b.NumRows()
	}
	if err := rows.Err(); err != nil {
		release(batches)
		return nil, nil, 0, q.shown(err)
	}
	return rows.Schema(), batches, n, nil
}

func release(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// prefetchFiles bounds what is read ahead of a step.
const prefetchFiles = 4

// prefetch makes the kernel read the files of the next step while this one runs.
func (q *query) prefetch(sources []*plan.Source) {
	n := 0
	for _, s := range sources {
		if s.Memory() || n == prefetchFiles {
			continue
		}
		n++
		q.engine.verified.prefetch(q.ctx, s.File)
	}
}
