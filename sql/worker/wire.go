package worker

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// hello is what a child is told once.
type hello struct {
	Dir             string       `json:"dir"`
	Duck            duck.Options `json:"duck"`
	DataBytes       int64        `json:"dataBytes"`
	FileBytes       int64        `json:"fileBytes"`
	CPUSeconds      int64        `json:"cpuSeconds"`
	AllowNoLandlock bool         `json:"allowNoLandlock"`
}

// cage says what holds a child.
type cage struct {
	Landlock int  `json:"landlock"` // ABI; 0: none.
	Seccomp  bool `json:"seccomp"`
}

// question is a query request.
type question struct {
	SQL        string           `json:"sql"`
	Positional []value          `json:"positional,omitempty"`
	Named      map[string]value `json:"named,omitempty"`
	Apart      bool             `json:"apart,omitempty"` // Batches are not joined.
}

// value is a parameter's value as text, exact for every type.
type value struct {
	Type string `json:"type"`
	Text string `json:"text,omitempty"`
}

func newQuestion(sql string, p duck.Params) (question, error) {
	q := question{SQL: sql, Named: map[string]value{}}
	for n, v := range p.Positional {
		text, err := encodeValue(v)
		if err != nil {
			return q, fmt.Errorf("parameter $%d: %w", n+1, err)
		}
		q.Positional = append(q.Positional, text)
	}
	for name, v := range p.Named {
		text, err := encodeValue(v)
		if err != nil {
			return q, fmt.Errorf("parameter $%s: %w", name, err)
		}
		q.Named[name] = text
	}
	return q, nil
}

func (q question) params() (duck.Params, error) {
	p := duck.Params{Named: map[string]any{}}
	for _, text := range q.Positional {
		v, err := text.decode()
		if err != nil {
			return p, err
		}
		p.Positional = append(p.Positional, v)
	}
	for name, text := range q.Named {
		v, err := text.decode()
		if err != nil {
			return p, err
		}
		p.Named[name] = v
	}
	return p, nil
}

func encodeValue(v any) (value, error) {
	switch v := v.(type) {
	case nil:
		return value{Type: "null"}, nil
	case bool:
		return value{"bool", strconv.FormatBool(v)}, nil
	case int64:
		return value{"int", strconv.FormatInt(v, 10)}, nil
	case uint64:
		return value{"uint", strconv.FormatUint(v, 10)}, nil
	case float64:
		return value{"float", strconv.FormatFloat(v, 'g', -1, 64)}, nil
	case string:
		return value{"bytes-string", base64.StdEncoding.EncodeToString([]byte(v))}, nil
	case []byte:
		return value{"bytes", base64.StdEncoding.EncodeToString(v)}, nil
	case time.Time:
		return value{"time", strconv.FormatInt(v.UnixMicro(), 10)}, nil
	}
	return value{}, fmt.Errorf("a value of type %T cannot be bound: %w", v, series.ErrInvalid)
}

func (v value) decode() (any, error) {
	switch v.Type {
	case "null":
		return nil, nil
	case "bool":
		return strconv.ParseBool(v.Text)
	case "int":
		return strconv.ParseInt(v.Text, 10, 64)
	case "uint":
		return strconv.ParseUint(v.Text, 10, 64)
	case "float":
		return strconv.ParseFloat(v.Text, 64)
	case "bytes-string":
		b, err := base64.StdEncoding.DecodeString(v.Text)
		return string(b), err
	case "bytes":
		return base64.StdEncoding.DecodeString(v.Text)
	case "time":
		us, err := strconv.ParseInt(v.Text, 10, 64)
		return time.UnixMicro(us).UTC(), err
	}
	return nil, fmt.Errorf("value of unknown type %q: %w", v.Type, errProtocol)
}
