package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"
)

var errPowerLost = errors.New("power lost")

// Power is lost at a random operation of the file system, while several writers
// append and somebody flushes or deletes. What had been acknowledged is there
// afterwards, unless it was deleted; nothing is invented, nothing doubled.
//
// Remove the sync in the WAL or in the bucket, or commit before the objects are
// durable, and this fails.
func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	runs := 60
	if n, err := strconv.Atoi(os.Getenv("POWER_LOSSES")); err == nil {
		runs = n
	}
	rng := seeded(t)
	acked := 0
	for range runs {
		acked += losePower(t, rng)
	}
	if acked < runs {
		t.Errorf("only %d batches were acknowledged in %d runs: the test proves little", acked, runs)
	}
	t.Logf("%d power losses, %d acknowledged batches", runs, acked)
}

func losePower(t *testing.T, rng *rand.Rand) int {
	fs := fsystest.NewCrash()
	r := &rig{t: t, fs: fs, dir: tempDir(t), opts: DefaultOptions()}
	r.opts.Dir = r.dir
	r.opts.GenerationBytes = 64 << 10
	r.opts.MaxFrozen = 2
	r.opts.AppendWait = 10 * time.Millisecond
	mirror(t, fs, r.dir)
	r.open()
	fs.SetHook(loseAt(rng))
	m, acked := hammer(r, rng)
	_ = r.store.Close() // The power is off: what it says does not matter.
	if err := r.catalog.Close(); err != nil {
		t.Fatal(err)
	}
	r.fs = fs.Clone(rng)
	r.open()
	defer r.close()
	m.check(t, r.store, tenant, all())
	r.flush()
	m.check(t, r.store, tenant, all())
	r.close()
	checkFsck(t, r, false) // A flush that was cut off leaves orphans: garbage, not damage.
	return acked
}

// loseAt returns a hook that switches the power off at a random time: at any
// operation, or right after one of a kind that is rare and matters.
func loseAt(rng *rand.Rand) fsystest.Hook {
	// A flush takes hundreds of operations; some of the losses must come after one.
	at := rng.Int64N([]int64{120, 600, 2400}[rng.IntN(3)]) + 1
	after := []fsystest.Kind{"", fsystest.Remove, fsystest.Rename, fsystest.SyncDir}[rng.IntN(4)]
	if after != "" {
		at = rng.Int64N(4) + 1
	}
	var seen atomic.Int64
	var off atomic.Bool
	return func(op fsystest.Op) error {
		if off.Load() && op.Kind.Changes() {
			return errPowerLost
		}
		switch {
		case after == "" && op.Kind.Changes() && seen.Add(1) >= at:
			off.Store(true)
			return errPowerLost
		case after != "" && op.Kind == after && seen.Add(1) >= at:
			off.Store(true)
		}
		return nil
	}
}

// tempDir is in memory where it can be: the catalog of a power-loss test does
// not lose power, and its syncs would be most of the time.
func tempDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "herringbone")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// mirror makes dir on the file system in memory too; the catalog is on the disk.
func mirror(t *testing.T, fs *fsystest.Crash, dir string) {
	t.Helper()
	if err := fsys.MkdirAll(fs, dir); err != nil {
		t.Fatal(err)
	}
}

// hammer writes and flushes until the power is lost or enough was done.
func hammer(r *rig, rng *rand.Rand) (*model, int) {
	m := newModel()
	var mu sync.Mutex
	acked := 0
	var wg sync.WaitGroup
	now := time.Now().UnixMilli()
	for w := range 3 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), uint64(w)))
		wg.Go(func() {
			for range 25 {
				b := renamed(randomBatch(rng, now), w)
				_, err := r.store.Append(context.Background(), tenant, b)
				mu.Lock()
				if err == nil {
					m.acknowledged(b)
					acked++
				} else {
					m.unknown(b)
				}
				mu.Unlock()
				switch rng.IntN(30) {
				case 0, 1:
					_ = r.store.Flush(context.Background()) // May fail: the power is lost.
				case 2:
					deleteSome(r, rng, m, &mu, w, now)
				}
			}
		})
	}
	wg.Wait()
	return m, acked
}

