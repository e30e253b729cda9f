package merge

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
	dutyUnderLoad float64
	contended     func() bool // Whether somebody waits for a core.

	began  time.Time     // Of the work since the last pause.
	looked time.Time     // When contended was asked last, or the work began.
	paused time.Duration // In all.
}

const (
	workSlice = 20 * time.Millisecond // How long a job works between two pauses.
	// lookSlice is how long it works between two looks at whether others wait: about
	// what a request can lose to it. A look costs a microsecond.
	lookSlice       = 500 * time.Microsecond
	contentionPause = time.Millisecond // How long it pauses between two looks.
)

// step is called after each small piece of work. It returns the context's error
// when the job is to end.
func (p *pace) step() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	switch worked := now.Sub(p.began); {
	case p.duty < 1 && worked >= workSlice:
		return p.pause(rest(worked, p.duty))
	case p.dutyUnderLoad < p.duty && now.Sub(p.looked) >= lookSlice:
		return p.makeWay(now)
	}
	return nil
}

// makeWay pauses as long as somebody waits for a core, but not for longer than
// keeps the job at its share under load.
func (p *pace) makeWay(now time.Time) error {
	for left := rest(now.Sub(p.looked), p.dutyUnderLoad); left > 0 && p.contended(); left -= contentionPause {
		if err := p.pause(min(left, contentionPause)); err != nil {
			return err
		}
	}
	p.looked = time.Now()
	return nil
}

// rest is the pause that makes work a share of the time.
func rest(worked time.Duration, share float64) time.Duration {
	return time.Duration(float64(worked) * (1 - share) / share)
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
	p.began = time.Now()
	p.looked = p.began
	p.paused += p.began.Sub(began)
	return nil
}

// wait waits until n bytes may pass l. It is a step, too.
func (p *pace) wait(l *rate.Limiter, n int) error {
	if err := p.step(); err != nil || l == nil {
		return err
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
	p.began, p.looked = p.began.Add(waited), p.looked.Add(waited) // It was no work.
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
