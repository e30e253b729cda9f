package compactor

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

func (y *testNode) remove(files ...catalog.File) {
	y.t.Helper()
	var e catalog.Edit
	for _, f := range files {
		e.Remove = append(e.Remove, f.ID)
	}
	y.commit(e)
}

func TestCollectLeavesQueriesTheirFiles(t *testing.T) {
	y := newTestNode(t, nil)
	f := y.add(nil)[0]
	snapshot := y.catalog.Snapshot() // What a query holds.
	y.remove(f)
	read := func() error {
		for f := range snapshot.All() {
			o, err := y.bucket.Open(t.Context(), f.Name)
			if err != nil {
				return err
			}
			defer o.Close()
			if _, err := io.Copy(io.Discard, io.NewSectionReader(o, 0, f.Size)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, age := range []time.Duration{0, y.opts.LongestQuery, y.opts.Collect.Grace} {
		y.must(y.Collect(t.Context(), y.now.Add(age)))
		if err := read(); err != nil {
			t.Fatalf("%v after the removal: %v", age, err)
		}
	}
	y.must(y.Collect(t.Context(), y.now.Add(y.opts.Collect.Grace+time.Millisecond)))
	if y.has(f.Name) {
		t.Error("the object is still there")
	}
	if left, err := y.catalog.Deleted(t.Context(), y.now.Add(1000*hours), 10); err != nil || len(left) > 0 {
		t.Errorf("rows left: %v, %v", left, err)
	}
}

func TestCollectGoesByTheCatalogAlone(t *testing.T) {
	y := newTestNode(t, nil)
	live := y.add(nil)[0]
	y.put("default/stray.parquet", []byte("x"))
	y.must(y.Collect(t.Context(), y.now.Add(1000*hours)))
	if !y.has("default/stray.parquet") || !y.has(live.Name) {
		t.Error("an object was deleted that no removed file names")
	}
}

// cutBucket fails to delete one object, and with it dies: from then on nothing
// works.
type cutBucket struct {
	bucket.Bucket
	after int // Deletes that work.
	err   error
}

func (b *cutBucket) Delete(ctx context.Context, name string) error {
	if b.after--; b.after < 0 {
		return b.err
	}
	return b.Bucket.Delete(ctx, name)
}

func TestCollectMayBeCutOffAnywhere(t *testing.T) {
	t.Run("before some objects are deleted", func(t *testing.T) {
		y := newTestNode(t, nil)
		files := y.add(nil, nil, nil)
		y.remove(files...)
		y.rebuild(func(o *Options) { o.Bucket = &cutBucket{Bucket: y.bucket, after: 1, err: errTest} })
		late := y.now.Add(2 * hours)
		if err := y.Collect(t.Context(), late); !errors.Is(err, errTest) {
			t.Fatalf("collected: %v", err)
		}
		if left, _ := y.catalog.Deleted(t.Context(), late, 10); len(left) != 2 {
			t.Errorf("%d rows are left of 2 objects", len(left))
		}
		y.rebuild(nil)
		y.must(y.Collect(t.Context(), late))
		for _, f := range files {
			if y.has(f.Name) {
				t.Errorf("object %s is still there", f.Name)
			}
		}
	})
	t.Run("between objects and rows", func(t *testing.T) {
		y := newTestNode(t, nil)
		f := y.add(nil)[0]
		y.remove(f)
		y.must(y.bucket.Delete(t.Context(), f.Name))
		late := y.now.Add(2 * hours)
		y.must(y.Collect(t.Context(), late))
		if left, _ := y.catalog.Deleted(t.Context(), late, 10); len(left) != 0 {
			t.Errorf("%d rows are left of no object", len(left))
		}
	})
}

func TestCollectRefusesToDeleteTooMuch(t *testing.T) {
	few := func(o *Options) { o.Collect.MinFiles = 3 }
	fill := func(y *testNode) []catalog.File {
		var files []catalog.File
		for i := range 6 {
			files = append(files, y.add(func(f *catalog.File) { f.Partition = name(i) })...)
		}
		return files
	}
	t.Run("what nothing took the place of", func(t *testing.T) {
		y := newTestNode(t, few)
		files := fill(y)
		y.remove(files[:4]...)
		err := y.Collect(t.Context(), y.now.Add(2*hours))
		if !errors.Is(err, plan.ErrRefused) || !strings.Contains(err.Error(), "collection.max_share") {
			t.Fatalf("collected: %v", err)
		}
		for _, f := range files {
			if !y.has(f.Name) {
				t.Errorf("object %s was deleted all the same", f.Name)
			}
		}
		y.rebuild(func(o *Options) { few(o); o.Collect.MaxShare = 0.9 })
		y.must(y.Collect(t.Context(), y.now.Add(2*hours)))
		if y.has(files[0].Name) || !y.has(files[5].Name) {
			t.Error("with a larger share the wrong objects are there")
		}
	})
	t.Run("but not a few files", func(t *testing.T) {
		y := newTestNode(t, few)
		files := fill(y)
		y.remove(files[3:]...)
		y.must(y.Collect(t.Context(), y.now.Add(2*hours)))
	})
	t.Run("nor what compaction replaced, whatever its share", func(t *testing.T) {
		y := newTestNode(t, few)
		y.add(nil, nil, nil, nil, nil, nil, nil, nil)
		y.must(y.Settle(t.Context()))
		y.must(y.Collect(t.Context(), y.now.Add(2*hours)))
		if got := y.metric("herringbone_compactor_collected_files_total"); got != 8 {
			t.Errorf("%v files collected", got)
		}
	})
}
