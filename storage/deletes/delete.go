package deletes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// Deleter hides rows by tombstones. All methods may be called from any goroutine.
type Deleter struct {
	memory  Flusher
	catalog *catalog.Catalog
	files   *files.Cache
	log     *slog.Logger
	now     func() time.Time
	metrics *deleteMetrics
}

// Flusher is what was written and is not in files yet: a tombstone does not reach
// it, so it is flushed before.
type Flusher interface {
	// Generations returns what is in memory, oldest first; the last one is active.
	Generations() ([]*memory.Generation, error)
	// Flush writes everything that is in memory when it is called to files.
	Flush(ctx context.Context) error
	// FlushFrozen writes what is not active any more.
	FlushFrozen(ctx context.Context) error
	// WithoutFlush calls fn after FlushFrozen; no flush begins before fn returns.
	WithoutFlush(ctx context.Context, fn func() error) error
}

// NewDeleter returns a Deleter for the files that c lists and for what memory has.
// now is the clock.
func New(memory Flusher, c *catalog.Catalog, f *files.Cache, now func() time.Time, reg prometheus.Registerer, log *slog.Logger) *Deleter {
	return &Deleter{memory: memory, catalog: c, files: f, log: log, now: now, metrics: newDeleteMetrics(reg)}
}

// Delete hides the samples and exemplars of matching series in minT … maxT
// (milliseconds, both included) from every read that begins after it returned.
// What was acknowledged before the call is hidden, what is written after the
// return is not; a write at the same time may be either. Compaction takes the
// rows out of the files later.
//
// The tombstone it returns is the receipt: catalog.Receipt tells by its ID what
// became of it. Hidden counts the rows that were visible and that the delete
// hides, duplicates that are in several files included; it is exact unless a
// compaction of the same files is committed at the same time. The rows of a
// damaged or missing file are hidden and cannot be counted: Hidden is then a lower
// bound, and the log names the file.
//
// If nothing is left for it to hide, the tombstone is Done. What only rules of
// retention hide is left: it would be seen again when they are relaxed.
//
// Errors: no matcher that some label must satisfy, or minT after maxT, wraps
// series.ErrInvalid; series.ErrNotReady before Replay and after Close. After any
// other error the delete may have happened; repeating it is harmless.
func (x *Deleter) Delete(ctx context.Context, t series.Tenant, minT, maxT int64, matchers []*promlabels.Matcher) (catalog.Tombstone, error) {
	d := deletion{Deleter: x, tombstone: catalog.Tombstone{
		ID: ulid.Make().String(), Tenant: t, Cause: catalog.Deleted, Matchers: matchers,
		MinT: minT, MaxT: maxT, Created: x.now().UnixMilli(),
	}}
	receipt, err := d.run(ctx)
	if err != nil {
		return catalog.Tombstone{}, fmt.Errorf("delete series: %w", err)
	}
	x.metrics.deleted(receipt)
	return receipt, nil
}

// deletion is one call of Delete.
type deletion struct {
	*Deleter
	tombstone catalog.Tombstone

	counted map[string]hidden // By file ID: what the delete hides there.
}

func (d *deletion) run(ctx context.Context) (catalog.Tombstone, error) {
	if err := d.validate(); err != nil {
		return catalog.Tombstone{}, err
	}
	if err := d.flush(ctx); err != nil {
		return catalog.Tombstone{}, err
	}
	// Counting can take long: it is done while flushes go on, and again for what
	// is new while they stand still.
	if _, err := d.count(ctx, d.catalog.Snapshot()); err != nil {
		return catalog.Tombstone{}, err
	}
	return d.commit(ctx)
}

func (d *deletion) validate() error {
	t := &d.tombstone
	if err := t.Validate(); err != nil {
		return err
	}
	for _, m := range t.Matchers {
		if !m.Matches("") {
			return nil
		}
	}
	return fmt.Errorf("at least one matcher must not match the empty string: %w", series.ErrInvalid)
}

// flush brings what is to be hidden out of memory, which tombstones do not reach.
// An active generation without any of it stays: what comes to it from now on was
// not acknowledged before the call, and its files will be newer than the
// tombstone. Frozen ones, which it may have become one of by now, are flushed in
// any case: at the latest by commit.
func (d *deletion) flush(ctx context.Context) error {
	t := &d.tombstone
	generations, err := d.memory.Generations()
	if err != nil {
		return err
	}
	active := generations[len(generations)-1]
	holds, err := active.Holds(ctx, t.Tenant, series.Query{Matchers: t.Matchers, MinT: t.MinT, MaxT: t.MaxT})
	switch {
	case err != nil:
		return err
	case holds:
		return d.memory.Flush(ctx)
	default:
		return d.memory.FlushFrozen(ctx)
	}
}

// commit adds the tombstone. No generation is between the commit of its files
// and being forgotten meanwhile: memory would show what the tombstone hides.
func (d *deletion) commit(ctx context.Context) (receipt catalog.Tombstone, err error) {
	err = d.memory.WithoutFlush(ctx, func() (err error) {
		receipt, err = d.commitLocked(ctx)
		return err
	})
	return receipt, err
}

// commitLocked is commit while no flush can begin.
func (d *deletion) commitLocked(ctx context.Context) (catalog.Tombstone, error) {
	none := catalog.Tombstone{}
	before := d.catalog.Snapshot()
	sum, err := d.count(ctx, before)
	if err != nil {
		return none, err
	}
	d.tombstone.Hidden = sum.rows
	after, err := d.catalog.Commit(ctx, catalog.Edit{Token: "delete/" + d.tombstone.ID, Tombstones: []catalog.Tombstone{d.tombstone}})
	if err != nil {
		return none, err
	}
	// Where somebody else committed in between, there may be a file that was not
	// looked at: whoever lifts tombstones that hide nothing will see.
	if !sum.needed && after.Version() == before.Version()+1 {
		_, err := d.catalog.Commit(ctx, catalog.Edit{Token: "lift/" + d.tombstone.ID, Lift: []string{d.tombstone.ID}})
		if err != nil && !errors.Is(err, catalog.ErrConflict) { // Somebody has lifted it by now.
			return none, err
		}
	}
	return d.catalog.Receipt(ctx, d.tombstone.ID)
}

// count returns what the delete hides in the files of a snapshot.
func (d *deletion) count(ctx context.Context, snapshot *catalog.Snapshot) (sum hidden, err error) {
	t := d.tombstone
	t.Seq = snapshot.Version() + 1 // So that it hides what is there.
	counted := map[string]hidden{}
	for _, kind := range snapshot.Kinds(t.Tenant) {
		for _, f := range snapshot.Files(t.Tenant, kind, t.MinT, t.MaxT, t.Matchers...) {
			h, known := d.counted[f.ID]
			if !known {
				if h, err = d.look(ctx, f, &t, snapshot.Mask(f)); err != nil {
					return hidden{}, fmt.Errorf("count what is hidden: %w", err)
				}
			}
			counted[f.ID] = h
			sum.rows += h.rows
			sum.needed = sum.needed || h.needed
		}
	}
	d.counted = counted
	return sum, nil
}

// look is hiddenIn, but damage does not hinder a delete: nothing is read to hide
// rows. They may be there, so the tombstone stays as long as the file.
func (d *deletion) look(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (hidden, error) {
	h, err := d.hiddenIn(ctx, f, t, mask)
	if errors.Is(err, series.ErrCorrupt) {
		d.log.Warn("a delete hides rows of a damaged file, its receipt does not count them", "delete", t.ID, "file", f.Name, "err", err)
		return hidden{needed: true}, nil
	}
	return h, err
}
