package compactor

import (
	"context"
	"path/filepath"
	"testing"

	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
)

// rig is a test's catalog and bucket with an executor.
type rig struct {
	*testRig
	x *Executor
}

func newRig(t testing.TB, o ExecutorOptions) *rig {
	t.Helper()
	return newRigOn(t, fsys.OS, filepath.Join(scratch(t), "objects"), o)
}

func newRigOn(t testing.TB, files fsys.FS, dir string, o ExecutorOptions) *rig {
	t.Helper()
	r := &rig{testRig: newTestRig(t, files, dir)}
	if o.Bucket == nil {
		o.Bucket = r.bucket
	}
	if o.Catalog == nil {
		o.Catalog = r.catalog
	}
	o.Node = "test"
	r.x = NewExecutor(o)
	return r
}

func (r *rig) job(kind JobKind, rows catalog.Kind, level int, unit Unit, files ...*catalog.File) Job {
	j := Job{Kind: kind, Tenant: rigTenant, Rows: rows, Partition: rigKey, Level: level, Unit: unit}
	for _, f := range files {
		j.Inputs = append(j.Inputs, Input{File: f, Remove: true})
	}
	return j
}

func (r *rig) run(j Job) Result {
	r.t.Helper()
	res, err := r.x.Run(context.Background(), r.catalog.Snapshot(), j)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}
