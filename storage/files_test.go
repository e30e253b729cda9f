package storage

import (
	"context"
	"testing"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// A file that the catalog does not list any more is closed once nobody reads it,
// and readers that have it go on.
func TestForgetClosesRemovedFiles(t *testing.T) {
	r := newRig(t, nil)
	for i := range int64(2) {
		r.append(floats("m", 1000+i))
		r.flush()
	}
	ctx := context.Background()
	set, err := r.store.Select(ctx, tenant, all())
	if err != nil {
		t.Fatal(err)
	}
	var removed *catalog.File
	for f := range r.store.Snapshot().All() {
		removed = f
	}
	open := func() int {
		r.store.files.mu.Lock()
		defer r.store.files.mu.Unlock()
		return len(r.store.files.open)
	}
	r.store.Forget()
	if n := open(); n != 2 {
		t.Fatalf("%d files open, both are live", n)
	}
	reading := r.store.files.open[removed.ID]
	if _, err := r.catalog.Commit(ctx, catalog.Edit{Token: "remove", Remove: []string{removed.ID}}); err != nil {
		t.Fatal(err)
	}
	r.store.Forget()
	if n := open(); n != 1 {
		t.Errorf("%d files open, one is live", n)
	}
	if err := r.bucket.Delete(ctx, removed.Name); err != nil {
		t.Fatal(err)
	}
	if got := len(readAll(t, set)["m"]); got != 2 {
		t.Errorf("the query that began before reads %d samples of 2", got)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := reading.object.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("the removed file is still open after its last reader")
	}
	if got := len(r.times("m")); got != 1 {
		t.Errorf("%d samples are left", got)
	}
	r.store.files.mu.Lock()
	defer r.store.files.mu.Unlock()
	var sum int64
	for _, o := range r.store.files.open {
		sum += o.index.SizeBytes()
	}
	if sum != r.store.files.bytes {
		t.Errorf("the cache counts %d bytes, its files have %d", r.store.files.bytes, sum)
	}
}

// readAll reads a set: the times of its series' samples, by metric.
func readAll(t *testing.T, set series.Set) map[string][]int64 {
	t.Helper()
	found := map[string][]int64{}
	for set.Next() {
		var samples series.Samples
		if err := set.At().Read(&samples); err != nil {
			t.Fatal(err)
		}
		name := set.At().Labels().Get("__name__")
		found[name] = append(found[name], samples.Times...)
	}
	return found
}
