package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/adapter/bench"
	"herringbone/compactor"
	"herringbone/promql"
	"herringbone/remote"
	"herringbone/storage"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// node is a node's parts under a simulated clock.
type node struct {
	clock     *clock
	catalog   *catalog.Catalog
	store     *storage.Store
	options   compactor.Options // Of compactor.
	compactor *compactor.Compactor
	write     http.Handler
	query     http.Handler
}

// openNode opens the parts in dir. Everything is as by default, but for what
// adjust changes; nil: nothing.
func openNode(ctx context.Context, dir string, c *clock, adjust func(*compactor.Options)) (n *node, err error) {
	n = &node{clock: c}
	b, err := bucket.Dir(fsys.OS, filepath.Join(dir, "objects"))
	if err != nil {
		return nil, err
	}
	co := catalog.DefaultOptions()
	co.Now = c.now
	if n.catalog, err = catalog.Open(ctx, filepath.Join(dir, "catalog.db"), co, prometheus.NewRegistry()); err != nil {
		return nil, err
	}
	so := storage.DefaultOptions()
	so.Dir, so.Now = dir, c.now
	log := slog.New(slog.DiscardHandler)
	if n.store, err = storage.Open(ctx, fsys.OS, b, n.catalog, so, prometheus.NewRegistry(), log); err != nil {
		return nil, errors.Join(err, n.catalog.Close())
	}
	if err := n.store.Replay(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	n.options = compactor.DefaultOptions()
	n.options.Catalog, n.options.Bucket, n.options.Node, n.options.Log, n.options.Now = n.catalog, b, so.Node, log, c.now
	if adjust != nil {
		adjust(&n.options)
	}
	if n.compactor, err = compactor.New(n.options); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, errors.Join(n.openServices(log))
}

func (n *node) openServices(log *slog.Logger) (err error) {
	w := remote.DefaultOptions()
	w.Sink, w.Logger = n.store, log
	// The load is all in the past of the real clock or of nobody's: a request is
	// made before the simulated time moves on.
	w.FutureLimit = 400 * 24 * time.Hour
	if n.write, err = remote.NewWriteHandler(w); err != nil {
		return err
	}
	q := promql.DefaultOptions()
	q.Source, q.Exemplars, q.Metadata, q.Aggregates, q.Logger = n.store, n.store, n.store, n.store, log
	q.Timeout = time.Hour
	q.MaxSamples = 2_000_000_000
	api, err := promql.New(q)
	if err != nil {
		return err
	}
	n.query = api.Handler()
	return nil
}

func (n *node) close() error {
	return errors.Join(n.store.Close(), n.catalog.Close())
}

// send gives one request to the remote-write handler.
func (n *node) send(ctx context.Context, r *bench.Requests, body []byte) error {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/write", bytes.NewReader(body))
	for name, value := range r.Headers() {
		req.Header.Set(name, value)
	}
	res := httptest.NewRecorder()
	n.write.ServeHTTP(res, req)
	if res.Code != http.StatusNoContent {
		return fmt.Errorf("write: status %d: %s", res.Code, res.Body)
	}
	return nil
}

// ask evaluates a range query and returns the answer's text.
func (n *node) ask(ctx context.Context, expr string, from, to time.Time, step time.Duration, more url.Values) (string, error) {
	form := url.Values{
		"query": {expr}, "start": {stamp(from)}, "end": {stamp(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	for name, values := range more {
		form[name] = values
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/query_range?"+form.Encode(), nil)
	res := httptest.NewRecorder()
	n.query.ServeHTTP(res, req)
	if res.Code != http.StatusOK {
		return "", fmt.Errorf("%s: status %d: %s", expr, res.Code, res.Body)
	}
	return res.Body.String(), nil
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// settle runs the compactor until it has nothing more to do.
func (n *node) settle(ctx context.Context) error {
	return n.compactor.Settle(ctx)
}

// level is what the catalog holds of one level and kind.
type level struct {
	files, rows, bytes int64
}

// levels sums up the catalog, by "kind L<n>".
func (n *node) levels() map[string]level {
	sums := map[string]level{}
	for f := range n.catalog.Snapshot().All() {
		key := fmt.Sprintf("%s L%d", f.Kind, f.Level)
		l := sums[key]
		l.files, l.rows, l.bytes = l.files+1, l.rows+f.Rows, l.bytes+f.Size
		sums[key] = l
	}
	return sums
}

// mostFiles is the greatest number of files of samples that one partition key has
// in one calendar month.
func (n *node) mostFiles() (most int) {
	count := map[string]int{}
	for f := range n.catalog.Snapshot().All() {
		if f.Kind != catalog.Samples {
			continue
		}
		month := time.UnixMilli(f.Day * series.DayMillis).UTC().Format("2006-01")
		count[f.Partition+month]++
		most = max(most, count[f.Partition+month])
	}
	return most
}

// onNode calls do with a node in dir (a temporary directory if that is empty) whose
// clock begins at start, and closes the node after it. change, which may be nil,
// changes the compactor's options.
func onNode(ctx context.Context, dir string, start time.Time, change func(*compactor.Options), do func(n *node, c *clock) error) (err error) {
	dir, remove, err := directory(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	c := newClock(start)
	n, err := openNode(ctx, dir, c, change)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	return do(n, c)
}
