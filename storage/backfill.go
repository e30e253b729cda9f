package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// tablesToken names the edit that backfillTables commits.
const tablesToken = "tables"

// backfillTables tells a catalog from before there were tables what its files hold,
// once. It reads the index of one file at a time. If a file is damaged, the
// tables of the others are told and it is tried again at the next start: a query
// for what is in that file is an error anyway.
func (s *Store) backfillTables(ctx context.Context) error {
	snapshot := s.catalog.Snapshot()
	if snapshot.TablesComplete() {
		return nil
	}
	s.log.Info("reading the columns of files from before the catalog knew tables", "files", snapshot.Len())
	found := tableUnion{}
	complete := true
	for f := range snapshot.All() {
		if f.Kind != catalog.Samples {
			continue
		}
		err := s.backfillFile(ctx, f, found)
		switch {
		case errors.Is(err, series.ErrCorrupt):
			s.log.Error("a damaged file's columns are not known to SQL", "err", err)
			complete = false
		case err != nil:
			return fmt.Errorf("backfill tables: %w", err)
		}
	}
	edit := catalog.Edit{Token: tablesToken, Tables: found.sorted(), TablesComplete: complete}
	if !complete {
		edit.Token = fmt.Sprintf("%s/%d", tablesToken, snapshot.Version())
	}
	if _, err := s.catalog.Commit(ctx, edit); err != nil {
		return fmt.Errorf("backfill tables: %w", err)
	}
	return nil
}

func (s *Store) backfillFile(ctx context.Context, f *catalog.File, found tableUnion) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, release, err := s.files.Samples(ctx, f)
	if err != nil {
		return err
	}
	defer release()
	metrics, err := r.Metrics()
	if err != nil {
		return fmt.Errorf("read metrics of file %s: %w", f.Name, err)
	}
	for _, m := range metrics {
		found.add(catalog.Table{Tenant: f.Tenant, Metric: m.Name, Labels: m.Labels, Histograms: m.Histograms, Starts: m.Starts})
	}
	return nil
}

// tableUnion collects tables of several tenants.
type tableUnion map[tableKey]catalog.Table

type tableKey struct {
	tenant series.Tenant
	metric string
}

func (u tableUnion) add(t catalog.Table) {
	key := tableKey{t.Tenant, t.Metric}
	if known, ok := u[key]; ok {
		t = known.Union(&t)
	}
	u[key] = t
}

func (u tableUnion) sorted() []catalog.Table {
	return slices.SortedFunc(maps.Values(u), func(a, b catalog.Table) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Metric, b.Metric))
	})
}
