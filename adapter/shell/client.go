package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"herringbone/storage/series"
)

// client sends statements to a node.
type client struct {
	http    *http.Client
	url     string
	opts    Options
	params  json.RawMessage // null if there are none.
	timeout time.Duration
}

func newClient(o Options) (*client, error) {
	c := &client{http: o.Client, opts: o, timeout: o.Timeout}
	if c.http == nil {
		c.http = &http.Client{}
	}
	var err error
	if c.url, err = url.JoinPath(o.URL, "/api/v1/sql"); err != nil {
		return nil, fmt.Errorf("URL %q: %w: %w", o.URL, err, series.ErrInvalid)
	}
	c.params, err = encodeParams(o.Params)
	return c, err
}

// question is the body of a request.
type question struct {
	Query   string          `json:"query"`
	Params  json.RawMessage `json:"params,omitempty"`
	Format  string          `json:"format"`
	Timeout string          `json:"timeout,omitempty"`
}

// ask sends a statement and returns the answer's body, which the caller closes.
// Reading it to its end without an error means that it is whole. The transport
// asks for gzip and decodes it.
func (c *client) ask(ctx context.Context, sql, format string, params json.RawMessage) (io.ReadCloser, error) {
	q := question{Query: sql, Params: params, Format: format}
	if c.timeout > 0 {
		q.Timeout = c.timeout.String()
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range c.opts.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case c.opts.BearerToken != "":
		req.Header.Set("Authorization", "Bearer "+c.opts.BearerToken)
	case c.opts.Username != "":
		req.SetBasicAuth(c.opts.Username, c.opts.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.opts.URL, plainError(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readFailure(resp, sql)
	}
	if endless(resp) {
		resp.Body.Close()
		return nil, fmt.Errorf("ask %s: the answer has no length and no end-of-stream marker, so it cannot be told whether it is whole", c.opts.URL)
	}
	return resp.Body, nil
}

// endless says whether the end of the body looks like a broken connection.
func endless(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && !resp.Uncompressed
}

// plainError drops the method and URL that the HTTP client puts in front.
func plainError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Error is a node's refusal of a statement.
type Error struct {
	Status    int    // Of HTTP.
	Type      string // Prometheus' errorType, or empty.
	Text      string
	Statement string
	Position  int // In bytes of Statement; -1 is unknown.
}

// Error has the line of the statement and a caret under the position behind it,
// if the position is known.
func (e *Error) Error() string {
	text := e.Text
	if e.Type != "" {
		text = e.Type + ": " + text
	}
	if place := caret(e.Statement, e.Position); place != "" {
		text += "\n" + place
	}
	return text
}

// maxFailure bounds what is read of an error's body.
const maxFailure = 64 << 10

func readFailure(resp *http.Response, sql string) error {
	e := &Error{Status: resp.StatusCode, Statement: sql, Position: -1}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFailure))
	var f struct {
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
		Position  *int   `json:"position"`
	}
	if err == nil && json.Unmarshal(body, &f) == nil && f.Error != "" {
		e.Type, e.Text = f.ErrorType, f.Error
		if f.Position != nil {
			e.Position = *f.Position
		}
		return e
	}
	e.Text = resp.Status
	if line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n"); line != "" {
		e.Text += ": " + visible(line)
	}
	return e
}

var (
	namedParam  = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)=(?s)(.*)$`)
	numberParam = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// encodeParams makes a JSON array of values, or an object of name=value.
func encodeParams(params []string) (json.RawMessage, error) {
	var list []json.RawMessage
	named := map[string]json.RawMessage{}
	for _, p := range params {
		m := namedParam.FindStringSubmatch(p)
		if m == nil {
			list = append(list, encodeParam(p))
			continue
		}
		if named[m[1]] != nil {
			return nil, fmt.Errorf("parameter %s is given twice: %w", m[1], series.ErrInvalid)
		}
		named[m[1]] = encodeParam(m[2])
	}
	switch {
	case len(list) > 0 && len(named) > 0:
		return nil, fmt.Errorf("parameters with and without a name (a value that holds = is written in single quotes): %w", series.ErrInvalid)
	case len(list) > 0:
		return json.Marshal(list)
	case len(named) > 0:
		return json.Marshal(named)
	}
	return nil, nil
}

// encodeParam keeps the digits of numbers as they are.
func encodeParam(v string) json.RawMessage {
	switch {
	case v == "true", v == "false", v == "null", numberParam.MatchString(v):
		return json.RawMessage(v)
	case len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'':
		v = strings.ReplaceAll(v[1:len(v)-1], "''", "'")
	}
	text, _ := json.Marshal(v) // A string.
	return text
}
