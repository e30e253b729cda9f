package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/chzyer/readline"
)

const (
	prompt     = "sql> "
	morePrompt = "...> "
)

// errCancelled is why a query ended at Ctrl-C.
var errCancelled = errors.New("cancelled")

// dialogue reads lines from a terminal until Ctrl-D, \q or the end of ctx.
func (s *session) dialogue(ctx context.Context) error {
	rl, err := s.openTerminal(ctx)
	if err != nil {
		return err
	}
	defer rl.Close()
	defer context.AfterFunc(ctx, func() { rl.Close() })()
	s.tell("%s, \\? for help", s.opts.URL)
	var sc script
	for ctx.Err() == nil {
		rl.SetPrompt(prompt)
		if sc.pending.Len() > 0 {
			rl.SetPrompt(morePrompt)
		}
		line, err := rl.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			sc.rest()
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read from terminal: %w", err)
		}
		if err := s.interruptible(ctx, func(ctx context.Context) error {
			return s.feed(ctx, &sc, line, "")
		}); errors.Is(err, errQuit) {
			return nil
		} else if err != nil {
			s.tell("error: %v", err)
		}
	}
	return nil
}

// interruptible runs f with a context that Ctrl-C ends.
func (s *session) interruptible(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	go func() {
		select {
		case <-interrupts:
			cancel(errCancelled)
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	if errors.Is(err, errCancelled) {
		return errCancelled
	}
	return err
}

// openTerminal makes the line editor. Its raw mode is that of the process'
// terminal, so another In (a test's) is taken as it comes.
func (s *session) openTerminal(ctx context.Context) (*readline.Instance, error) {
	if err := makeHistory(s.opts.HistoryFile); err != nil {
		s.tell("no history: %v", err)
		s.opts.HistoryFile = ""
	}
	config := &readline.Config{
		Prompt:            prompt,
		HistoryFile:       s.opts.HistoryFile,
		HistoryLimit:      10_000,
		HistorySearchFold: true,
		AutoComplete:      &completer{session: s, ctx: ctx},
		Stdout:            s.opts.Out,
		Stderr:            s.opts.Err,
		EOFPrompt:         "\n",
	}
	if s.opts.In != os.Stdin {
		config.Stdin = readline.NewCancelableStdin(s.opts.In)
		config.FuncMakeRaw = func() error { return nil }
		config.FuncExitRaw = func() error { return nil }
		config.ForceUseInteractive = true
	}
	rl, err := readline.NewEx(config)
	if err != nil {
		return nil, fmt.Errorf("open terminal: %w", err)
	}
	return rl, nil
}

// makeHistory makes the file, which only its owner may read: statements hold
// values.
func makeHistory(name string) error {
	if name == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
