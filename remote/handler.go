package remote

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"herringbone/storage/series"
)

// handler answers remote-write requests. It may be used from any goroutine.
type handler struct {
	opts    Options
	gate    *gate
	metrics *metrics
	pool    sync.Pool // of *request

	// scrub is called on a request's buffers when they go back to the pool; tests
	// overwrite them there.
	scrub func(*request)
}

// request is the memory that one request is read and decoded in.
type request struct {
	body    []byte
	decoded []byte
	decoder decoder
}

// maxPooled bounds the buffers of one request that the pool may keep, in bytes.
const maxPooled = 16 << 20

func (r *request) size() int {
	d := &r.decoder
	return cap(r.body) + cap(r.decoded) + d.keys.size() + cap(d.scratch) +
		8*cap(d.symbols.spans) + 24*cap(d.batch.Samples) + 48*cap(d.batch.Entries) +
		64*(cap(d.batch.Histograms)+cap(d.batch.Exemplars)+cap(d.batch.Metadata))
}

// NewWriteHandler returns a handler for remote write 1.0 and 2.0 that pours into
// o.Sink. It answers POST whatever the path. Errors are those of o.Validate.
//
// Status: 204 all written; 400 malformed, or written in part; 401 tenant; 405;
// 413 body too large; 415 media type or coding; 429 a tenant's limit; 500 fault
// of the store; 503 with Retry-After: overload, not ready, given up.
func NewWriteHandler(o Options) (http.Handler, error) { return newHandler(o) }

func newHandler(o Options) (*handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Tenant == nil {
		o.Tenant = func(*http.Request) (series.Tenant, error) { return series.DefaultTenant, nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := newMetrics(o.Registerer)
	return &handler{
		opts:    o,
		gate:    newGate(o, m),
		metrics: m,
		pool:    sync.Pool{New: func() any { return new(request) }},
		scrub:   func(*request) {},
	}, nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	v, err := negotiate(r)
	var written series.Written
	if err == nil {
		written, err = h.write(w, r, v)
	}
	status := h.answer(w, r, v, written, err)
	h.metrics.answered(v, status, time.Since(began))
}

// answer sends what became of the request and returns the status.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, v version, written series.Written, err error) int {
	if v == versionTwo {
		header := w.Header()
		header.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(written.Samples))
		header.Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(written.Histograms))
		header.Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(written.Exemplars))
	}
	status, retryAfter := statusOf(err)
	switch {
	case err == nil:
		w.WriteHeader(status)
		return status
	case retryAfter != "":
		w.Header().Set("Retry-After", retryAfter)
	case status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, err.Error(), status)
	h.log(r.Context(), status, err)
	return status
}

// log: what a sender did wrong or can repeat is its own business and counted.
func (h *handler) log(ctx context.Context, status int, err error) {
	level := slog.LevelDebug
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	h.opts.Logger.Log(ctx, level, "remote write refused", "status", status, "err", err)
}

// write takes one request from its body to the Sink. Written is what became
// durable, also where an error reports what did not.
func (h *handler) write(w http.ResponseWriter, r *http.Request, v version) (series.Written, error) {
	tenant, err := h.tenant(r)
	if err != nil {
		return series.Written{}, err
	}
	l := &lease{gate: h.gate}
	defer l.release()
	req := h.pool.Get().(*request)
	// After a panic the Sink may still hold the buffers: they are not put back.
	written, err := h.store(w, r, v, tenant, req, l)
	h.put(req)
	return written, err
}

func (h *handler) put(req *request) {
	req.decoder.batch.Reset() // Lets go of what was handed over.
	h.scrub(req)
	if req.size() <= maxPooled {
		h.pool.Put(req)
	}
}

func (h *handler) tenant(r *http.Request) (series.Tenant, error) {
	t, err := h.opts.Tenant(r)
	if errors.Is(err, series.ErrInvalid) {
		return "", refuse(http.StatusUnauthorized, "tenant: %v", err)
	}
	return t, err
}

func (h *handler) store(w http.ResponseWriter, r *http.Request, v version, tenant series.Tenant, req *request, l *lease) (series.Written, error) {
	ctx := r.Context()
	if err := h.receive(w, r, req, l); err != nil {
		return series.Written{}, err
	}
	if err := h.decode(ctx, v, req, l); err != nil {
		return series.Written{}, err
	}
	d := &req.decoder
	var written series.Written
	if len(d.batch.Entries)+len(d.batch.Metadata) > 0 {
		var err error
		if written, err = h.opts.Sink.Append(ctx, tenant, &d.batch); err != nil {
			return series.Written{}, err
		}
	}
	for _, rej := range d.setAside.Rejected {
		written.Reject(rej.Reason, rej.Count, func() string { return rej.Example })
	}
	h.metrics.stored(written)
	return written, rejectionError(written)
}

// receive reads the body into req.
func (h *handler) receive(w http.ResponseWriter, r *http.Request, req *request, l *lease) error {
	limit := h.opts.MaxBodyBytes
	if r.ContentLength > limit {
		return refuse(http.StatusRequestEntityTooLarge, "body of %d bytes, at most %d are allowed", r.ContentLength, limit)
	}
	most := limit
	if r.ContentLength >= 0 {
		most = r.ContentLength
	}
	var err error
	req.body, err = readBody(r.Context(), http.MaxBytesReader(w, r.Body, limit), most, req.body, l)
	h.metrics.bodyBytes.Add(float64(len(req.body)))
	return err
}

// decode takes a slot and leaves the batch in req.decoder.
func (h *handler) decode(ctx context.Context, v version, req *request, l *lease) error {
	n, err := decodedLen(req.body, h.opts.MaxDecodedBytes)
	if err != nil {
		return err
	}
	if err := l.enter(ctx); err != nil {
		return err
	}
	if err := l.reserve(ctx, n); err != nil {
		return err
	}
	if req.decoded, err = decompress(req.body, req.decoded, n); err != nil {
		return err
	}
	h.metrics.decodedBytes.Add(float64(n))
	reserve := func(n int64) error { return l.reserve(ctx, n) }
	req.decoder.reset(len(req.decoded), h.opts.Now().UnixMilli(), h.opts.FutureLimit, h.opts.MaxDecodedBytes, reserve)
	if v == versionTwo {
		return req.decoder.decodeTwo(req.decoded)
	}
	return req.decoder.decodeOne(req.decoded)
}
