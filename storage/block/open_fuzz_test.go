package block

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// FuzzOpen opens bytes whose tail checksum is right, whatever they are, and
// reads all of them: nothing may panic or take memory out of proportion.
func FuzzOpen(f *testing.F) {
	whole := small(f)
	f.Add(whole.bytes, whole.meta.Tail)
	empty := write(f, Options{}, nil)
	f.Add(empty.bytes, empty.meta.Tail)
	f.Fuzz(func(t *testing.T, b []byte, tail int64) {
		if tail < 0 || tail > int64(len(b)) {
			return
		}
		r, err := Open(bytes.NewReader(b), int64(len(b)), "x", tail, crc32.Checksum(b[tail:], encoding.Castagnoli))
		if err != nil {
			return
		}
		readEverything(r)
	})
}

// FuzzOpenAggregates is FuzzOpen for the other form.
func FuzzOpenAggregates(f *testing.F) {
	whole := writeAggregates(f, Options{PageRows: 3}, aggregated(rand.New(rand.NewPCG(1, 2)), 2))
	f.Add(whole.bytes, whole.meta.Tail)
	f.Fuzz(func(t *testing.T, b []byte, tail int64) {
		if tail < 0 || tail > int64(len(b)) {
			return
		}
		r, err := OpenAggregates(bytes.NewReader(b), int64(len(b)), "x", tail, crc32.Checksum(b[tail:], encoding.Castagnoli))
		if err != nil {
			return
		}
		_, _ = r.Layout()
		_, _ = r.Metrics()
		if r.Rows() < 1<<20 {
			_ = r.Each(func(labels.Labels, *aggregate.Buckets) error { return nil })
		}
	})
}

// FuzzIndex is FuzzOpen behind the compression, which a fuzzer does not find its
// way through.
func FuzzIndex(f *testing.F) {
	whole := small(f)
	x := whole.open(f).index
	f.Add(x.appendBody(nil), whole.bytes[:whole.meta.Tail])
	f.Fuzz(func(t *testing.T, body, pages []byte) {
		x, err := parseBody(&samplesForm, indexVersion, body, int64(len(pages)))
		if err != nil {
			return
		}
		for g := range x.groups {
			for kind := range x.groups[g].pages {
				p := &x.groups[g].pages[kind]
				p.Crc = crc32.Checksum(pages[p.Offset:p.Offset+int64(p.Size)], encoding.Castagnoli)
			}
		}
		readEverything(newReader(bytes.NewReader(pages), "x", x))
	})
}

// small is a file with every column in use: the fuzzer is slow with long ones.
func small(f *testing.F) written {
	s := floats(1, 2, 3, 4)
	s.AppendFloat(5, 6, 1)
	h := oddHistograms()[0]
	h.T = 7
	s.AppendHistogram(h)
	return write(f, Options{Labels: []string{"id"}, PageRows: 3}, []one{
		{labels.FromStrings("__name__", "a", "id", "1"), floats(1, 1)},
		{labels.FromStrings("__name__", "b", "foo", "x"), s},
	})
}

func readEverything(r *Reader) {
	_ = r.LabelNames(nil, minTime, maxTime)
	_ = r.LabelValues("id", []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "foo", ".*x")}, minTime, maxTime)
	_ = r.SizeBytes()
	_, _ = r.Layout()
	if r.Rows() < 1<<20 {
		_, _ = r.Metrics()
	}
	rows := 0
	_ = r.Each(func(_ labels.Labels, s *series.Samples) error {
		if rows += s.Len(); rows > 1<<20 {
			return series.ErrLimit // A few bytes may stand for many rows, in time.
		}
		return nil
	})
}
