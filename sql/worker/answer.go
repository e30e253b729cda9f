package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"herringbone/sql/duck"
)

// answer is a running request of a session.
type answer struct {
	session *Session
	ctx     context.Context
	stop    func() bool // Takes back the cancel at the end of ctx.

	mu    sync.Mutex // Guards timer and over.
	timer *time.Timer
	over  bool
}

// cancel asks the child to stop, and kills it if it does not. It runs at the end
// of ctx, beside whatever the session does.
func (a *answer) cancel() {
	p := a.session.proc
	a.mu.Lock()
	if !a.over {
		a.timer = time.AfterFunc(a.session.pool.opts.KillAfter, func() { p.kill("deadline") })
	}
	a.mu.Unlock()
	if !p.writing.TryLock() {
		// A message is on its way and the child does not take it. Half of it would
		// be the end of the protocol, so let it be the end of the child.
		p.kill("deadline")
		return
	}
	defer p.writing.Unlock()
	_ = p.sock.SetWriteDeadline(time.Now().Add(cancelPatience))
	if p.send(kindCancel, nil) != nil {
		p.kill("deadline")
	}
}

// cancelPatience is how long the socket may take to accept a cancel.
const cancelPatience = 100 * time.Millisecond

func wrapContext(err error) error { return fmt.Errorf("SQL process: %w", err) }

// write sends one message.
func (a *answer) write(k kind, payload []byte) error {
	p := a.session.proc
	p.writing.Lock()
	defer p.writing.Unlock()
	return p.send(k, payload)
}

// load sends rows. An error is write's own; what happens to the child shows in
// finish.
func (a *answer) load(write func(io.Writer) error) error {
	out := &rowsWriter{answer: a}
	err := write(out)
	if out.err != nil {
		return nil // The child does not listen any more.
	}
	reason := []byte(nil)
	if err != nil {
		reason = append([]byte("by the sender: "), err.Error()...)
	}
	_ = a.write(kindEnd, reason)
	return err
}

// rowsWriter sends what is written as rows.
type rowsWriter struct {
	*answer
	err error
}

// Write implements io.Writer.
func (w *rowsWriter) Write(b []byte) (int, error) {
	for piece := range slices.Chunk(b, maxFrame) {
		if err := w.ctx.Err(); err != nil {
			return 0, err
		}
		if w.err == nil {
			w.err = w.write(kindRows, piece)
		}
		if w.err != nil {
			return 0, w.err
		}
	}
	return len(b), nil
}

// next returns the next message of the answer: meta, body or ok. All else is an
// error, and every error is the end of the answer.
func (a *answer) next(hint int) (kind, []byte, error) { return a.nextInto(hint, nil) }

// nextInto is next that uses memory again.
func (a *answer) nextInto(hint int, into []byte) (kind, []byte, error) {
	k, payload, err := a.session.proc.receiveInto(fromChild, hint, into)
	switch {
	case err != nil:
		return 0, nil, a.fail(err)
	case k == kindFail:
		e := &duck.Error{}
		if err := json.Unmarshal(payload, e); err != nil {
			return 0, nil, a.fail(errProtocol)
		}
		if !e.User() {
			a.session.unfit = true
		}
		return 0, nil, a.end(e)
	case k == kindOK:
		return k, payload, a.end(nil)
	}
	return k, payload, nil
}

// finish reads an answer of one message.
func (a *answer) finish() ([]byte, error) {
	k, payload, err := a.next(0)
	if err == nil && k != kindOK {
		err = a.fail(errProtocol)
	}
	return payload, err
}

// end is the regular end of an answer. If ctx ended meanwhile, a cancel is on its
// way to the child, which must not meet the next request.
func (a *answer) end(err error) error {
	a.mu.Lock()
	again := a.over
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	if again || a.stop() {
		return err
	}
	a.session.broken = a.ctx.Err()
	if err == nil {
		return nil
	}
	return wrapContext(a.ctx.Err())
}

// fail is the other end of an answer: the socket broke, or what came out of it
// made no sense. The child is dead after it.
func (a *answer) fail(err error) error {
	s := a.session
	cause := CauseProtocol
	if !errors.Is(err, errProtocol) {
		cause = ""
	}
	switch {
	case cause == "" && !errors.Is(err, os.ErrDeadlineExceeded):
		// Its end comes, or came, by itself: wait for it to get to know the reason.
		select {
		case <-s.proc.ended:
		case <-time.After(s.pool.opts.KillAfter):
			s.proc.kill(string(CauseCrash))
		}
	default:
		s.proc.kill(string(CauseProtocol))
	}
	died := s.proc.died()
	if cause != "" {
		died.Cause = cause
	}
	_ = a.end(nil)
	if err := a.ctx.Err(); err != nil {
		s.broken = err
		return wrapContext(err)
	}
	s.broken = died
	return died
}

// abandon ends an answer that nobody reads to its end: by ending the child.
// Reading on could take as long as the query.
func (a *answer) abandon() {
	a.mu.Lock()
	over := a.over
	a.mu.Unlock()
	if over {
		return
	}
	s := a.session
	s.proc.kill("replaced")
	_ = a.end(nil)
	s.broken = errors.Join(s.broken, errAbandoned)
}

// errAbandoned: the rows of the last query were not read to their end.
var errAbandoned = errors.New("the query was ended before its rows were read")
