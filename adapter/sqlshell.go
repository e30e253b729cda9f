package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"herringbone/adapter/shell"
	"herringbone/sql/format"
)

// sqlShell is the command line of adapter sql.
type sqlShell struct {
	options      shell.Options
	file         string
	headers      []string
	passwordFile string
	tokenFile    string
}

func (s *sqlShell) register(app *kingpin.Application) *kingpin.CmdClause {
	c := app.Command("sql", "Ask a node SQL: one query, a script, or a dialogue.")
	o := &s.options
	names := make([]string, 0, 7)
	for _, f := range format.Formats() {
		names = append(names, string(f))
	}
	c.Arg("query", "Statements, separated by semicolons. Without them: --file, or standard input, which may be a terminal.").StringVar(&o.Query)
	c.Flag("url", "Base URL of the node.").Default(shell.DefaultURL).StringVar(&o.URL)
	c.Flag("format", "Format of answers.").Default("pretty").EnumVar(&o.Format, append(names, "expanded")...)
	c.Flag("file", "File of statements.").Short('f').StringVar(&s.file)
	c.Flag("param", "Value of the next of $1, $2 …, or name=value for $name. Repeatable.").Short('p').StringsVar(&o.Params)
	c.Flag("timeout", "How long a query may run; 0 leaves it to the node.").Default("0s").DurationVar(&o.Timeout)
	c.Flag("header", "Header 'Name: value' of each request. Repeatable.").Short('H').StringsVar(&s.headers)
	c.Flag("username", "Name for basic authentication.").StringVar(&o.Username)
	c.Flag("password-file", "File that holds the password.").StringVar(&s.passwordFile)
	c.Flag("bearer-token-file", "File that holds a bearer token.").StringVar(&s.tokenFile)
	return c
}

// run asks. A dialogue takes SIGINT for itself and goes on, so it has no part in
// ctx, which ends by one.
func (s *sqlShell) run(ctx context.Context, stdin *os.File, stdout, stderr io.Writer) (err error) {
	o := s.options
	o.Out, o.Err, o.In = stdout, stderr, stdin
	if o.Header, err = parseHeaders(s.headers); err != nil {
		return err
	}
	if o.Password, err = secret(s.passwordFile); err != nil {
		return err
	}
	if o.BearerToken, err = secret(s.tokenFile); err != nil {
		return err
	}
	switch {
	case s.file != "" && o.Query != "":
		return fmt.Errorf("a query and --file: give one of them")
	case s.file != "":
		f, err := os.Open(s.file)
		if err != nil {
			return fmt.Errorf("open statements: %w", err)
		}
		defer f.Close() // Only read.
		o.In = f
	case o.Query == "":
		if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			o.Interactive, o.HistoryFile = true, shell.HistoryFile(os.Getenv)
			ctx = context.Background()
		}
	}
	return shell.Run(ctx, o)
}

func parseHeaders(list []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range list {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("--header %q is not of the form 'Name: value'", line)
		}
		h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return h, nil
}

// secret is the content of a file without the end of its line.
func secret(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
