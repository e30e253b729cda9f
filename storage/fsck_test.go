package storage

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/fsck"
	"herringbone/storage/series"
)

func (r *rig) fsck(o fsck.Options) (found []fsck.Finding) {
	r.t.Helper()
	o.Node = r.opts.Node
	err := fsck.Run(context.Background(), r.fs, r.bucket, r.catalog, r.dir, o, func(f fsck.Finding) { found = append(found, f) })
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func wantFindings(t *testing.T, got []fsck.Finding, kind fsck.Kind, names ...string) {
	t.Helper()
	if len(got) != len(names) {
		t.Fatalf("findings %+v, want %d", got, len(names))
	}
	for _, name := range names {
		if !slices.ContainsFunc(got, func(f fsck.Finding) bool { return f.Kind == kind && strings.Contains(f.What, name) }) {
			t.Errorf("findings %+v, want one of kind %s that names %s", got, kind, name)
		}
	}
}

// An object is an orphan if no row of the catalog names it; those of removed
// files wait for their collection.
func TestFsckKnowsOrphans(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	r.append(floats("m", 1000))
	r.flush()
	for f := range r.store.Snapshot().All() {
		if _, err := r.catalog.Commit(ctx, catalog.Edit{Token: "remove", Remove: []string{f.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	wantFindings(t, r.fsck(fsck.Options{Orphans: true}), fsck.Orphan)
	const orphan = "default/samples/1970-01-01/all/L0-orphan.parquet"
	w, err := r.bucket.Create(ctx, orphan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	candidates := func() int {
		t.Helper()
		list, err := r.catalog.OrphanCandidates(ctx, time.Now().Add(time.Hour), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	wantFindings(t, r.fsck(fsck.Options{Orphans: true}), fsck.Orphan, orphan)
	if n := candidates(); n != 0 {
		t.Errorf("%d orphan candidates, fsck was not asked to record them", n)
	}
	wantFindings(t, r.fsck(fsck.Options{Orphans: true, RecordOrphans: true}), fsck.Orphan, orphan)
	if n := candidates(); n != 1 {
		t.Errorf("%d orphan candidates, there is one orphan", n)
	}
	wantFindings(t, r.fsck(fsck.Options{Orphans: true}), fsck.Orphan, orphan+" is in the bucket and no catalog row names it; an orphan candidate since")
}

func TestFsckNamesQuarantinedFiles(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("m", 1000))
	r.flush()
	var name string
	for f := range r.store.Snapshot().All() {
		name = f.Name
		if err := r.catalog.Quarantine(context.Background(), f.ID, "page 3 has a wrong checksum"); err != nil {
			t.Fatal(err)
		}
	}
	wantFindings(t, r.fsck(fsck.Options{}), fsck.Quarantine, name)
}

// Files of one level that were cut inside a metric may share its name, and no
// series at one time.
func TestFsckFindsSeriesInTwoFilesOfALevel(t *testing.T) {
	r := newRig(t, nil)
	put := func(job string, times ...int64) catalog.File {
		t.Helper()
		m := merged{labels: promlabels.FromStrings("__name__", "m", "job", job), parts: []*series.Samples{{}}}
		for _, ts := range times {
			m.parts[0].AppendFloat(ts, 1, 0)
		}
		f := catalog.File{Kind: catalog.Samples, Days: 1, Level: 2}
		r.put(&f, fillSamples([]*merged{&m}))
		if _, err := r.catalog.Commit(context.Background(), catalog.Edit{Token: f.ID, Add: []catalog.File{f}}); err != nil {
			t.Fatal(err)
		}
		return f
	}
	put("a", 1000, 2000)
	put("b", 1000, 2000)
	put("a", 3000)
	wantFindings(t, r.fsck(fsck.Options{}), fsck.Catalog)
	bad := put("b", 1500, 1600)
	wantFindings(t, r.fsck(fsck.Options{}), fsck.Catalog, bad.Name)
}
