package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/sql/plan"
	"herringbone/sql/worker"
	"herringbone/storage/block"
)

// report is what a query did, for its plan and the metrics.
type report struct {
	loaded         []string // Tables that were handed to the child.
	files          int      // Whose index was asked.
	hashed         int64    // Bytes.
	progress       *progress
	notProgressive string
}

// section is one row of a plan.
type section struct{ kind, text string }

// explain answers EXPLAIN: the plan is made as for running, and with ANALYZE the
// statement is run.
func (q *query) explain() (*Answer, error) {
	how := q.progressive()
	var ran *totals
	switch {
	case how != nil && q.command.Analyze:
		var err error
		if ran, err = q.runForPlan(how); err != nil {
			return nil, err
		}
	case how != nil:
		if _, err := q.prepareStep(how, 0); err != nil {
			return nil, err
		}
	default:
		if err := q.prepare(); err != nil {
			return nil, err
		}
	}
	sections, err := q.duckPlans()
	if err != nil {
		return nil, err
	}
	text, err := q.physical()
	if err != nil {
		return nil, err
	}
	sections = slices.Insert(sections, 1, section{"physical_plan", text})
	if q.command.Analyze {
		analyzed, err := q.analyze(ran)
		if err != nil {
			return nil, err
		}
		sections = append(sections, analyzed...)
	}
	if q.command.Verbose {
		sections = append(sections, section{"files", q.verbose()})
	}
	schema, batch := planBatch(sections)
	return &Answer{query: q, Schema: schema, ready: []arrow.RecordBatch{batch}, Plan: true}, nil
}

// totals are the figures of a run.
type totals struct {
	rows    int64
	seconds float64
}

func (q *query) runForPlan(how *progress) (*totals, error) {
	began := time.Now()
	a, err := q.runProgressively(how)
	if err != nil {
		return nil, err
	}
	t := &totals{seconds: time.Since(began).Seconds()}
	for _, b := range a.ready {
		t.rows += b.NumRows()
	}
	release(a.ready)
	return t, nil
}

// duckPlans are DuckDB's own: logical, optimised, physical.
func (q *query) duckPlans() ([]section, error) {
	list, err := q.texts("EXPLAIN " + q.statement.Text)
	if err != nil {
		return nil, err
	}
	var logical, optimised, physical string
	for _, s := range list {
		switch s.kind {
		case "logical_plan":
			logical = s.text
		case "logical_opt":
			optimised = s.text
		default:
			physical = s.text
		}
	}
	out := []section{{"logical_plan", logical}}
	if q.command.Verbose {
		out = append(out, section{"optimized_logical_plan", optimised})
	}
	return append(out, section{"duckdb_physical_plan", physical}), nil
}

