package compactor

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacedBytesAreTheSame(t *testing.T) {
	p := &pace{ctx: t.Context(), reads: newLimiter(1 << 30), writes: newLimiter(1 << 30), duty: 1}
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
		p := &pace{ctx: t.Context(), duty: 0.25, began: time.Now()}
		time.Sleep(workSlice) // The work; the clock is the test's own.
		if err := p.step(); err != nil || p.paused != 3*workSlice {
			t.Errorf("after %v of work the pause was %v, error %v", workSlice, p.paused, err)
		}
		p = &pace{ctx: t.Context(), writes: newLimiter(1 << 20), duty: 1, began: time.Now()}
		began := time.Now()
		if err := p.wait(p.writes, 10<<20); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("10 MiB at 1 MiB a second took %v", took)
		}
	})
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &pace{ctx: ctx, reads: newLimiter(1), duty: 0.5, began: time.Now().Add(-time.Hour)}
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
