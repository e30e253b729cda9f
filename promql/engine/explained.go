package engine

import (
	"fmt"
	"strings"

	"herringbone/storage/series"
)

// Explained is the answer of /api/v1/explain.
type Explained struct {
	Plan   *PlanNode     `json:"plan"`
	Text   string        `json:"text"`
	Totals ExplainTotals `json:"totals"`
}

// ExplainTotals are of the whole query; the storage figures are the sums over
// its selectors.
type ExplainTotals struct {
	PlanReads
	Seconds       float64  `json:"seconds"`         // Of the evaluation.
	QueuedSeconds float64  `json:"queued_seconds"`  // Before it, waiting for a slot.
	Samples       int64    `json:"engine_samples"`  // As stats=all reports them.
	PeakSamples   int64    `json:"engine_peak"`     // Likewise.
	Series        int      `json:"result_series"`   // Of the answer, which is not sent.
	Points        int      `json:"result_points"`   // Likewise.
	Parts         int      `json:"parts"`           // In which the range was evaluated.
	Whole         string   `json:"whole,omitempty"` // Why it is one part.
	Warnings      []string `json:"warnings,omitempty"`
	Infos         []string `json:"infos,omitempty"`
}

// Answer puts together what was gathered; verbose names every file.
func (x *Explanation) Answer(verbose bool) *Explained {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := &Explained{Totals: ExplainTotals{
		PlanReads: *newPlanReads(x.sum()),
		Seconds:   x.took.Seconds(), QueuedSeconds: x.waited.Seconds(),
		Samples: x.samples, PeakSamples: x.peak, Series: x.resultSeries, Points: x.resultPoints,
		Parts: x.parts, Whole: x.whole, Warnings: x.warnings, Infos: x.infos,
	}}
	p := planner{rest: x.selectors, choices: x.choices, verbose: verbose}
	e.Plan = p.node(x.expr)
	if len(x.others.Selections()) > 0 {
		other := &PlanNode{Type: "selector", Expr: "of functions"}
		p.reads(other, x.others)
		e.Plan.Children = append(e.Plan.Children, other)
	}
	var b strings.Builder
	e.Plan.writeText(&b, 0)
	x.writeTotals(&b, &e.Totals)
	e.Text = b.String()
	return e
}

func (x *Explanation) sum() series.Figures {
	sum := x.others.Figures()
	for _, t := range x.selectors {
		sum.Add(t.Figures())
	}
	return sum
}

func (x *Explanation) writeTotals(b *strings.Builder, t *ExplainTotals) {
	if x.step == 0 {
		fmt.Fprintf(b, "instant query at %s\n", planTime(x.start.UnixMilli()))
	} else {
		steps := x.end.Sub(x.start)/x.step + 1
		fmt.Fprintf(b, "range query from %s to %s, %d steps of %s\n", planTime(x.start.UnixMilli()), planTime(x.end.UnixMilli()), steps, x.step)
	}
	if x.whole == "" {
		fmt.Fprintf(b, "evaluated in %d parts at the same time; figures are sums over them\n", x.parts)
	} else {
		fmt.Fprintf(b, "evaluated as a whole: %s\n", x.whole)
	}
	fmt.Fprintf(b, "total: %.6f s (queued %.6f s before), %d files opened, %d pages of %d bytes read, %d pages from cache, %d samples decoded, %d returned\n",
		t.Seconds, t.QueuedSeconds, t.FilesOpened, t.PagesRead, t.BytesRead, t.PagesCached, t.SamplesDecoded, t.SamplesReturned)
	fmt.Fprintf(b, "result: %d series, %d points; engine: %d samples, %d at once\n", t.Series, t.Points, t.Samples, t.PeakSamples)
	for _, text := range append(append([]string(nil), t.Warnings...), t.Infos...) {
		fmt.Fprintf(b, "note: %s\n", text)
	}
}
