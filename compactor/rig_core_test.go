package compactor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

const (
	rigTenant = series.DefaultTenant
	rigKey    = "zone=eu" // No matcher of these tests is about it.
	rigDay    = int64(20_000)
)

// testRig is a catalog and a bucket with files that a test writes.
type testRig struct {
	t       testing.TB
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	path    string        // Of the catalog.
	options block.Options // Of files that add writes.
}

func newTestRig(t testing.TB, files fsys.FS, dir string) *testRig {
	t.Helper()
	b, err := bucket.Dir(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(scratch(t), "catalog.db")
	c, err := catalog.Open(context.Background(), path, catalog.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &testRig{t: t, bucket: b, catalog: c, path: path, options: block.Options{Labels: []string{"a", "b"}, PageRows: 64}}
}

// scratch is a directory in memory, if there is one: syncs would be most of the
// time.
func scratch(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "compactor")
	if large := os.Getenv("COMPACTOR_INPUT_BYTES") != ""; err != nil || large {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// one is a series as the tests hold it.
type one struct {
	ls labels.Labels
	s  *series.Samples
}

// add commits one flushed file.
func (r *testRig) add(unit Unit, level int, all []one) *catalog.File {
	r.t.Helper()
	slices.SortFunc(all, func(a, b one) int { return series.Compare(a.ls, b.ls) })
	f := r.write(unit, level, catalog.Samples, func(w *bytes.Buffer) (block.Meta, error) {
		b, err := block.NewWriter(w, r.options)
		if err != nil {
			return block.Meta{}, err
		}
		for _, x := range all {
			if err := b.Append(x.ls, x.s); err != nil {
				return block.Meta{}, err
			}
		}
		return b.Close()
	})
	return r.commit(f)
}

func (r *testRig) write(unit Unit, level int, kind catalog.Kind, fill func(*bytes.Buffer) (block.Meta, error)) catalog.File {
	r.t.Helper()
	var buf bytes.Buffer
	meta, err := fill(&buf)
	if err != nil {
		r.t.Fatal(err)
	}
	id := ulid.Make().String()
	name := series.ObjectName(rigTenant, kind, unit.Day, unit.Days, rigKey, level, id)
	w, err := r.bucket.Create(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		r.t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		r.t.Fatal(err)
	}
	return catalog.File{
		ID: id, Tenant: rigTenant, Kind: kind, Day: unit.Day, Days: unit.Days, Partition: rigKey, Level: level, Name: name,
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC,
		Rows: meta.Rows, Series: meta.Series, MinT: meta.MinT, MaxT: meta.MaxT, MinName: meta.MinName, MaxName: meta.MaxName,
		Writer: "test", Created: 1,
	}
}

func (r *testRig) commit(f catalog.File) *catalog.File {
	r.t.Helper()
	s, err := r.catalog.Commit(context.Background(), catalog.Edit{Token: "test/" + f.ID, Add: []catalog.File{f}})
	if err != nil {
		r.t.Fatal(err)
	}
	for live := range s.All() {
		if live.ID == f.ID {
			return live
		}
	}
	r.t.Fatalf("file %s is not live after its commit", f.ID)
	return nil
}

// addTombstone commits a tombstone.
func (r *testRig) addTombstone(minT, maxT int64, matchers ...*labels.Matcher) catalog.Tombstone {
	r.t.Helper()
	ts := catalog.Tombstone{
		ID: ulid.Make().String(), Tenant: rigTenant, Cause: catalog.Deleted, Matchers: matchers, MinT: minT, MaxT: maxT, Created: 1,
	}
	s, err := r.catalog.Commit(context.Background(), catalog.Edit{Token: "test/" + ts.ID, Tombstones: []catalog.Tombstone{ts}})
	if err != nil {
		r.t.Fatal(err)
	}
	ts.Seq = s.Version()
	return ts
}

// live returns the live files, in the order of writing.
func (r *testRig) live(kind catalog.Kind) []*catalog.File {
	var files []*catalog.File
	for f := range r.catalog.Snapshot().All() {
		if f.Kind == kind {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b *catalog.File) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	return files
}

// open opens a live file's object.
func (r *testRig) open(f *catalog.File) bucket.Object {
	r.t.Helper()
	o, err := r.bucket.Open(context.Background(), f.Name)
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// samples reads a file whole.
func (r *testRig) samples(f *catalog.File) []one {
	r.t.Helper()
	o := r.open(f)
	defer o.Close()
	b, err := block.Open(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		r.t.Fatal(err)
	}
	var all []one
	err = b.Each(func(ls labels.Labels, s *series.Samples) error {
		c := &series.Samples{}
		c.AppendRange(s, 0, s.Len())
		all = append(all, one{ls, c})
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// objects returns how many objects there are.
func (r *testRig) objects() (n int) {
	r.t.Helper()
	err := r.bucket.List(context.Background(), "", func(bucket.Info) error { n++; return nil })
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// flat is what a query must see: series, time, sample as text.
type flat map[string]map[int64]string

// visible is what a query sees of the catalog's files, computed row by row: of
// each time the winner of the rows that nothing hides.
func (r *testRig) visible() flat {
	r.t.Helper()
	type winner struct {
		text  string
		stale bool
	}
	best := map[string]map[int64]winner{}
	for _, f := range r.live(catalog.Samples) {
		for _, x := range r.samples(f) {
			key := x.ls.String()
			for i, at := range x.s.Times {
				if r.hider(f, x.ls, at) != "" {
					continue
				}
				if best[key] == nil {
					best[key] = map[int64]winner{}
				}
				was, ok := best[key][at]
				if stale := x.s.IsStale(i); !ok || was.stale || !stale {
					best[key][at] = winner{text(x.s, i), stale}
				}
			}
		}
	}
	out := flat{}
	for key, times := range best {
		out[key] = map[int64]string{}
		for at, w := range times {
			out[key][at] = w.text
		}
	}
	return out
}

// hider is the first tombstone that hides a row.
func (r *testRig) hider(f *catalog.File, ls labels.Labels, at int64) string {
	for _, ts := range r.catalog.Snapshot().Tombstones(rigTenant) {
		if ts.Seq > f.Seq && ts.Seq > f.Clean && ts.MinT <= at && at <= ts.MaxT && ts.HidesSeries(ls) {
			return ts.ID
		}
	}
	return ""
}

// hidden counts, by tombstone, the rows of files that are hidden.
func (r *testRig) hidden(files []*catalog.File) map[string]int64 {
	r.t.Helper()
	n := map[string]int64{}
	for _, f := range files {
		for _, x := range r.samples(f) {
			for _, at := range x.s.Times {
				if id := r.hider(f, x.ls, at); id != "" {
					n[id]++
				}
			}
		}
	}
	return n
}

// text is all of a sample.
func text(s *series.Samples, i int) string {
	h := s.HistogramAt(i)
	switch {
	case h == nil:
		return fmt.Sprintf("%016x start %d", math.Float64bits(s.Values[i]), s.StartAt(i))
	case h.H != nil:
		return fmt.Sprintf("%+v sum %x start %d", *h.H, math.Float64bits(h.H.Sum), h.Start)
	default:
		return fmt.Sprintf("%+v sum %x start %d", *h.FH, math.Float64bits(h.FH.Sum), h.Start)
	}
}

func (r *testRig) readBuckets(f *catalog.File) map[string]*aggregate.Buckets {
	r.t.Helper()
	o := r.open(f)
	defer o.Close()
	b, err := block.OpenAggregates(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]*aggregate.Buckets{}
	for _, ref := range b.Select(nil, math.MinInt64, math.MaxInt64, 0) {
		a := &aggregate.Buckets{}
		if err := b.Read(ref, math.MinInt64, math.MaxInt64, a); err != nil {
			r.t.Fatal(err)
		}
		all[ref.Labels.String()] = a
	}
	return all
}

func parse(text string) labels.Labels {
	words := strings.Fields(text)
	b := labels.NewBuilder(labels.FromStrings(labels.MetricName, words[0]))
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		b.Set(k, v)
	}
	return b.Labels()
}
