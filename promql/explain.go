package promql

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"herringbone/storage/series"
)

// explained is the answer of /api/v1/explain.
type explained struct {
	Plan   *planNode     `json:"plan"`
	Text   string        `json:"text"`
	Totals explainTotals `json:"totals"`
}

// explainTotals are of the whole query; the storage figures are the sums over
// its selectors.
type explainTotals struct {
	planReads
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

// serveExplain runs a query and answers what it cost, and where. The request
// goes to the handler of query or query_range, so that parameters, limits and
// errors are theirs; only the result is left out.
func (a *API) serveExplain(inner http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path, err := explainPath(r)
		if err != nil {
			a.respondError(w, r, http.StatusBadRequest, badData, err)
			return
		}
		x := &explanation{}
		answer := &keptAnswer{header: http.Header{}, code: http.StatusOK}
		inner.ServeHTTP(answer, innerRequest(r, x, path))
		if answer.code != http.StatusOK {
			answer.copyTo(w)
			return
		}
		e := x.answer(r.FormValue("verbose") == "1")
		if r.FormValue("format") == "text" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			if _, err := w.Write([]byte(e.Text)); err != nil {
				a.log.Debug("write response", "path", r.URL.Path, "err", err)
			}
			return
		}
		a.respond(w, r, e)
	}
}

var errExplainBoth = errors.New("give time for an instant query, or start, end and step for a range query, not both")

// explainPath is the path of the handler whose parameters the request has.
func explainPath(r *http.Request) (string, error) {
	if r.Form == nil {
		if err := r.ParseForm(); err != nil {
			return "", err
		}
	}
	isRange := r.Form.Has("start") || r.Form.Has("end") || r.Form.Has("step")
	switch {
	case isRange && r.Form.Has("time"):
		return "", errExplainBoth
	case isRange:
		return "/query_range", nil
	}
	return "/query", nil
}

// innerRequest is r for another path, whose answer stays here.
func innerRequest(r *http.Request, x *explanation, path string) *http.Request {
	in := r.Clone(withExplanation(r.Context(), x))
	in.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	in.RequestURI = path
	in.Header.Del("Accept-Encoding")
	return in
}

// keptAnswer is a ResponseWriter that keeps the answer, which is small: an error,
// or a result that was emptied.
type keptAnswer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header         { return k.header }
func (k *keptAnswer) WriteHeader(code int)        { k.code = code }
func (k *keptAnswer) Write(b []byte) (int, error) { return k.body.Write(b) }

func (k *keptAnswer) copyTo(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.WriteHeader(k.code)
	_, _ = w.Write(k.body.Bytes()) // The client is gone.
}

func (x *explanation) answer(verbose bool) *explained {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := &explained{Totals: explainTotals{
		planReads: *newPlanReads(x.sum()),
		Seconds:   x.took.Seconds(), QueuedSeconds: x.waited.Seconds(),
		Samples: x.samples, PeakSamples: x.peak, Series: x.resultSeries, Points: x.resultPoints,
		Parts: x.parts, Whole: x.whole, Warnings: x.warnings, Infos: x.infos,
	}}
	p := planner{rest: x.selectors, choices: x.choices, verbose: verbose}
	e.Plan = p.node(x.expr)
	if len(x.others.Selections()) > 0 {
		other := &planNode{Type: "selector", Expr: "of functions"}
		p.reads(other, x.others)
		e.Plan.Children = append(e.Plan.Children, other)
	}
	var b strings.Builder
	e.Plan.writeText(&b, 0)
	x.writeTotals(&b, &e.Totals)
	e.Text = b.String()
	return e
}

func (x *explanation) sum() series.Figures {
	sum := x.others.Figures()
	for _, t := range x.selectors {
		sum.Add(t.Figures())
	}
	return sum
}

func (x *explanation) writeTotals(b *strings.Builder, t *explainTotals) {
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
