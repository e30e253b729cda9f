package promql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/golang/snappy"
)

// Bounds of a request's body. Prometheus' handlers read up to 10 MiB of form or
// 32 MiB of remote read before anything else is asked, however many do so at once.
const (
	maxForm        = 1 << 20
	maxRead        = 256 << 10 // As sent.
	maxReadDecoded = 1 << 20   // As declared. A remote-read request is only matchers.
)

// boundBody refuses bodies that are too large before they cost memory, and forms
// that cannot be read: a handler that goes on without them answers another
// question.
func (a *API) boundBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch {
		case r.Method != http.MethodPost && r.Method != http.MethodPut:
		case strings.HasSuffix(r.URL.Path, "/read"):
			err = boundRead(w, r)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			err = r.ParseForm()
		}
		if err != nil {
			code := http.StatusBadRequest
			if errors.As(err, new(*http.MaxBytesError)) {
				code = http.StatusRequestEntityTooLarge
			}
			a.respondError(w, r, code, badData, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// boundRead reads the body of a remote-read request and puts it back.
func boundRead(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRead))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	n, err := snappy.DecodedLen(body)
	if err != nil {
		return fmt.Errorf("body of %d bytes is not a snappy block: %w", len(body), err)
	}
	if n > maxReadDecoded {
		return fmt.Errorf("body decodes to %d bytes, at most %d are allowed", n, maxReadDecoded)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
