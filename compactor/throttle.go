package compactor

import (
	"context"
	"io"
	"time"

	"golang.org/x/time/rate"
)

// newLimiter allows bytes a second, in portions of at most a tenth of that.
func newLimiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(bytesPerSecond/10, 4<<10)))
}

// pace keeps one job from taking more than its share. It is used by the job's
// goroutine.
type pace struct {
	ctx           context.Context
	reads, writes *rate.Limiter // Shared with other jobs; nil: no limit.
	duty          float64

	began  time.Time     // Of the work since the last pause.
	paused time.Duration // In all.
}

// workSlice is how long a job works between two pauses.
const workSlice = 20 * time.Millisecond

// step is called after each small piece of work. It returns the context's error
// when the job is to end.
func (p *pace) step() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.duty >= 1 {
		return nil
	}
	worked := time.Since(p.began)
	if worked < workSlice {
		return nil
	}
	return p.pause(time.Duration(float64(worked) * (1 - p.duty) / p.duty))
}

func (p *pace) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	began := time.Now()
	select {
	case <-p.ctx.Done():
		return p.ctx.Err()
	case <-t.C:
	}
	p.paused += time.Since(began)
	p.began = time.Now()
	return nil
}

// wait waits until n bytes may pass l.
func (p *pace) wait(l *rate.Limiter, n int) error {
	if l == nil {
		return p.ctx.Err()
	}
	began := time.Now()
	for n > 0 {
		take := min(n, l.Burst())
		if err := l.WaitN(p.ctx, take); err != nil {
			return err
		}
		n -= take
	}
	waited := time.Since(began)
	p.paused += waited
	p.began = p.began.Add(waited) // It was no work.
	return nil
}

// pacedReader reads no faster than its pace.
type pacedReader struct {
	io.ReaderAt
	pace *pace
}

// ReadAt implements io.ReaderAt.
func (r *pacedReader) ReadAt(b []byte, off int64) (int, error) {
	if err := r.pace.wait(r.pace.reads, len(b)); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(b, off)
}

// pacedWriter writes no faster than its pace, and counts.
type pacedWriter struct {
	io.Writer
	pace    *pace
	written int64 // Bytes.
}

// Write implements io.Writer.
func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.pace.wait(w.pace.writes, len(b)); err != nil {
		return 0, err
	}
	n, err := w.Writer.Write(b)
	w.written += int64(n)
	return n, err
}
