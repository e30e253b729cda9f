package storage

import (
	"context"
	"testing"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// A file that the catalog does not list any more is closed once nobody reads it,
// and readers that have it go on.
func TestForgetClosesRemovedFiles(t *testing.T) {
	r := newRig(t, nil)
	counted := &countingBucket{open: map[string]int{}}
	r.close()
	r.wrap = func(b bucket.Bucket) bucket.Bucket { counted.Bucket = b; return counted }
	r.open()
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
		n, _ := r.store.files.Stats()
		return n
	}
	r.store.Forget()
	if n := open(); n != 2 {
		t.Fatalf("%d files open, both are live", n)
	}
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
	if n := counted.open[removed.Name]; n != 0 {
		t.Errorf("the removed file is still open %d times after its last reader", n)
	}
	if got := len(r.times("m")); got != 1 {
		t.Errorf("%d samples are left", got)
	}
	for f := range r.store.Snapshot().All() {
		if _, err := r.catalog.Commit(ctx, catalog.Edit{Token: "remove the other", Remove: []string{f.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	r.store.Forget()
	if n, bytes := r.store.files.Stats(); n != 0 || bytes != 0 {
		t.Errorf("the cache counts %d bytes in %d files, it should have none", bytes, n)
	}
}

// countingBucket knows how often each object is open.
type countingBucket struct {
	bucket.Bucket
	open map[string]int
}

func (b *countingBucket) Open(ctx context.Context, name string) (bucket.Object, error) {
	o, err := b.Bucket.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	b.open[name]++
	return &countedObject{Object: o, closed: func() { b.open[name]-- }}, nil
}

type countedObject struct {
	bucket.Object
	closed func()
}

func (o *countedObject) Close() error {
	o.closed()
	return o.Object.Close()
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
