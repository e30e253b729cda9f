package sql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"herringbone/sql/duck"
	"herringbone/sql/engine"
	"herringbone/sql/format"
	"herringbone/storage/series"
)

// maxBody bounds a request: statements have a limit of their own, parameters
// have not.
const maxBody = 1 << 20

// request is one question as it came.
type request struct {
	engine.Request
	format format.Format
}

// fields are a request's parts before they are understood.
type fields struct {
	Query         string          `json:"query"`
	Params        json.RawMessage `json:"params"`
	Format        string          `json:"format"`
	Timeout       string          `json:"timeout"`
	Progressive   *bool           `json:"progressive"`
	Indexed       *bool           `json:"indexed"`
	Int64AsString bool            `json:"int64_as_string"`
}

// readRequest reads what w's client asks. Errors wrap series.ErrInvalid, or are a
// *http.MaxBytesError.
func readRequest(w http.ResponseWriter, r *http.Request) (*request, format.Options, error) {
	var o format.Options
	f, err := readFields(w, r)
	if err != nil {
		return nil, o, err
	}
	out := &request{}
	if out.format, err = format.Negotiate(f.Format, r.Header.Get("Accept")); err != nil {
		return nil, o, err
	}
	if f.Query == "" {
		return nil, o, fmt.Errorf("the parameter query is missing: %w", series.ErrInvalid)
	}
	out.SQL, out.Writes = f.Query, r.Method == http.MethodPost
	if out.Params, err = parseParams(f.Params); err != nil {
		return nil, o, err
	}
	if f.Timeout != "" {
		if out.Timeout, err = parseTimeout(f.Timeout); err != nil {
			return nil, o, err
		}
	}
	out.Whole = f.Progressive != nil && !*f.Progressive
	out.Scan = f.Indexed != nil && !*f.Indexed
	o.Int64AsString = f.Int64AsString
	return out, o, nil
}

func readFields(w http.ResponseWriter, r *http.Request) (f fields, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method == http.MethodPost && kind == "application/json":
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return f, invalid("read JSON body", err)
		}
		if d.More() {
			return f, fmt.Errorf("more than one JSON value in the body: %w", series.ErrInvalid)
		}
		return f, nil
	default:
		if err := r.ParseForm(); err != nil {
			return f, invalid("read form", err)
		}
	}
	f.Query, f.Format, f.Timeout = r.Form.Get("query"), r.Form.Get("format"), r.Form.Get("timeout")
	if p := r.Form.Get("params"); p != "" {
		f.Params = json.RawMessage(p)
	}
	for name, to := range map[string]**bool{"progressive": &f.Progressive, "indexed": &f.Indexed} {
		p := r.Form.Get(name)
		if p == "" {
			continue
		}
		b, err := strconv.ParseBool(p)
		if err != nil {
			return f, invalid("parameter "+name, err)
		}
		*to = &b
	}
	if p := r.Form.Get("int64_as_string"); p != "" {
		if f.Int64AsString, err = strconv.ParseBool(p); err != nil {
			return f, invalid("parameter int64_as_string", err)
		}
	}
	return f, nil
}

// invalid makes err the client's fault, but keeps that a body was too large.
func invalid(doing string, err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, err, series.ErrInvalid)
}

// parseTimeout takes Go's and Prometheus' durations and plain seconds.
func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		if p, promErr := model.ParseDuration(s); promErr == nil {
			d, err = time.Duration(p), nil
		} else if f, numErr := strconv.ParseFloat(s, 64); numErr == nil && f < 1e9 {
			d, err = time.Duration(f*float64(time.Second)), nil
		}
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("timeout %.40q is not a positive duration: %w", s, series.ErrInvalid)
	}
	return d, nil
}

// parseParams reads an array or an object of parameters. Integers stay exact.
func parseParams(raw json.RawMessage) (p duck.Params, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return p, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return p, invalid("read params", err)
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			value, err := parseParam(e)
			if err != nil {
				return p, fmt.Errorf("parameter $%d: %w", i+1, err)
			}
			p.Positional = append(p.Positional, value)
		}
	case map[string]any:
		p.Named = make(map[string]any, len(v))
		for name, e := range v {
			if p.Named[name], err = parseParam(e); err != nil {
				return p, fmt.Errorf("parameter $%.40s: %w", name, err)
			}
		}
	default:
		return p, fmt.Errorf("params is neither a JSON array nor an object: %w", series.ErrInvalid)
	}
	return p, nil
}

func parseParam(v any) (any, error) {
	n, ok := v.(json.Number)
	if !ok {
		switch v.(type) {
		case nil, bool, string:
			return v, nil
		}
		return nil, fmt.Errorf("a value is a string, a number, a boolean or null: %w", series.ErrInvalid)
	}
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("number %.40s: %w: %w", n, err, series.ErrInvalid)
	}
	return f, nil
}
