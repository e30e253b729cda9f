package files

import (
	"context"
	"slices"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Exemplars reads a file of exemplars. It is not kept in the cache.
func (f *Cache) Exemplars(ctx context.Context, file *catalog.File) (*block.Exemplars, error) {
	o, err := f.object(ctx, file)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return block.OpenExemplars(o, file.Size, file.Name, file.Size-file.Tail, file.TailCRC)
}

// VisibleExemplars returns the exemplars that the mask of their file does not
// hide.
func VisibleExemplars(e *series.ExemplarSeries, mask catalog.Mask) []series.Exemplar {
	if mask == nil {
		return e.Exemplars
	}
	mask = mask.Of(e.Labels)
	if mask == nil {
		return e.Exemplars
	}
	return slices.DeleteFunc(slices.Clone(e.Exemplars), func(x series.Exemplar) bool { return mask.Meets(x.T, x.T) })
}
