package shell

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"herringbone/sql/format"
	"herringbone/storage/series"
)

// DefaultURL is where a node listens if nothing else is said.
const DefaultURL = "http://127.0.0.1:9201"

// Options say what to ask, whom and how.
type Options struct {
	URL   string // Of the node, without /api/v1/sql; empty is DefaultURL.
	Query string // Statements; empty: they are read from In.

	// Format is one of sql/format's, or expanded; empty is pretty.
	Format string
	// Params are the values of $1, $2 … or, written name=value, of $name. Numbers,
	// true, false and null are meant as such, 'quoted' text never is.
	Params []string
	// Timeout is how long a query may run; 0 leaves it to the node.
	Timeout time.Duration

	Header      http.Header // Sent with each request: the tenant, say.
	Username    string      // Basic authentication, if not empty.
	Password    string
	BearerToken string
	Client      *http.Client // nil: http.DefaultTransport, no timeout of its own.

	In       io.Reader
	Out, Err io.Writer

	// Interactive: In is a terminal. Errors are then shown and the shell goes on;
	// otherwise the first one ends it.
	Interactive bool
	// HistoryFile keeps the lines of the dialogue; empty keeps none. Its directory
	// is made if need be.
	HistoryFile string
}

func (o Options) validate() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return fmt.Errorf("URL: %w: %w", err, series.ErrInvalid)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("URL %q does not begin with http://host or https://host: %w", o.URL, series.ErrInvalid)
	case o.Timeout < 0:
		return fmt.Errorf("timeout %v is negative: %w", o.Timeout, series.ErrInvalid)
	case o.Query != "" && o.Interactive:
		return fmt.Errorf("a query and a dialogue at once: %w", series.ErrInvalid)
	}
	return nil
}

// expanded is the pretty format with a line a value.
const expanded = "expanded"

// checkFormat returns name as the shell knows it.
func checkFormat(name string) (string, error) {
	if name == "" {
		return string(format.Pretty), nil
	}
	if strings.EqualFold(name, expanded) {
		return expanded, nil
	}
	f, err := format.Parse(name)
	if err != nil {
		return "", fmt.Errorf("%w (or %s)", err, expanded)
	}
	return string(f), nil
}

// HistoryFile is where the dialogue's history belongs by the XDG rules; getenv is
// os.Getenv. It is empty if there is no home directory.
func HistoryFile(getenv func(string) string) string {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := getenv("HOME")
		if home == "" {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "herringbone", "sql_history")
}
