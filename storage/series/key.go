package series

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
)

// Limits bound one series' labels. Zero fields mean no limit.
type Limits struct {
	Labels      int // Labels a series.
	NameLength  int // Bytes of a label name.
	ValueLength int // Bytes of a label value.
}

// DefaultLimits are wide enough for every exporter we know of.
func DefaultLimits() Limits {
	return Limits{Labels: 256, NameLength: 1024, ValueLength: 16 << 10}
}

// A key is a label set in the encoding of prompb.TimeSeries' labels field: for
// each label 0x0a, its length, then 0x0a, length, name, 0x12, length, value.
const (
	tagLabel = 0x0a
	tagName  = 0x0a
	tagValue = 0x12
)

// AppendKeyLabel adds one label to a key. Labels may come in any order.
func AppendKeyLabel[S string | []byte](key []byte, name, value S) []byte {
	size := 2 + uvarintLen(uint64(len(name))) + len(name) + uvarintLen(uint64(len(value))) + len(value)
	key = append(key, tagLabel)
	key = binary.AppendUvarint(key, uint64(size))
	key = append(key, tagName)
	key = binary.AppendUvarint(key, uint64(len(name)))
	key = append(key, name...)
	key = append(key, tagValue)
	key = binary.AppendUvarint(key, uint64(len(value)))
	return append(key, value...)
}

// AppendKey adds all labels of ls, in their order, to key.
func AppendKey(key []byte, ls labels.Labels) []byte {
	ls.Range(func(l labels.Label) { key = AppendKeyLabel(key, l.Name, l.Value) })
	return key
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

// ParseKey returns the checked, sorted labels of a key; b is scratch memory.
// Labels with an empty value are left out, as everywhere in Prometheus. The
// result shares no memory with key. Errors wrap ErrInvalid.
func ParseKey(key []byte, b *labels.ScratchBuilder, lim Limits) (labels.Labels, error) {
	b.Reset()
	n := 0
	for len(key) > 0 {
		name, value, rest, err := nextLabel(key)
		if err != nil {
			return labels.EmptyLabels(), err
		}
		key = rest
		if len(name) == 0 {
			return labels.EmptyLabels(), fmt.Errorf("label with an empty name: %w", ErrInvalid)
		}
		if len(value) == 0 {
			continue
		}
		if err := checkLabel(name, value, lim); err != nil {
			return labels.EmptyLabels(), err
		}
		n++
		b.Add(string(name), string(value))
	}
	if lim.Labels > 0 && n > lim.Labels {
		return labels.EmptyLabels(), fmt.Errorf("%d labels, at most %d are allowed: %w", n, lim.Labels, ErrInvalid)
	}
	b.Sort()
	ls := b.Labels()
	if !ls.Has(labels.MetricName) {
		return labels.EmptyLabels(), fmt.Errorf("no %s label: %w", labels.MetricName, ErrInvalid)
	}
	if name, dup := ls.HasDuplicateLabelNames(); dup {
		return labels.EmptyLabels(), fmt.Errorf("label name %q occurs twice: %w", name, ErrInvalid)
	}
	return ls, nil
}

func checkLabel(name, value []byte, lim Limits) error {
	switch {
	case !utf8.Valid(name):
		return fmt.Errorf("label name %q is not valid UTF-8: %w", name, ErrInvalid)
	case !utf8.Valid(value):
		return fmt.Errorf("value %.100q of label %q is not valid UTF-8: %w", value, name, ErrInvalid)
	case lim.NameLength > 0 && len(name) > lim.NameLength:
		return fmt.Errorf("label name %.60q… has %d bytes, at most %d are allowed: %w", name, len(name), lim.NameLength, ErrInvalid)
	case lim.ValueLength > 0 && len(value) > lim.ValueLength:
		return fmt.Errorf("value of label %.60q has %d bytes, at most %d are allowed: %w", name, len(value), lim.ValueLength, ErrInvalid)
	}
	return nil
}

// nextLabel splits the first label off key. Fields may come in either order,
// and either may be absent, as protobuf allows; unknown fields are an error,
// because no sender writes them and guessing would change the series.
func nextLabel(key []byte) (name, value, rest []byte, err error) {
	if key[0] != tagLabel {
		return nil, nil, nil, fmt.Errorf("series key has field tag %#x where a label should be: %w", key[0], ErrInvalid)
	}
	label, rest, ok := lengthPrefixed(key[1:])
	if !ok {
		return nil, nil, nil, fmt.Errorf("series key ends inside a label: %w", ErrInvalid)
	}
	for len(label) > 0 {
		tag := label[0]
		var field []byte
		field, label, ok = lengthPrefixed(label[1:])
		switch {
		case !ok:
			return nil, nil, nil, fmt.Errorf("label ends inside a field: %w", ErrInvalid)
		case tag == tagName:
			name = field
		case tag == tagValue:
			value = field
		default:
			return nil, nil, nil, fmt.Errorf("label has unknown field tag %#x: %w", tag, ErrInvalid)
		}
	}
	return name, value, rest, nil
}

func lengthPrefixed(b []byte) (field, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}
