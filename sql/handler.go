package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"herringbone/sql/engine"
	"herringbone/sql/format"
	"herringbone/storage/series"
)

// Options steer New.
type Options struct {
	Engine *engine.Engine
	// Tenant reads the tenant from a request; its error is answered 400 if it wraps
	// series.ErrInvalid and 401 otherwise. nil: series.DefaultTenant.
	Tenant func(*http.Request) (series.Tenant, error)
	Logger *slog.Logger // nil: no logs.
}

// New makes the handler of /api/v1/sql.
func New(o Options) (http.Handler, error) {
	if o.Engine == nil {
		return nil, fmt.Errorf("SQL handler: no engine: %w", series.ErrInvalid)
	}
	if o.Tenant == nil {
		o.Tenant = func(*http.Request) (series.Tenant, error) { return series.DefaultTenant, nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1<<10), gzhttp.EnableZstd(true))
	if err != nil {
		return nil, fmt.Errorf("SQL handler: compression: %w", err)
	}
	h := &handler{o}
	return compress(http.HandlerFunc(h.serve)), nil
}

type handler struct{ opts Options }

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
		return
	}
	tenant, err := h.opts.Tenant(r)
	if err != nil {
		code := http.StatusUnauthorized
		if errors.Is(err, series.ErrInvalid) {
			code = http.StatusBadRequest
		}
		http.Error(w, err.Error(), code)
		return
	}
	req, o, err := readRequest(w, r)
	if err != nil {
		respondError(w, err)
		return
	}
	h.answer(r.Context(), w, tenant, req, o)
}

// answer streams the rows. Up to holdBack bytes wait until the end or more is
// known, so that a query that fails early is answered with its status; one that
// fails later has its connection cut, after its error as text.
func (h *handler) answer(ctx context.Context, w http.ResponseWriter, tenant series.Tenant, req *request, o format.Options) {
	held := &heldWriter{to: w, format: req.format}
	err := h.stream(ctx, held, tenant, req, o)
	if err == nil {
		err = held.release()
	}
	switch {
	case err == nil:
	case !held.released:
		if code := respondError(w, err); code == http.StatusInternalServerError {
			h.opts.Logger.Error("SQL query failed", "tenant", tenant, "err", err)
		}
	default:
		if ctx.Err() == nil {
			h.opts.Logger.Warn("SQL answer was cut short", "tenant", tenant, "err", err)
			held.fail(err)
		}
		panic(http.ErrAbortHandler)
	}
}

func (h *handler) stream(ctx context.Context, w io.Writer, tenant series.Tenant, req *request, o format.Options) (err error) {
	req.Relay = req.format == format.Arrow
	a, err := h.opts.Engine.Run(ctx, tenant, req.Request)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := a.Close(); err == nil {
			err = closeErr
		}
	}()
	if req.Relay && a.CanRelay() && format.AsIs(a.Schema) {
		return a.Relay(w)
	}
	if a.Plan {
		o.MaxWidth = -1
	}
	e, err := format.New(req.format, w, a.Schema, o)
	if err != nil {
		return err
	}
	for a.Next() {
		if err := e.Write(a.Batch()); err != nil {
			return err
		}
	}
	if err := a.Err(); err != nil {
		return err
	}
	return e.Close()
}

// holdBack is how much of an answer waits: the first bytes for their status, all
// others because large writes are cheaper.
const holdBack = 256 << 10

// holdFor is how long bytes wait after the first ones: who reads a slow answer
// line by line sees it grow.
const holdFor = 250 * time.Millisecond

// heldWriter holds bytes of an answer back.
type heldWriter struct {
	to       http.ResponseWriter
	format   format.Format
	held     []byte
	sent     time.Time // When bytes were sent last.
	released bool      // The status is out.
}

func (w *heldWriter) Write(b []byte) (int, error) {
	w.held = append(w.held, b...)
	if len(w.held) >= holdBack || w.released && time.Since(w.sent) > holdFor {
		return len(b), w.release()
	}
	return len(b), nil
}

// release sends what is held.
func (w *heldWriter) release() error {
	if !w.released {
		w.released = true
		w.to.Header().Set("Content-Type", w.format.ContentType())
		w.to.WriteHeader(http.StatusOK)
	}
	_, err := w.to.Write(w.held)
	w.held, w.sent = w.held[:0], time.Now()
	return err
}

// fail ends an answer that is under way with its error, where a person may read
// it. No program can take the answer for whole: its connection is cut.
func (w *heldWriter) fail(err error) {
	if w.format.Binary() || w.release() != nil {
		return
	}
	if _, writeErr := fmt.Fprintf(w.to, "\nerror: %v\n", err); writeErr != nil {
		return // The client has disconnected.
	}
	_ = http.NewResponseController(w.to).Flush()
}
