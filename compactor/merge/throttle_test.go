package merge

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacedBytesAreTheSame(t *testing.T) {
	p := &pace{ctx: t.Context(), reads: newLimiter(1 << 30), writes: newLimiter(1 << 30), duty: 1, dutyUnderLoad: 1}
	var out bytes.Buffer
	w := &pacedWriter{Writer: &out, pace: p}
	in := bytes.Repeat([]byte("herring"), 1000)
	r := &pacedReader{bytes.NewReader(in), p}
	b := make([]byte, len(in))
	if _, err := r.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil || w.written != int64(len(in)) || !bytes.Equal(in, out.Bytes()) {
		t.Errorf("%d bytes written, error %v", w.written, err)
	}
	if newLimiter(1000).Burst() <= 0 || newLimiter(0) != nil {
		t.Error("limits are wrong")
	}
}

// Whoever may work a quarter of the time pauses three times as long as it worked,
// and a limit of bytes is kept over time.
func TestPaceKeepsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{ctx: t.Context(), duty: 0.25, dutyUnderLoad: 0.25, began: time.Now()}
		time.Sleep(workSlice) // The work; the clock is the test's own.
		if err := p.step(); err != nil || p.paused != 3*workSlice {
			t.Errorf("after %v of work the pause was %v, error %v", workSlice, p.paused, err)
		}
		p = &pace{ctx: t.Context(), writes: newLimiter(1 << 20), duty: 1, dutyUnderLoad: 1, began: time.Now()}
		began := time.Now()
		if err := p.wait(p.writes, 10<<20); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("10 MiB at 1 MiB a second took %v", took)
		}
	})
}

// While somebody waits for a core a job has its share under load and no more;
// when nobody does, all of it, from the next breath on.
func TestPaceMakesWay(t *testing.T) {
	for name, test := range map[string]struct {
		waits func(since time.Duration) bool
		want  time.Duration // Of pauses in 100 portions of work.
	}{
		"nobody waits":            {func(time.Duration) bool { return false }, 0},
		"somebody always waits":   {func(time.Duration) bool { return true }, 300 * lookSlice},
		"for the first 10 ms":     {func(d time.Duration) bool { return d < 10*time.Millisecond }, 8 * time.Millisecond},
		"soon nobody waits again": {func(d time.Duration) bool { return d == lookSlice }, contentionPause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := &pace{ctx: t.Context(), duty: 1, dutyUnderLoad: 0.25, began: began, looked: began}
				p.contended = func() bool { return test.waits(time.Since(began)) }
				for range 100 {
					time.Sleep(lookSlice) // The work; the clock is the test's own.
					if err := p.step(); err != nil {
						t.Fatal(err)
					}
				}
				if d := p.paused - test.want; d < -contentionPause || d > contentionPause {
					t.Errorf("%v of pauses, want %v", p.paused, test.want)
				}
				if all := time.Since(began); all != 100*lookSlice+p.paused {
					t.Errorf("%v in all with %v of pauses", all, p.paused)
				}
			})
		})
	}
}

// Goroutines that cannot run because all cores are taken are seen, and those that
// wait for something else are not.
func TestContentionSeesWhoWaits(t *testing.T) {
	c := newContention()
	release := make(chan struct{})
	var done sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		done.Go(func() { <-release })
	}
	// The test's own machinery may run briefly.
	if !eventually(t, func() bool { return !c.waits() }) {
		t.Error("goroutines that wait for a channel count")
	}
	close(release)
	done.Wait()
	var stop atomic.Bool
	for range 4 * runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for !stop.Load() { //nolint:revive // It is to use a core.
			}
		})
	}
	if !eventually(t, c.waits) {
		t.Error("nobody is seen to wait for a core")
	}
	stop.Store(true)
	done.Wait()
}

// eventually asks until the answer is yes, for at most a minute.
func eventually(t *testing.T, yes func() bool) bool {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if yes() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &pace{ctx: ctx, reads: newLimiter(1), duty: 0.5, dutyUnderLoad: 0.5, began: time.Now().Add(-time.Hour)}
	cancel()
	if err := p.step(); !errors.Is(err, context.Canceled) {
		t.Errorf("step: error is %v", err)
	}
	if err := p.wait(p.reads, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: error is %v", err)
	}
	if err := p.pause(time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("pause: error is %v", err)
	}
}
