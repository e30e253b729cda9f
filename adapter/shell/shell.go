package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"herringbone/storage/series"
)

// Run answers the statements of o until there are no more, one fails (not in a
// dialogue) or ctx ends. Errors of a statement are *Error or a broken answer's;
// their text is for people and may have several lines.
//
// A dialogue takes SIGINT for itself while a query runs: ctx must not end by it.
func Run(ctx context.Context, o Options) (err error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if err := o.validate(); err != nil {
		return err
	}
	s := &session{opts: o, out: o.Out, timing: o.Interactive}
	if s.format, err = checkFormat(o.Format); err != nil {
		return err
	}
	if s.client, err = newClient(o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeFile()) }()
	switch {
	case o.Interactive:
		return s.dialogue(ctx)
	case o.Query != "":
		return s.runScript(ctx, strings.NewReader(o.Query), "")
	}
	return s.runScript(ctx, o.In, "")
}

// session is the state of one Run.
type session struct {
	opts   Options
	client *client
	names  names

	format string
	timing bool
	out    io.Writer // Where results go.
	file   *os.File  // Of \o, or nil.
	depth  int       // Of \i in \i.
}

// errQuit ends the shell.
var errQuit = errors.New("quit")

// maxLine bounds a line of a script: the node takes no longer statements anyway.
const maxLine = 4 << 20

// runScript runs the statements and commands of r, named for messages, and stops
// at the first error.
func (s *session) runScript(ctx context.Context, r io.Reader, name string) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var sc script
	for lines.Scan() {
		if err := s.feed(ctx, &sc, lines.Text(), name); err != nil {
			if errors.Is(err, errQuit) {
				return nil
			}
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read statements: %w", err)
	}
	return s.runAll(ctx, sc.rest(), name, sc.line > 1)
}

// feed takes one line: a command, or a part of a statement.
func (s *session) feed(ctx context.Context, sc *script, line, name string) error {
	if sc.pending.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), `\`) {
		sc.line++
		return s.command(ctx, strings.TrimSpace(line))
	}
	return s.runAll(ctx, sc.add(line), name, sc.line > 1)
}

// runAll runs statements one after the other; its error says where the script
// was if it had several lines.
func (s *session) runAll(ctx context.Context, statements []statement, name string, manyLines bool) error {
	for _, st := range statements {
		err := s.run(ctx, st.text)
		switch {
		case err == nil:
		case name != "":
			return fmt.Errorf("%s:%d: %w", name, st.line, err)
		case manyLines && !s.opts.Interactive:
			return fmt.Errorf("statement of line %d: %w", st.line, err)
		default:
			return err
		}
	}
	return nil
}

// run sends one statement and shows its answer.
func (s *session) run(ctx context.Context, sql string) error {
	return s.show(ctx, sql, s.client.params)
}

func (s *session) show(ctx context.Context, sql string, params []byte) error {
	if err := s.checkTerminal(); err != nil {
		return err
	}
	if s.client.timeout > 0 {
		// The node ends the query; this is for a node that does not answer.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.client.timeout+10*time.Second,
			fmt.Errorf("no answer 10 s after the timeout of %v", s.client.timeout))
		defer cancel()
	}
	start := time.Now()
	body, err := s.client.ask(ctx, sql, s.wireFormat(), params)
	if err != nil {
		return because(ctx, err)
	}
	defer body.Close()
	if err := s.render(body); err != nil {
		return because(ctx, err)
	}
	if s.timing {
		fmt.Fprintf(s.opts.Err, "Time: %v\n", time.Since(start).Round(100*time.Microsecond))
	}
	return nil
}

// because says why ctx ended, if that is what stopped the query.
func because(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// openFile sends what follows to a file; an empty name to Out again.
func (s *session) openFile(name string) error {
	if err := s.closeFile(); err != nil || name == "" {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("%w: %w", err, series.ErrInvalid)
	}
	s.file, s.out = f, f
	return nil
}

func (s *session) closeFile() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.out = nil, s.opts.Out
	return f.Close()
}
