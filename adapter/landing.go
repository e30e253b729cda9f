package main

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/version"
)

//go:embed landing.html
var landingPage string

//go:embed landing.css
var landingCSS string

// landingQueries work seconds after the first start, because the node scrapes
// itself.
var landingQueries = []struct{ About, Query string }{
	{"Is it there?", `up{job="herringbone"}`},
	{"How much memory does it use, in MiB?", `process_resident_memory_bytes{job="herringbone"} / 2^20`},
	{"Which metrics have the most series?", `topk(5, count by (__name__) ({job="herringbone"}))`},
}

// landing is the page at /: what this is, where its doors are, and three queries.
func landing() http.Handler {
	page := template.Must(template.New("landing").Parse(landingPage))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The only possible error is that the client has disconnected.
		_ = page.Execute(w, map[string]any{"Version": version.Version, "Queries": landingQueries})
	})
}

func landingStyle() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "landing.css", time.Time{}, strings.NewReader(landingCSS))
	})
}
