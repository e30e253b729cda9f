package worker

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"herringbone/sql/duck"
)

// Session is a child for the time of one query.
//
// Concurrency: one goroutine; contexts end calls from outside. After a call whose
// context ended or whose child died, every call fails.
//
// Errors: *duck.Error is what DuckDB says of a statement. A call whose context
// ended wraps the context's error. A child that died is a *DiedError.
type Session struct {
	pool   *Pool
	proc   *process
	broken error // Why the child is not to be used again; nil: it is.
	unfit  bool  // The child is to be replaced, though it answers.
	closed bool
}

// Dir returns the absolute path of the directory whose files the child can read.
// The caller links files in; Close removes what is there.
func (s *Session) Dir() string { return s.proc.files() }

// AST returns the parse tree of sql; see duck.Instance.AST.
func (s *Session) AST(ctx context.Context, sql string) ([]byte, error) {
	return s.call(ctx, kindAST, []byte(sql))
}

// SQL returns the text of a parse tree; see duck.Instance.SQL.
func (s *Session) SQL(ctx context.Context, ast []byte) (string, error) {
	text, err := s.call(ctx, kindSQL, ast)
	return string(text), err
}

// Exec runs our own statements, one each, until one fails.
func (s *Session) Exec(ctx context.Context, statements ...string) error {
	text, err := json.Marshal(statements)
	if err != nil {
		return err
	}
	_, err = s.call(ctx, kindExec, text)
	return err
}

// Load makes a table of the rows that write writes as an Arrow IPC stream. It
// returns write's error if that fails.
func (s *Session) Load(ctx context.Context, table string, write func(io.Writer) error) error {
	a, err := s.begin(ctx, kindLoad, []byte(table))
	if err != nil {
		return err
	}
	if writeErr := a.load(write); writeErr != nil {
		a.finish()
		return errors.Join(writeErr, ctx.Err())
	}
	_, err = a.finish()
	return err
}

// call is a request with an answer of one message.
func (s *Session) call(ctx context.Context, k kind, payload []byte) ([]byte, error) {
	a, err := s.begin(ctx, k, payload)
	if err != nil {
		return nil, err
	}
	return a.finish()
}

// begin sends a request.
func (s *Session) begin(ctx context.Context, k kind, payload []byte) (*answer, error) {
	if s.closed || s.broken != nil {
		return nil, errors.Join(errors.New("the SQL session has ended"), s.broken)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(payload) > maxRequest {
		return nil, &duck.Error{Class: duck.InvalidInput, Message: "the statement is too long", Position: -1}
	}
	a := &answer{session: s, ctx: ctx}
	a.stop = context.AfterFunc(ctx, a.cancel)
	if err := a.write(k, payload); err != nil {
		return nil, a.fail(err)
	}
	return a, nil
}

// Close gives the child back, or has it replaced. It does not wait for that.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	p, proc := s.pool, s.proc
	p.state("busy", -1)
	p.state("resetting", 1)
	p.tasks.Go(func() {
		reason := s.reset()
		p.state("resetting", -1)
		if reason == "" {
			p.put(proc)
		} else {
			p.drop(proc, reason)
		}
	})
	<-p.slots
}

// reset makes the child ready for the next query; else it says why it is of no
// more use.
func (s *Session) reset() string {
	var died *DiedError
	switch {
	case errors.As(s.broken, &died):
		return string(died.Cause)
	case s.broken != nil || s.unfit || s.proc.uses >= s.pool.opts.MaxUses || s.proc.sweep() != nil:
		return "replaced"
	}
	if _, err := s.proc.ask(kindReset, nil, s.pool.opts.StartAfter); err != nil {
		return "replaced"
	}
	return ""
}
