package format

import (
	"fmt"
	"slices"
	"strings"

	"herringbone/storage/series"
)

// Format is one way to write a result; its value is what format= takes.
type Format string

// The formats.
const (
	JSON    Format = "json"
	JSONL   Format = "jsonl"
	CSV     Format = "csv"
	Arrow   Format = "arrow"
	Parquet Format = "parquet"
	Pretty  Format = "pretty"
)

// formats in the order of preference when a client leaves the choice to us.
var formats = []Format{JSON, JSONL, CSV, Arrow, Parquet, Pretty}

// mediaTypes that name each format in an Accept header; the first is what we
// answer with.
var mediaTypes = map[Format][]string{
	JSON:    {"application/json"},
	JSONL:   {"application/x-ndjson", "application/jsonl"},
	CSV:     {"text/csv"},
	Arrow:   {"application/vnd.apache.arrow.stream"},
	Parquet: {"application/vnd.apache.parquet"},
	Pretty:  {"text/plain"},
}

// Formats returns all formats, the default first. The slice is the caller's.
func Formats() []Format { return slices.Clone(formats) }

// Parse returns the format called name. The error wraps series.ErrInvalid and
// names the choices.
func Parse(name string) (Format, error) {
	f := Format(strings.ToLower(name))
	if !slices.Contains(formats, f) {
		return "", fmt.Errorf("unknown format %.40q, the formats are %s: %w", name, choices(), series.ErrInvalid)
	}
	return f, nil
}

// ContentType is the value of the Content-Type header.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case Pretty:
		return "text/plain; charset=utf-8"
	}
	if types := mediaTypes[f]; len(types) > 0 {
		return types[0]
	}
	return "application/octet-stream"
}

// Binary says that the bytes are not meant for a terminal.
func (f Format) Binary() bool { return f == Arrow || f == Parquet }

func choices() string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
