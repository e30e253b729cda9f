package format

import (
	"fmt"
	"mime"
	"strconv"
	"strings"

	"herringbone/storage/series"
)

// Negotiate chooses the format of an answer: param, the request's format
// parameter, wins over accept, its Accept header (several headers joined by
// commas). Neither, or anything accepted, is JSON. Errors wrap
// series.ErrInvalid and name the choices.
func Negotiate(param, accept string) (Format, error) {
	if param != "" {
		return Parse(param)
	}
	ranges := parseAccept(accept)
	if len(ranges) == 0 {
		return JSON, nil
	}
	best, bestQ, bestAt := Format(""), 0.0, 0
	for _, f := range formats {
		q, at := quality(f, ranges)
		if q > bestQ || (q == bestQ && q > 0 && at < bestAt) {
			best, bestQ, bestAt = f, q, at
		}
	}
	if best == "" {
		return "", fmt.Errorf("no format for Accept %.100q, the formats are %s: %w", accept, choices(), series.ErrInvalid)
	}
	return best, nil
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	kind string // "text/csv", "text/*" or "*/*"
	q    float64
}

// parseAccept leaves out what it cannot read: a client with a sloppy header
// still gets an answer.
func parseAccept(accept string) []mediaRange {
	var out []mediaRange
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil || !strings.Contains(kind, "/") {
			continue
		}
		r := mediaRange{kind: kind, q: 1}
		if text, ok := params["q"]; ok {
			r.q, err = strconv.ParseFloat(text, 64)
			if err != nil || !(r.q >= 0 && r.q <= 1) {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// quality of f is that of the most specific range that covers it; at is where
// that range stands. A range for everything stands last, so that it never
// breaks a tie against a format that is named.
func quality(f Format, ranges []mediaRange) (q float64, at int) {
	specific := -1
	for i, r := range ranges {
		for _, kind := range mediaTypes[f] {
			s := covers(r.kind, kind)
			if s <= specific {
				continue
			}
			specific, q, at = s, r.q, i
			if s < 2 {
				at += len(ranges)
			}
		}
	}
	return q, at
}

// covers says how exactly a range names kind: 2 by name, 1 by its main type, 0
// as anything, -1 not at all.
func covers(r, kind string) int {
	main, _, _ := strings.Cut(kind, "/")
	switch r {
	case kind:
		return 2
	case main + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}
