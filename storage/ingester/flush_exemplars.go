package ingester

import (
	"context"
	"io"
	"maps"
	"slices"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// writeExemplars writes a memory's exemplars, one file a day. It returns the
// files written so far also when it fails.
func (in *Ingester) writeExemplars(ctx context.Context, m *memory.Tenant) ([]catalog.File, error) {
	byDay := map[int64][]series.ExemplarSeries{}
	for _, ms := range m.All() {
		for day, list := range ms.ExemplarsByDay() {
			byDay[day] = append(byDay[day], series.ExemplarSeries{Labels: ms.Labels, Exemplars: list})
		}
	}
	var files []catalog.File
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		list := byDay[day]
		slices.SortFunc(list, func(a, b series.ExemplarSeries) int { return series.Compare(a.Labels, b.Labels) })
		f, err := in.writeObject(ctx, m.ID, partition{day: day}, catalog.Exemplars, func(w io.Writer) (block.Meta, error) {
			return block.WriteExemplars(w, list)
		})
		if err != nil {
			return files, err
		}
		if f != nil {
			files = append(files, *f)
		}
	}
	return files, nil
}