// analyze runs the statement under DuckDB's profiler.
func (q *query) analyze(ran *totals) ([]section, error) {
	list, err := q.texts("EXPLAIN (ANALYZE, FORMAT json) " + q.statement.Text)
	if err != nil {
		return nil, err
	}
	var text string
	for _, s := range list {
		text += s.text
	}
	p, err := parseProfile(text)
	if err != nil {
		return nil, err
	}
	if ran == nil {
		ran = &totals{rows: p.rows(), seconds: p.Latency}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rows=%d, time=%s", ran.rows, seconds(ran.seconds))
	var files, bytes, memory int64
	for _, r := range q.relations {
		files, bytes, memory = files+r.pruned.opened, bytes+r.pruned.bytes, memory+r.loaded.Rows
		if r.indexed != nil {
			f := r.indexed.trace.Figures()
			files, bytes = files+f.FilesOpened-f.FilesEmpty, bytes+f.BytesRead
		}
	}
	fmt.Fprintf(&b, ", files=%d of %d, bytes=%d, unflushed rows=%d, checksums verified of %d bytes\n", files, filesKnown(q.relations), bytes, memory, q.report.hashed)
	p.write(&b, 0)
	return []section{{"analyzed_plan", q.hide(b.String())}}, nil
}

func filesKnown(relations []*relation) (n int) {
	for _, r := range relations {
		n += r.pruned.Known
	}
	return n
}

// texts runs a statement that answers with two columns of text.
func (q *query) texts(statement string) ([]section, error) {
	rows, err := q.session.Query(q.ctx, statement, q.request.Params, worker.QueryOptions{})
	if err != nil {
		return nil, q.shown(err)
	}
	defer rows.Close()
	var list []section
	for rows.Next() {
		b := rows.Batch()
		for i := range int(b.NumRows()) {
			list = append(list, section{b.Column(0).ValueStr(i), q.hide(b.Column(1).ValueStr(i))})
		}
	}
	return list, rows.Err()
}

// hide takes our directories and names of loaded tables out of DuckDB's words.
func (q *query) hide(text string) string {
	text = strings.ReplaceAll(text, q.session.Dir()+"/", "")
	for _, r := range q.relations {
		for _, s := range append([]*plan.Source{r.memory}, r.sources...) {
			if s != nil && s.Memory() && !r.direct {
				text = strings.ReplaceAll(text, s.Path, "handed_over")
			}
		}
	}
	return text
}

// physical is our plan, from what the statement gets down to the files.
func (q *query) physical() (string, error) {
	var b strings.Builder
	indent := 0
	if p := q.report.progress; p != nil {
		p.write(&b)
		indent = 1
	}
	for _, r := range q.relations {
		if err := q.physicalOf(&b, r, indent); err != nil {
			return "", err
		}
	}
	if q.report.progress == nil {
		fmt.Fprintf(&b, "no progressive evaluation: %s\n", q.report.notProgressive)
	}
	return b.String(), nil
}

func line(b *strings.Builder, indent int, format string, args ...any) {
	b.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(b, format, args...)
	b.WriteByte('\n')
}

func (q *query) physicalOf(b *strings.Builder, r *relation, indent int) error {
	line(b, indent, "UnionExec: table %q", r.ref.Name)
	line(b, indent+1, "projection=[%s]", q.projection(r))
	line(b, indent+1, "pruning_predicate=%s", r.predicate())
	line(b, indent+1, "files=%d, pruned: by time %d, by partition tags %d, by metric names %d, by series index %d; opened %d",
		r.pruned.Known, r.pruned.Time, r.pruned.Tags, r.pruned.Names, r.pruned.bySeries, r.pruned.opened)
	if r.table.Resolution > 0 {
		line(b, indent+1, "AggregatesExec: buckets of %v; those that units of files share are made one", time.Duration(r.table.Resolution)*time.Millisecond)
	}
	if r.pruned.masked > 0 {
		line(b, indent+1, "MaskExec: deletes or retention hide rows of %d files", r.pruned.masked)
	}
	grouped := map[int]bool{}
	for i, g := range r.groups {
		line(b, indent+1, "DeduplicateExec: group %d, shared time=%s, the later write wins, a real value beats a staleness marker", i+1, span(g.MinT, g.MaxT))
		line(b, indent+2, "MergeExec: sources=%d", len(g.Sources))
		for _, k := range g.Sources {
			grouped[k] = true
			if err := q.scan(b, r, []*plan.Source{r.sources[k]}, indent+3); err != nil {
				return err
			}
		}
		line(b, indent+1, "ParquetExec: the same sources outside of the shared time, plain")
	}
	var plain []*plan.Source
	for i, s := range r.sources {
		if !grouped[i] {
			plain = append(plain, s)
		}
	}
	return q.scan(b, r, plain, indent+1)
}

// scan describes sources that one scan reads, level by level.
func (q *query) scan(b *strings.Builder, r *relation, sources []*plan.Source, indent int) error {
	byLevel := map[int][]*plan.Source{}
	var levels []int
	for _, s := range sources {
		if s.Memory() && r.indexed != nil {
			f := r.indexed.trace.Figures()
			line(b, indent, "SeriesIndexExec: rows=%d of %d series, files=%d, pages=%d, bytes=%d, from the page cache=%d, time=%s",
				s.Rows, len(r.indexed.Refs), f.FilesOpened-f.FilesEmpty, f.PagesRead, f.BytesRead, f.PagesCached, span(s.MinT, s.MaxT))
			continue
		}
		if s.Memory() {
			line(b, indent, "RecordBatchesExec: unflushed rows=%d of %d series, time=%s", s.Rows, len(r.loaded.Refs), span(s.MinT, s.MaxT))
			continue
		}
		if byLevel[s.File.Level] == nil {
			levels = append(levels, s.File.Level)
		}
		byLevel[s.File.Level] = append(byLevel[s.File.Level], s)
	}
	slices.Sort(levels)
	for _, level := range levels {
		g, err := q.rowGroups(r, byLevel[level])
		if err != nil {
			return err
		}
		line(b, indent, "ParquetExec: level=%d, files=%d, time=%s, rows=%d, row groups with matching series=%d of %d (%d of %d bytes)",
			level, len(byLevel[level]), span(g.minT, g.maxT), g.rows, g.used, g.all, g.usedBytes, g.bytes)
	}
	return nil
}

// groupCount sums up the row groups of files.
type groupCount struct {
	minT, maxT       int64
	rows, used, all  int64
	usedBytes, bytes int64
}

func (q *query) rowGroups(r *relation, files []*plan.Source) (groupCount, error) {
	c := groupCount{minT: plan.MaxTime, maxT: plan.MinTime}
	for _, s := range files {
		c.minT, c.maxT, c.rows = min(c.minT, s.MinT), max(c.maxT, s.MaxT), c.rows+s.Rows
		index, release, err := q.index(q.ctx, r, s.File)
		if err != nil {
			return c, err
		}
		layout, err := index.Layout()
		refs := s.Refs(r.minT(), r.maxT())
		release()
		if err != nil {
			return c, err
		}
		for _, g := range layout.RowGroups {
			c.all, c.bytes = c.all+1, c.bytes+g.Bytes
			if slices.ContainsFunc(refs, func(ref block.Ref) bool {
				return ref.FirstRow < g.FirstRow+g.Rows && ref.FirstRow+ref.Rows > g.FirstRow
			}) {
				c.used, c.usedBytes = c.used+1, c.usedBytes+g.Bytes
			}
		}
	}
	return c, nil
}

func (p *progress) write(b *strings.Builder) {
	order := "time ASC"
	if p.desc {
		order = "time DESC"
	}
	line(b, 0, "ProgressiveEvalExec: %s, %s, sources=%d in time order, step %d of at most %d", p.kind, order, len(p.ordered), p.done, len(p.steps))
	for i, t := range p.tried {
		line(b, 1, "step %d: %s", i+1, t)
	}
}

func (p *progress) describe(s plan.Step, live int) string {
	sign := ">="
	if !p.desc {
		sign = "<="
	}
	return fmt.Sprintf("time %s %s, sources=%d, with matching series=%d", sign, instant(s.Cut), s.Count, live)
}

// verbose lists every file that the statement reads.
func (q *query) verbose() string {
	var b strings.Builder
	for _, r := range q.relations {
		line(&b, 0, "table %q: view", r.ref.Name)
		for _, s := range r.sources {
			if s.Memory() && r.indexed != nil {
				for _, selection := range r.indexed.trace.Selections() {
					for _, f := range selection.Files() {
						line(&b, 1, "%s: level=%d, rows=%d, series=%d by index", f.Name, f.Level, f.Rows, f.Series)
					}
				}
				continue
			}
			if s.Memory() {
				line(&b, 1, "memory: rows=%d, series=%d, time=%s", s.Rows, len(r.loaded.Refs), span(s.MinT, s.MaxT))
				continue
			}
			f := s.File
			line(&b, 1, "%s: level=%d, sequence=%d, bytes=%d, rows=%d, series=%d of %d, time=%s, label columns=[%s], in map=[%s]", f.Name, f.Level, f.Seq, f.Size, f.Rows,
				len(s.Refs(r.minT(), r.maxT())), f.Series, span(f.MinT, f.MaxT), strings.Join(s.Columns, ", "), strings.Join(s.Mapped, ", "))
		}
	}
	return b.String()
}

// planBatch makes a row of each line.
func planBatch(sections []section) (*arrow.Schema, arrow.RecordBatch) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "plan_type", Type: arrow.BinaryTypes.String}, {Name: "plan", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, s := range sections {
		for text := range strings.SplitSeq(strings.TrimRight(s.text, "\n"), "\n") {
			b.Field(0).(*array.StringBuilder).Append(s.kind)
			b.Field(1).(*array.StringBuilder).Append(text)
		}
	}
	return schema, b.NewRecordBatch()
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond).String()
}
