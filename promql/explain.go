package promql

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"

	"herringbone/promql/engine"
)

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
		x := &engine.Explanation{}
		answer := &keptAnswer{header: http.Header{}, code: http.StatusOK}
		inner.ServeHTTP(answer, innerRequest(r, x, path))
		if answer.code != http.StatusOK {
			answer.copyTo(w)
			return
		}
		e := x.Answer(r.FormValue("verbose") == "1")
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
func innerRequest(r *http.Request, x *engine.Explanation, path string) *http.Request {
	in := r.Clone(engine.WithExplanation(r.Context(), x))
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
	_, _ = w.Write(k.body.Bytes()) // The client has disconnected.
}
