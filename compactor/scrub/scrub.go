package scrub

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

// Scrubber reads files again, compares them with their checksums, and keeps the
// list of those that are damaged. Its methods may be called from any goroutine.
type Scrubber struct {
	catalog    *catalog.Catalog
	bucket     bucket.Bucket
	now        func() time.Time
	metrics    *scrubMetrics
	quarantine *quarantine
	unread     *unread
}

// NewScrubber makes a Scrubber; now is the clock.
func New(c *catalog.Catalog, b bucket.Bucket, now func() time.Time, reg prometheus.Registerer) *Scrubber {
	m := newScrubMetrics(reg)
	return &Scrubber{catalog: c, bucket: b, now: now, metrics: m, quarantine: &quarantine{catalog: c, metrics: m}, unread: newUnread()}
}

// Quarantined reads the IDs of the files that are set aside.
func (x *Scrubber) Quarantined(ctx context.Context) (map[string]bool, error) {
	return x.quarantine.ids(ctx)
}

// LastQuarantined is the list of files that are set aside, as it was read last. It
// is shared: do not modify it.
func (x *Scrubber) LastQuarantined() []catalog.Quarantined { return x.quarantine.last() }

// WasRead notes that a file could be read: earlier failures do not count any more.
func (x *Scrubber) WasRead(id string) { x.unread.succeeded(id) }

// Began is when the walk began; zero before the first.
func (s *Walk) Began() time.Time { return s.began }

// ScrubOne reads the next file and reports whether there was one; if not, the
// next call begins anew. The error names damage that was not known before, or
// says what kept it from looking; the walk goes on behind the file in any case.
func (x *Scrubber) One(ctx context.Context, s *Walk) (bool, error) {
	snapshot := x.catalog.Snapshot()
	if s.after == "" {
		s.began = x.now()
		x.metrics.scrubBegan(snapshot)
	}
	f := s.next(snapshot)
	if f == nil {
		s.after = ""
		return false, nil
	}
	s.after = f.ID
	v, err := s.Read(ctx, x.bucket, f)
	x.metrics.scrubbed(f, v.bytes)
	switch {
	case errors.Is(err, syscall.EIO):
		return true, x.Unreadable(ctx, f, err)
	case err != nil:
		return true, err
	}
	x.unread.succeeded(f.ID)
	return true, x.Pass(ctx, f, v)
}

// Pass acts on what reading a file told.
func (x *Scrubber) Pass(ctx context.Context, f *catalog.File, v Verdict) error {
	known, err := x.quarantine.has(ctx, f.ID)
	if err != nil {
		return err
	}
	switch {
	case v.What == "" && known:
		err = x.quarantine.acquit(ctx, f)
	case v.What != "" && !known:
		err = x.SetAside(ctx, f, v.What)
	}
	if err != nil {
		return fmt.Errorf("scrub %s: %w", f.Name, err)
	}
	return nil
}

// SetAside puts a file that was found damaged in quarantine, and returns an error
// that says so. A file that is not live any more is none: its object may
// have been deleted rightly.
func (x *Scrubber) SetAside(ctx context.Context, f *catalog.File, what string) error {
	if err := x.catalog.Refresh(ctx); err != nil {
		return err
	}
	if !isLive(x.catalog.Snapshot(), f) {
		return nil
	}
	if err := x.quarantine.add(ctx, f, what); err != nil {
		return err
	}
	return fmt.Errorf("file %s is damaged: %s; it is set aside and queries that need it fail", f.Name, what)
}

func isLive(s *catalog.Snapshot, f *catalog.File) bool {
	for _, g := range s.Files(f.Tenant, f.Kind, f.MinT, f.MaxT) {
		if g.ID == f.ID {
			return true
		}
	}
	return false
}
