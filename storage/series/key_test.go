package series

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
)

func TestParseKey(t *testing.T) {
	key := func(pairs ...string) []byte {
		var k []byte
		for i := 0; i < len(pairs); i += 2 {
			k = AppendKeyLabel(k, pairs[i], pairs[i+1])
		}
		return k
	}
	tests := map[string]struct {
		key  []byte
		want string // Of labels.String; "" is an error.
		err  string
	}{
		"sorted":              {key: key("__name__", "up", "job", "x"), want: `{__name__="up", job="x"}`},
		"unsorted":            {key: key("job", "x", "__name__", "up"), want: `{__name__="up", job="x"}`},
		"capital first":       {key: key("__name__", "up", "A", "x"), want: `{A="x", __name__="up"}`},
		"empty value is none": {key: key("__name__", "up", "job", ""), want: `{__name__="up"}`},
		"no name":             {key: key("job", "x"), err: "no __name__ label"},
		"empty name":          {key: key("__name__", "up", "", "x"), err: "empty name"},
		"twice":               {key: key("__name__", "up", "a", "1", "a", "2"), err: `"a" occurs twice`},
		"bad UTF-8":           {key: key("__name__", "up", "a", "\xff"), err: "UTF-8"},
		"too many":            {key: key("__name__", "up", "a", "1", "b", "2", "c", "3"), err: "4 labels, at most 3"},
		"long name":           {key: key("__name__", "up", strings.Repeat("n", 11), "1"), err: "has 11 bytes"},
		"long value":          {key: key("__name__", "up", "n", strings.Repeat("v", 21)), err: "has 21 bytes"},
		"cut":                 {key: key("__name__", "up")[:5], err: "ends inside"},
		"not a label":         {key: []byte{0x12, 0}, err: "field tag"},
		"empty":               {key: nil, err: "no __name__ label"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := labels.NewScratchBuilder(4)
			got, err := ParseKey(tt.key, &b, Limits{Labels: 3, NameLength: 10, ValueLength: 20})
			if tt.err != "" {
				if err == nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Fatalf("%v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// A key is what a remote-write 1.0 sender puts on the wire.
func TestKeyIsRemoteWriteEncoding(t *testing.T) {
	ls := labels.FromStrings("__name__", "up", "long", strings.Repeat("x", 300), "ü", "ß")
	ts := prompb.TimeSeries{Labels: prompb.FromLabels(ls, nil)}
	wire, err := ts.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire, AppendKey(nil, ls)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(AppendKey(nil, labels.FromStrings("__name__", "up", "a", "b")))
	f.Fuzz(func(t *testing.T, key []byte) {
		b := labels.NewScratchBuilder(4)
		ls, err := ParseKey(key, &b, DefaultLimits())
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		again, err := ParseKey(AppendKey(nil, ls), &b, DefaultLimits())
		if err != nil || !labels.Equal(ls, again) {
			t.Fatalf("%v parsed again: %v, %v", ls, again, err)
		}
	})
}
