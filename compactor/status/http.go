package status

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"herringbone/storage/series"
)

//go:embed status.html
var statusPage string

//go:embed status.css
var statusCSS string

// StatusHandler answers with the Status as JSON, in the envelope of Prometheus'
// API.
func JSON(from func() Status) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, envelope{Status: "success", Data: from()})
	})
}

// Page answers with the Status as HTML, without scripts. It expects PageStyle as
// compactor.css beside it.
func Page(from func() Status) http.Handler {
	page := template.Must(template.New("status").Funcs(template.FuncMap{
		"bytes": humanBytes,
		"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"sum":   sumOf,
	}).Parse(statusPage))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		// The only possible error is that the client has disconnected.
		_ = page.Execute(w, from())
	})
}

// PageStyle is the style sheet of Page.
func PageStyle() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "compactor.css", time.Time{}, strings.NewReader(statusCSS))
	})
}

// sumOf is the number of files, their rows and bytes.
func sumOf(files []FileRecord) string {
	var rows, bytes int64
	for _, f := range files {
		rows += f.Rows
		bytes += f.Bytes
	}
	if len(files) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d files, %d rows, %s", len(files), rows, humanBytes(bytes))
}

func humanBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, i := float64(n)/1024, 0
	for ; x >= 1024 && i < len(units)-1; i++ {
		x /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", x, units[i])
}

// envelope is the form of every answer of Prometheus' API.
type envelope struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

func respond(w http.ResponseWriter, code int, e envelope) {
	body, err := json.Marshal(e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // The client may have disconnected.
}

func respondError(w http.ResponseWriter, code int, kind string, err error) {
	respond(w, code, envelope{Status: "error", ErrorType: kind, Error: err.Error()})
}

// respondFailure answers an error of the catalog by its class.
func respondFailure(w http.ResponseWriter, err error) {
	if errors.Is(err, series.ErrOverload) || errors.Is(err, series.ErrNotReady) {
		w.Header().Set("Retry-After", "1")
		respondError(w, http.StatusServiceUnavailable, "unavailable", err)
		return
	}
	respondError(w, http.StatusInternalServerError, "internal", err)
}
