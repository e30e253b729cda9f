package merge

import (
	"maps"
	"slices"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// ledger counts rows, so that none is lost unseen: each row that came in went
// out, or is counted with the reason why not.
type ledger struct {
	in         int64
	out        int64 // Counted in the outputs, after they were read again.
	duplicates int64
	hidden     int64
	dropped    int64 // Not meant to come out: aggregates are there instead.
	aggregated int64 // Not meant to come out: they stay where they are, see Result.

	purged map[purge]int64 // Of inputs that go.
}

// purge is rows of one input that one tombstone hid.
type purge struct{ tombstone, file string }

// skip counts series that are not read because nothing becomes of them.
func (t *ledger) skip(parts []part) {
	for i := range parts {
		t.in += parts[i].ref.Rows
		t.dropped += parts[i].ref.Rows
	}
}

// leave counts series that are not read because no rule wants them: their rows
// stay where they are.
func (t *ledger) leave(parts []part) {
	for i := range parts {
		t.in += parts[i].ref.Rows
		t.aggregated += parts[i].ref.Rows
	}
}

// clone returns a copy of t that shares nothing with it.
func (t *ledger) clone() ledger {
	c := *t
	c.purged = maps.Clone(t.purged)
	return c
}

// hide counts n rows of an input that a tombstone hid.
func (t *ledger) hide(in *plan.Input, by *catalog.Tombstone, n int64) {
	if n == 0 {
		return
	}
	t.hidden += n
	if !in.Remove {
		return // They are still there.
	}
	if t.purged == nil {
		t.purged = map[purge]int64{}
	}
	t.purged[purge{by.ID, in.ID}] += n
}

// cut drops the hidden samples of s, which came from in. A row that several
// tombstones hide is counted for the first of them.
func (t *ledger) cut(in *plan.Input, mask catalog.Mask, s *series.Samples) {
	for i, by := range mask {
		t.hide(in, by, int64(mask[i:i+1].Cut(s)))
	}
}

// purges is what the receipts of tombstones get to know: rows of samples, which
// is what they count, and files of any kind.
func (w *work) purges() []catalog.Purge {
	by := map[string]*catalog.Purge{}
	kinds := w.kinds()
	for _, l := range []*ledger{&w.rows, &w.buckets} {
		for p, rows := range l.purged {
			if by[p.tombstone] == nil {
				by[p.tombstone] = &catalog.Purge{Tombstone: p.tombstone}
			}
			if kinds[p.file] == catalog.Samples {
				by[p.tombstone].Rows += rows
			}
			by[p.tombstone].Files++
		}
	}
	var all []catalog.Purge
	for _, id := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[id])
	}
	return all
}

// kinds of the inputs, by ID.
func (w *work) kinds() map[string]catalog.Kind {
	kinds := map[string]catalog.Kind{}
	for _, in := range w.job.Inputs {
		kinds[in.ID] = in.Kind
	}
	return kinds
}

// balance is an error unless every row is accounted for.
func (t *ledger) balance(what string) error {
	if t.in == t.out+t.duplicates+t.hidden+t.dropped+t.aggregated {
		return nil
	}
	return differ("of %d %s that came in, %d came out, %d were duplicates, %d hidden, %d dropped and %d only aggregated",
		t.in, what, t.out, t.duplicates, t.hidden, t.dropped, t.aggregated)
}
