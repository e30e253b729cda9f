package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"herringbone/storage/series"
)

const help = `\d          list the tables            \timing       show how long queries take
\d name     describe a table           \format name  json, jsonl, csv, arrow, parquet, pretty
\df         list the files             \x            a line a value, or a table again
\l          list the labels            \o [file]     results into a file, or back
\dt         list the tables            \i file       run the statements of a file
\?          this help                  \q            quit
Statements end in a semicolon. Ctrl-C ends a running query, Ctrl-D the shell, Tab completes names.
`

// command runs a line that begins with a backslash.
func (s *session) command(ctx context.Context, line string) error {
	name, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSuffix(strings.TrimSpace(arg), ";")
	switch strings.TrimSuffix(name, ";") {
	case `\d`, `\dt`:
		if arg != "" {
			return s.show(ctx, "DESCRIBE "+tableName(arg), nil)
		}
		return s.show(ctx, "SHOW TABLES", nil)
	case `\df`:
		return s.show(ctx, "SELECT * FROM system.files", nil)
	case `\l`:
		return s.show(ctx, "SELECT * FROM system.labels", nil)
	case `\timing`:
		s.timing = !s.timing
		s.tell("Timing is %s.", onOff(s.timing))
	case `\x`:
		return s.toggleExpanded()
	case `\format`:
		return s.setFormat(arg)
	case `\o`:
		return s.openFile(arg)
	case `\i`:
		return s.include(ctx, arg)
	case `\?`, `\h`, `\help`:
		fmt.Fprint(s.opts.Err, help)
	case `\q`, `\quit`:
		return errQuit
	default:
		return fmt.Errorf(`unknown command %s, \? lists the commands: %w`, visible(name), series.ErrInvalid)
	}
	return nil
}

// tell says something about the shell itself, apart from results.
func (s *session) tell(format string, args ...any) {
	fmt.Fprintf(s.opts.Err, format+"\n", args...)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (s *session) toggleExpanded() error {
	if s.format == expanded {
		return s.setFormat("pretty")
	}
	return s.setFormat(expanded)
}

func (s *session) setFormat(name string) error {
	if name == "" {
		s.tell("The format is %s.", s.format)
		return nil
	}
	f, err := checkFormat(name)
	if err != nil {
		return err
	}
	s.format = f
	s.tell("The format is %s.", s.format)
	return nil
}

// maxDepth bounds files that include each other.
const maxDepth = 16

func (s *session) include(ctx context.Context, name string) error {
	if name == "" {
		return fmt.Errorf(`\i needs a file: %w`, series.ErrInvalid)
	}
	if s.depth == maxDepth {
		return fmt.Errorf(`\i %s: %d files include each other: %w`, name, maxDepth, series.ErrInvalid)
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return fmt.Errorf("%w: %w", err, series.ErrInvalid)
	}
	defer f.Close()
	s.depth++
	defer func() { s.depth-- }()
	return s.runScript(ctx, f, name)
}

// tableName quotes what a person wrote as a table: a quoted name as it is,
// system.x and metric.x by their parts, anything else whole.
func tableName(arg string) string {
	if strings.Contains(arg, `"`) {
		return arg
	}
	for _, schema := range []string{"system", "metric", "information_schema"} {
		if rest, ok := strings.CutPrefix(arg, schema+"."); ok {
			return schema + "." + quoteName(rest)
		}
	}
	return quoteName(arg)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
