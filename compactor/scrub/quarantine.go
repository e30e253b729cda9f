package scrub

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"herringbone/storage/catalog"
)

// quarantine is the catalog's list of damaged files, as metrics show it.
type quarantine struct {
	catalog *catalog.Catalog
	metrics *scrubMetrics

	mu   sync.Mutex // Guards list.
	list []catalog.Quarantined
}

// last is the list as it was read last. It is shared: do not modify it.
func (q *quarantine) last() []catalog.Quarantined {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list
}

// ids reads the list.
func (q *quarantine) ids(ctx context.Context) (map[string]bool, error) {
	list, err := q.catalog.Quarantined(ctx)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	q.list = list
	q.metrics.showQuarantined(list)
	q.mu.Unlock()
	ids := make(map[string]bool, len(list))
	for _, e := range list {
		ids[e.ID] = true
	}
	return ids, nil
}

func (q *quarantine) has(ctx context.Context, id string) (bool, error) {
	ids, err := q.ids(ctx)
	return ids[id], err
}

func (q *quarantine) add(ctx context.Context, f *catalog.File, what string) error {
	if err := q.catalog.Quarantine(ctx, f.ID, what); err != nil {
		return err
	}
	_, err := q.ids(ctx)
	return err
}

func (q *quarantine) acquit(ctx context.Context, f *catalog.File) error {
	if err := q.catalog.Acquit(ctx, f.ID); err != nil {
		return err
	}
	_, err := q.ids(ctx)
	return err
}

// firstByName returns up to n of the list, in the order of their objects' names.
func firstByName(list []catalog.Quarantined, n int) []catalog.Quarantined {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b catalog.Quarantined) int { return cmp.Compare(a.Name, b.Name) })
	return sorted[:min(len(sorted), n)]
}
