package wal

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
)

// image is a disk after a power loss, and what had been acknowledged before.
type image struct {
	disk  *fsystest.Crash
	acked []string
}

// ledger knows what writers did, and makes images of the disk under them.
type ledger struct {
	disk *fsystest.Crash

	mu     sync.Mutex // Guards all below.
	rng    *rand.Rand
	sent   map[string]bool
	acked  map[string]bool
	images []image
}

// lose loses power n times at this moment.
func (l *ledger) lose(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	acked := slices.Sorted(maps.Keys(l.acked)) // Before the disk: it may only get ahead.
	for range n {
		l.images = append(l.images, image{l.disk.Clone(l.rng), acked})
	}
}

func (l *ledger) note(in map[string]bool, rec string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[rec] = true
}

// random returns a record of a length that makes frames share and span pages.
func (l *ledger) random(writer, i int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.rng.IntN(100)
	if l.rng.IntN(3) == 0 {
		n = l.rng.IntN(9000)
	}
	return fmt.Sprintf("%d/%03d %s", writer, i, strings.Repeat("x", n))
}

// TestPowerLoss is invariant 1: whatever was acknowledged is there after a
// power loss at any moment, and after another one during recovery.
func TestPowerLoss(t *testing.T) {
	rng := fsystest.Rand(t)
	points := 0
	for range 40 {
		l := &ledger{disk: fsystest.NewCrash(), rng: rng, sent: map[string]bool{}, acked: map[string]bool{}}
		l.run(t)
		for _, im := range l.images {
			l.check(t, im.disk, im.acked)
			if rng.IntN(10) == 0 {
				points += l.checkRecovery(t, im)
			}
			if t.Failed() {
				return
			}
		}
		points += len(l.images)
	}
	if points < 5000 {
		t.Errorf("only %d crash points", points)
	}
	t.Logf("%d crash points", points)
}

// run lets writers fill three segments, one after the other, and loses power
// before every operation.
func (l *ledger) run(t *testing.T) {
	if err := fsys.MkdirAll(l.disk, "/wal"); err != nil {
		t.Fatal(err)
	}
	l.disk.SetHook(func(fsystest.Op) error { l.lose(3); return nil })
	for seq := range uint64(3) {
		s, err := Create(l.disk, "/wal", seq+1)
		if err != nil {
			t.Fatal(err)
		}
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() { l.write(t, s, int(seq)*4+w) })
		}
		writers.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l.lose(3)
}

func (l *ledger) write(t *testing.T, s *Segment, writer int) {
	for i := range 6 {
		rec := l.random(writer, i)
		l.note(l.sent, rec)
		pos, err := s.Enqueue([]byte(rec))
		if err == nil && i%3 != 0 { // Some share a sync with the writer's next.
			err = s.Sync(pos)
			l.note(l.acked, rec)
		}
		if err != nil {
			t.Error(err)
			return
		}
		l.lose(1)
	}
}

// check replays what is on disk.
func (l *ledger) check(t *testing.T, disk fsys.FS, acked []string) {
	t.Helper()
	seqs, err := List(disk, "/wal")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	last := map[string]string{}
	for i, seq := range seqs {
		newest := i == len(seqs)-1
		records, report := replayed(t, disk, "/wal", seq, newest)
		if !newest && len(report.Damaged) > 0 {
			t.Errorf("a closed segment is damaged: %v", report.Damaged)
		}
		for _, rec := range records {
			writer, _, _ := strings.Cut(rec, "/")
			switch {
			case !l.sent[rec]:
				t.Errorf("%.20q was never written", rec)
			case rec <= last[writer]: // Also if it is there twice.
				t.Errorf("%.20q after %.20q", rec, last[writer])
			}
			last[writer] = rec
			found[rec] = true
		}
	}
	for _, rec := range acked {
		if !found[rec] {
			t.Errorf("%.20q was acknowledged and is lost", rec)
		}
	}
}

// checkRecovery loses power again before every operation of a recovery.
func (l *ledger) checkRecovery(t *testing.T, im image) (points int) {
	var again []*fsystest.Crash
	disk := im.disk.CloneKeep(l.rng, 1)
	disk.SetHook(func(op fsystest.Op) error {
		if op.Kind.Changes() {
			again = append(again, disk.Clone(l.rng))
		}
		return nil
	})
	l.check(t, disk, im.acked)
	for _, d := range again {
		l.check(t, d, im.acked)
	}
	return len(again)
}
