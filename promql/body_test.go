package promql

import (
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// endless counts what is read of a body that would never end.
type endless struct{ n int64 }

func (c *endless) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestBoundBody(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	for _, path := range []string{"query", "query_range", "query_exemplars", "format_query", "parse_query", "labels", "series", "read"} {
		t.Run(path, func(t *testing.T) {
			body := &endless{}
			r := httptest.NewRequest(http.MethodPost, "/api/v1/"+path, io.MultiReader(strings.NewReader("query="), body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusRequestEntityTooLarge || body.n > 4<<20 {
				t.Errorf("status %d after reading %d bytes of an endless body, want 413 before 4 MiB", w.Code, body.n)
			}
		})
	}
}

func TestBoundReadDecoded(t *testing.T) {
	declared := binary.AppendUvarint(nil, maxReadDecoded+1)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/read", strings.NewReader(string(declared)+"\x00x"))
	w := httptest.NewRecorder()
	testAPI(t, filled(t), nil).Handler().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "at most") {
		t.Errorf("a declared length of %d bytes: status %d, %s", maxReadDecoded+1, w.Code, w.Body)
	}
}

// TestUnreadableForm: a form that cannot be parsed is not an empty one.
func TestUnreadableForm(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/labels", strings.NewReader("match[]=%zz"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	testAPI(t, filled(t), nil).Handler().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d, want 400: %s", w.Code, w.Body)
	}
}
