package compacttest

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

	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

const (
	Tenant = series.DefaultTenant
	Key    = "zone=eu" // No matcher of these tests is about it.
	Day    = int64(20_000)
)

// Rig is a catalog and a bucket with files that a test writes.
type Rig struct {
	T       testing.TB
	Bucket  bucket.Bucket
	Catalog *catalog.Catalog
	Path    string        // Of the catalog.
	Options block.Options // Of files that add writes.
}

// New returns a rig with an empty catalog and a bucket in dir.
func New(t testing.TB, files fsys.FS, dir string) *Rig {
	t.Helper()
	b, err := bucket.Dir(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(Scratch(t), "catalog.db")
	c, err := catalog.Open(context.Background(), path, catalog.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &Rig{T: t, Bucket: b, Catalog: c, Path: path, Options: block.Options{Labels: []string{"a", "b"}, PageRows: 64}}
}

// Scratch is a directory in memory, if there is one: syncs would be most of the
// time.
func Scratch(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "compactor")
	if large := os.Getenv("COMPACTOR_INPUT_BYTES") != ""; err != nil || large {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Series is a series as the tests hold it.
type Series struct {
	Labels  labels.Labels
	Samples *series.Samples
}

// Add commits one flushed file.
func (r *Rig) Add(unit plan.Unit, level int, all []Series) *catalog.File {
	r.T.Helper()
	slices.SortFunc(all, func(a, b Series) int { return series.Compare(a.Labels, b.Labels) })
	f := r.Write(unit, level, catalog.Samples, func(w *bytes.Buffer) (block.Meta, error) {
		b, err := block.NewWriter(w, r.Options)
		if err != nil {
			return block.Meta{}, err
		}
		for _, x := range all {
			if err := b.Append(x.Labels, x.Samples); err != nil {
				return block.Meta{}, err
			}
		}
		return b.Close()
	})
	return r.Commit(f)
}

// Write writes an object, filled by fill, and describes it; it is not in the catalog.
func (r *Rig) Write(unit plan.Unit, level int, kind catalog.Kind, fill func(*bytes.Buffer) (block.Meta, error)) catalog.File {
	r.T.Helper()
	var buf bytes.Buffer
	meta, err := fill(&buf)
	if err != nil {
		r.T.Fatal(err)
	}
	id := ulid.Make().String()
	name := series.ObjectName(Tenant, kind, unit.Day, unit.Days, Key, level, id)
	w, err := r.Bucket.Create(context.Background(), name)
	if err != nil {
		r.T.Fatal(err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		r.T.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		r.T.Fatal(err)
	}
	return catalog.File{
		ID: id, Tenant: Tenant, Kind: kind, Day: unit.Day, Days: unit.Days, Partition: Key, Level: level, Name: name,
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC,
		Rows: meta.Rows, Series: meta.Series, MinT: meta.MinT, MaxT: meta.MaxT, MinName: meta.MinName, MaxName: meta.MaxName,
		Writer: "test", Created: 1,
	}
}

// Commit adds a file to the catalog and returns it as it is live.
func (r *Rig) Commit(f catalog.File) *catalog.File {
	r.T.Helper()
	s, err := r.Catalog.Commit(context.Background(), catalog.Edit{Token: "test/" + f.ID, Add: []catalog.File{f}})
	if err != nil {
		r.T.Fatal(err)
	}
	for live := range s.All() {
		if live.ID == f.ID {
			return live
		}
	}
	r.T.Fatalf("file %s is not live after its commit", f.ID)
	return nil
}

// AddTombstone commits a tombstone.
func (r *Rig) AddTombstone(minT, maxT int64, matchers ...*labels.Matcher) catalog.Tombstone {
	r.T.Helper()
	ts := catalog.Tombstone{
		ID: ulid.Make().String(), Tenant: Tenant, Cause: catalog.Deleted, Matchers: matchers, MinT: minT, MaxT: maxT, Created: 1,
	}
	s, err := r.Catalog.Commit(context.Background(), catalog.Edit{Token: "test/" + ts.ID, Tombstones: []catalog.Tombstone{ts}})
	if err != nil {
		r.T.Fatal(err)
	}
	ts.Seq = s.Version()
	return ts
}

// Live returns the live files, in the order of writing.
func (r *Rig) Live(kind catalog.Kind) []*catalog.File {
	var files []*catalog.File
	for f := range r.Catalog.Snapshot().All() {
		if f.Kind == kind {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b *catalog.File) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	return files
}

// Open opens a live file's object.
func (r *Rig) Open(f *catalog.File) bucket.Object {
	r.T.Helper()
	o, err := r.Bucket.Open(context.Background(), f.Name)
	if err != nil {
		r.T.Fatal(err)
	}
	return o
}

// Samples reads a file whole.
func (r *Rig) Samples(f *catalog.File) []Series {
	r.T.Helper()
	o := r.Open(f)
	defer o.Close()
	b, err := block.Open(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		r.T.Fatal(err)
	}
	var all []Series
	err = b.Each(func(ls labels.Labels, s *series.Samples) error {
		c := &series.Samples{}
		c.AppendRange(s, 0, s.Len())
		all = append(all, Series{ls, c})
		return nil
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return all
}

// Objects returns how many objects there are.
func (r *Rig) Objects() (n int) {
	r.T.Helper()
	err := r.Bucket.List(context.Background(), "", func(bucket.Info) error { n++; return nil })
	if err != nil {
		r.T.Fatal(err)
	}
	return n
}

// Flat is what a query must see: series, time, sample as text.
type Flat map[string]map[int64]string

// Visible is what a query sees of the catalog's files, computed row by row: of
// each time the winner of the rows that nothing hides.
func (r *Rig) Visible() Flat {
	r.T.Helper()
	type winner struct {
		text  string
		stale bool
	}
	best := map[string]map[int64]winner{}
	for _, f := range r.Live(catalog.Samples) {
		for _, x := range r.Samples(f) {
			key := x.Labels.String()
			for i, at := range x.Samples.Times {
				if r.Hider(f, x.Labels, at) != "" {
					continue
				}
				if best[key] == nil {
					best[key] = map[int64]winner{}
				}
				was, ok := best[key][at]
				if stale := x.Samples.IsStale(i); !ok || was.stale || !stale {
					best[key][at] = winner{Text(x.Samples, i), stale}
				}
			}
		}
	}
	out := Flat{}
	for key, times := range best {
		out[key] = map[int64]string{}
		for at, w := range times {
			out[key][at] = w.text
		}
	}
	return out
}

// Hider is the first tombstone that hides a row.
func (r *Rig) Hider(f *catalog.File, ls labels.Labels, at int64) string {
	for _, ts := range r.Catalog.Snapshot().Tombstones(Tenant) {
		if ts.Seq > f.Seq && ts.Seq > f.Clean && ts.MinT <= at && at <= ts.MaxT && ts.HidesSeries(ls) {
			return ts.ID
		}
	}
	return ""
}

// Hidden counts, by tombstone, the rows of files that are hidden.
func (r *Rig) Hidden(files []*catalog.File) map[string]int64 {
	r.T.Helper()
	n := map[string]int64{}
	for _, f := range files {
		for _, x := range r.Samples(f) {
			for _, at := range x.Samples.Times {
				if id := r.Hider(f, x.Labels, at); id != "" {
					n[id]++
				}
			}
		}
	}
	return n
}

// Text is all of a sample.
func Text(s *series.Samples, i int) string {
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

// ReadBuckets reads a file of aggregates whole, by the text of its labels.
func (r *Rig) ReadBuckets(f *catalog.File) map[string]*aggregate.Buckets {
	r.T.Helper()
	o := r.Open(f)
	defer o.Close()
	b, err := block.OpenAggregates(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		r.T.Fatal(err)
	}
	all := map[string]*aggregate.Buckets{}
	for _, ref := range b.Select(nil, math.MinInt64, math.MaxInt64, 0) {
		a := &aggregate.Buckets{}
		if err := b.Read(ref, math.MinInt64, math.MaxInt64, a); err != nil {
			r.T.Fatal(err)
		}
		all[ref.Labels.String()] = a
	}
	return all
}

// ParseLabels reads "metric name=value …".
func ParseLabels(text string) labels.Labels {
	words := strings.Fields(text)
	b := labels.NewBuilder(labels.FromStrings(labels.MetricName, words[0]))
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		b.Set(k, v)
	}
	return b.Labels()
}