// deleteSome deletes some of what one writer wrote.
func deleteSome(r *rig, rng *rand.Rand, m *model, mu *sync.Mutex, writer int, now int64) {
	minT, maxT := now-rng.Int64N(5*3_600_000), now-rng.Int64N(3_600_000)
	matchers := []*promlabels.Matcher{promlabels.MustNewMatcher(promlabels.MatchEqual, "writer", strconv.Itoa(writer))}
	if minT > maxT {
		minT = math.MinInt64
	}
	_, err := r.store.Delete(context.Background(), tenant, minT, maxT, matchers)
	mu.Lock()
	defer mu.Unlock()
	if err == nil {
		m.deleted(minT, maxT, matchers)
	} else {
		m.perhapsDeleted(minT, maxT, matchers)
	}
}

// renamed gives every writer series of its own, so that the order of two
// writes to one series is known.
func renamed(b *series.Batch, writer int) *series.Batch {
	scratch := promlabels.NewScratchBuilder(8)
	for i := range b.Entries {
		ls, err := series.ParseKey(b.Entries[i].Key, &scratch, series.Limits{})
		if err != nil {
			panic(err)
		}
		ls = promlabels.NewBuilder(ls).Set("writer", strconv.Itoa(writer)).Labels()
		b.Entries[i].Key = series.AppendKey(nil, ls)
	}
	return b
}

// A sync that fails is final for its segment: the write is not acknowledged, the
// store goes on with a new segment, and nothing acknowledged is lost.
func TestFailedSyncEndsTheSegment(t *testing.T) {
	for n := int64(1); n <= 6; n++ {
		for _, kind := range []fsystest.Kind{fsystest.Datasync, fsystest.Write} {
			t.Run(fmt.Sprintf("%s %d", kind, n), func(t *testing.T) {
				fs := fsystest.NewCrash()
				r := &rig{t: t, fs: fs, dir: tempDir(t), opts: DefaultOptions()}
				r.opts.Dir = r.dir
				mirror(t, fs, r.dir)
				r.open()
				defer r.close()
				// The second fault meets the attempt to begin a new segment.
				fs.SetHook(fsystest.Hooks(fsystest.FailNth(kind, n, syscall.EIO), fsystest.FailNth(kind, n+1, syscall.EIO)))
				m := newModel()
				failed := 0
				for i := range 8 {
					b := floats("m", int64(i))
					if _, err := r.store.Append(context.Background(), tenant, b); err != nil {
						failed++
						m.unknown(b)
						// As Run would: a broken segment is due.
						if err := r.store.ingester.FlushDue(context.Background()); err != nil {
							t.Log(err)
						}
						continue
					}
					m.acknowledged(b)
				}
				if failed == 0 || failed > 3 {
					t.Errorf("%d of 8 appends failed, two faults were injected", failed)
				}
				m.check(t, r.store, tenant, all())
				// What the failed sync left behind is in doubt; a power loss now must not
				// take anything else.
				_ = r.store.Close()
				if err := r.catalog.Close(); err != nil {
					t.Fatal(err)
				}
				r.fs = fs.Clone(rand.New(rand.NewPCG(uint64(n), 3)))
				r.open()
				m.check(t, r.store, tenant, all())
			})
		}
	}
}

// A catalog that is older than the WAL would hide files and let old segments
// count as new: the store does not start on it.
func TestForeignCatalogIsRefused(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("m", 1))
	r.flush()
	r.close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(r.dir, "catalog.db") + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	c, err := catalog.Open(context.Background(), filepath.Join(r.dir, "catalog.db"), catalog.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := Open(context.Background(), r.fs, r.bucket, c, r.opts, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replay(context.Background()); !errors.Is(err, series.ErrCorrupt) {
		t.Errorf("replay on an empty catalog: %v", err)
	}
}
