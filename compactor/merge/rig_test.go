package merge

import (
	"context"
	"path/filepath"
	"testing"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
)

// rig is a test's catalog and bucket with an executor.
type rig struct {
	*compacttest.Rig
	x *Executor
}

func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	return newRigOn(t, fsys.OS, filepath.Join(compacttest.Scratch(t), "objects"), o)
}

func newRigOn(t testing.TB, files fsys.FS, dir string, o Options) *rig {
	t.Helper()
	r := &rig{Rig: compacttest.New(t, files, dir)}
	if o.Bucket == nil {
		o.Bucket = r.Bucket
	}
	if o.Catalog == nil {
		o.Catalog = r.Catalog
	}
	o.Node = "test"
	r.x = New(o)
	return r
}

func (r *rig) job(kind plan.Kind, rows catalog.Kind, level int, unit plan.Unit, files ...*catalog.File) plan.Job {
	j := plan.Job{Kind: kind, Tenant: compacttest.Tenant, Rows: rows, Partition: compacttest.Key, Level: level, Unit: unit}
	for _, f := range files {
		j.Inputs = append(j.Inputs, plan.Input{File: f, Remove: true})
	}
	return j
}

func (r *rig) run(j plan.Job) Result {
	r.T.Helper()
	res, err := r.x.Run(context.Background(), r.Catalog.Snapshot(), j)
	if err != nil {
		r.T.Fatal(err)
	}
	return res
}
