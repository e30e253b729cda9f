package remote

import (
	"fmt"
	"strings"

	"herringbone/storage/series"
)

// symbols is the table of a 2.0 request: where in its body each string lies.
// Eight bytes a symbol, because a symbol may be as short as two.
type symbols struct {
	body  []byte
	spans []span
}

type span struct{ from, to uint32 }

func (s *symbols) reset(body []byte) { s.body, s.spans = body, s.spans[:0] }

func (s *symbols) add(from, to int) { s.spans = append(s.spans, span{uint32(from), uint32(to)}) }

// at returns symbol i, which must be in the table.
func (s *symbols) at(i uint32) []byte {
	p := s.spans[i]
	return s.body[p.from:p.to]
}

func (s *symbols) isMetricName(i uint32) bool {
	p := s.spans[i]
	return p.to-p.from == uint32(len(metricName)) && string(s.body[p.from:p.to]) == metricName
}

// check reports whether i is in the table. The error wraps series.ErrInvalid.
func (s *symbols) check(i uint32, what string) error {
	if int(i) < len(s.spans) {
		return nil
	}
	return fmt.Errorf("%s reference %d is outside of the table of %d symbols: %w", what, i, len(s.spans), series.ErrInvalid)
}

// interner keeps one string for equal bytes, so that a text which comes with
// every request is allocated once.
type interner struct {
	known map[string]string
	bytes int
}

// maxInterned bounds the bytes of kept texts; beyond it the interner forgets
// them all.
const maxInterned = 1 << 20

func (n *interner) text(b []byte) string {
	if s, ok := n.known[string(b)]; ok {
		return s
	}
	if n.known == nil {
		n.known = make(map[string]string)
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	n.known[string(b)] = s
	n.bytes += len(s) + 64 // The map's own share, about.
	return s
}

func (n *interner) trim() {
	if n.bytes > maxInterned {
		n.known, n.bytes = nil, 0
	}
}
