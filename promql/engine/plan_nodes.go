package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// PlanNode is one node of an expression, as JSON.
type PlanNode struct {
	Type     string      `json:"type"`
	Expr     string      `json:"expr"`
	Matchers []string    `json:"matchers,omitempty"`
	MinTime  string      `json:"min_time,omitempty"` // Of the samples that were asked for.
	MaxTime  string      `json:"max_time,omitempty"`
	From     string      `json:"from,omitempty"`         // Samples, or which aggregates.
	Finer    string      `json:"from_because,omitempty"` // Why not coarser ones.
	Storage  *PlanReads  `json:"storage,omitempty"`
	Files    []planFile  `json:"files,omitempty"`
	Children []*PlanNode `json:"children,omitempty"`
}

// PlanReads are series.Figures.
type PlanReads struct {
	Selects         int64 `json:"selects"`
	FilesKnown      int64 `json:"files_known"`
	PrunedByTime    int64 `json:"files_pruned_by_time"`
	PrunedByTags    int64 `json:"files_pruned_by_partition"`
	PrunedByNames   int64 `json:"files_pruned_by_name"`
	FilesOpened     int64 `json:"files_opened"`
	FilesEmpty      int64 `json:"files_without_series"`
	SeriesInMemory  int64 `json:"series_in_memory"`
	SeriesInFiles   int64 `json:"series_in_files"`
	PagesRead       int64 `json:"pages_read"`
	BytesRead       int64 `json:"bytes_read"`
	PagesCached     int64 `json:"pages_cached"`
	SamplesDecoded  int64 `json:"samples_decoded"`
	SamplesReturned int64 `json:"samples_returned"`
}

type planFile struct {
	Name    string `json:"name"`
	Level   int    `json:"level"`
	Rows    int64  `json:"rows"`
	MinTime string `json:"min_time"`
	MaxTime string `json:"max_time"`
	Series  int64  `json:"series"` // That match.
}

func newPlanReads(f series.Figures) *PlanReads { r := PlanReads(f); return &r }

// planner makes the tree of an explanation.
type planner struct {
	rest    []*series.Trace     // Of selectors that were not met yet.
	choices []*queryable.Choice // Likewise, or nil.
	verbose bool
}

// node walks in the order of parser.Inspect.
func (p *planner) node(n parser.Node) *PlanNode {
	out := &PlanNode{Type: nodeType(n), Expr: queryable.WithoutRows(n.String())}
	switch n := n.(type) {
	case *parser.VectorSelector:
		p.selector(out, n)
		return out
	case *parser.MatrixSelector:
		p.selector(out, n.VectorSelector.(*parser.VectorSelector))
		return out
	}
	for child := range parser.ChildrenIter(n) {
		out.Children = append(out.Children, p.node(child))
	}
	return out
}

func (p *planner) selector(out *PlanNode, n *parser.VectorSelector) {
	for _, m := range n.LabelMatchers {
		out.Matchers = append(out.Matchers, m.String())
	}
	trace := p.rest[0]
	p.rest = p.rest[1:]
	if len(p.choices) > 0 {
		out.From, out.Finer = p.choices[0].From(), p.choices[0].Why
		p.choices = p.choices[1:]
	}
	p.reads(out, trace)
}

// reads puts what a selector's Selects found and read, of all parts together.
func (p *planner) reads(out *PlanNode, trace *series.Trace) {
	selections := trace.Selections()
	if len(selections) == 0 {
		return
	}
	out.Storage = newPlanReads(trace.Figures())
	minT, maxT := selections[0].Query().MinT, selections[0].Query().MaxT
	seen := map[string]bool{}
	for _, s := range selections {
		minT, maxT = min(minT, s.Query().MinT), max(maxT, s.Query().MaxT)
		for _, f := range s.Files() {
			if p.verbose && !seen[f.Name] {
				seen[f.Name] = true
				out.Files = append(out.Files, planFile{f.Name, f.Level, f.Rows, planTime(f.MinT), planTime(f.MaxT), f.Series})
			}
		}
	}
	out.MinTime, out.MaxTime = planTime(minT), planTime(maxT)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func planTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func nodeType(n parser.Node) string {
	switch n.(type) {
	case *parser.AggregateExpr:
		return "aggregate"
	case *parser.BinaryExpr:
		return "binary"
	case *parser.Call:
		return "call"
	case *parser.MatrixSelector:
		return "range_selector"
	case *parser.VectorSelector:
		return "selector"
	case *parser.SubqueryExpr:
		return "subquery"
	case *parser.ParenExpr:
		return "parentheses"
	case *parser.UnaryExpr:
		return "unary"
	case *parser.NumberLiteral:
		return "number"
	case *parser.StringLiteral:
		return "string"
	case *parser.StepInvariantExpr:
		return "once" // Evaluated at one step, the same for all.
	default:
		return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", n), "*parser."))
	}
}

// writeText writes n for people, indented by depth.
func (n *PlanNode) writeText(b *strings.Builder, depth int) {
	indent := strings.Repeat("  ", depth)
	fmt.Fprintf(b, "%s%s: %s\n", indent, n.Type, n.Expr)
	indent += "  "
	if len(n.Matchers) > 0 {
		fmt.Fprintf(b, "%smatchers: %s\n", indent, strings.Join(n.Matchers, ", "))
		if n.Storage == nil {
			fmt.Fprintf(b, "%snot read\n", indent)
		}
	}
	if n.From != "" {
		fmt.Fprintf(b, "%sfrom: %s%s\n", indent, n.From, because(n.Finer))
	}
	if s := n.Storage; s != nil {
		fmt.Fprintf(b, "%stime: %s to %s\n", indent, n.MinTime, n.MaxTime)
		fmt.Fprintf(b, "%sfiles: %d known, pruned %d by time, %d by partition, %d by name; %d opened, %d of them without a matching series\n",
			indent, s.FilesKnown, s.PrunedByTime, s.PrunedByTags, s.PrunedByNames, s.FilesOpened, s.FilesEmpty)
		fmt.Fprintf(b, "%sseries: %d in memory, %d in files\n", indent, s.SeriesInMemory, s.SeriesInFiles)
		fmt.Fprintf(b, "%sread: %d pages of %d bytes, %d samples decoded, %d pages from cache; %d samples returned\n",
			indent, s.PagesRead, s.BytesRead, s.SamplesDecoded, s.PagesCached, s.SamplesReturned)
	}
	for _, f := range n.Files {
		fmt.Fprintf(b, "%sfile %s: level %d, %d rows, %s to %s, %d matching series\n", indent, f.Name, f.Level, f.Rows, f.MinTime, f.MaxTime, f.Series)
	}
	for _, c := range n.Children {
		c.writeText(b, depth+1)
	}
}
