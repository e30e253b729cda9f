package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"herringbone/storage/series"
)

// refusal is an answer that the protocol prescribes and no class of error
// stands for. It wraps series.ErrInvalid: the request is at fault.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return series.ErrInvalid }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// statusOf is the only map from errors to HTTP. The second result is the
// Retry-After header in seconds, "" for none.
//
// A request that timed out or was cancelled is answered like overload: its
// outcome is unknown, and a sender drops what is answered 4xx.
func statusOf(err error) (status int, retryAfter string) {
	var r *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return http.StatusNoContent, ""
	case errors.As(err, &r):
		return r.status, ""
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, series.ErrOverload), gaveUp(err):
		return http.StatusServiceUnavailable, "1"
	case errors.Is(err, series.ErrNotReady):
		return http.StatusServiceUnavailable, "5"
	case errors.Is(err, series.ErrLimit):
		return http.StatusTooManyRequests, ""
	case errors.Is(err, series.ErrInvalid):
		return http.StatusBadRequest, ""
	default:
		return http.StatusInternalServerError, ""
	}
}

func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// rejectionError makes the error of a write that was stored in part, nil if
// nothing but exemplars was set aside. A tenant's limit alone is ErrLimit;
// anything else is ErrInvalid.
//
// The text is one line, because senders log the first line of an answer.
func rejectionError(w series.Written) error {
	class, bad := series.ErrLimit, false
	for _, r := range w.Rejected {
		if r.Reason == series.ReasonExemplar {
			continue
		}
		bad = true
		if r.Reason != series.ReasonLimit {
			class = series.ErrInvalid
		}
	}
	if !bad {
		return nil
	}
	return fmt.Errorf("partial write: %d samples, %d histograms and %d exemplars written; set aside: %s: %w",
		w.Samples, w.Histograms, w.Exemplars, rejectionList(w.Rejected), class)
}

func rejectionList(rejected []series.Rejection) string {
	parts := make([]string, len(rejected))
	for i, r := range rejected {
		parts[i] = fmt.Sprintf("%d %s (for example %s)", r.Count, r.Reason, oneLine(r.Example))
	}
	return strings.Join(parts, ", ")
}

// maxExample bounds one example in an answer, in bytes: a Prometheus sender
// reads 1 KiB of an answer.
const maxExample = 400

func oneLine(s string) string {
	s = strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
	if len(s) > maxExample {
		s = strings.ToValidUTF8(s[:maxExample], "") + "…"
	}
	return s
}
