package block

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// readAll reads everything from a file that may be damaged.
func readAll(b []byte, m Meta, o func(*Reader)) ([]one, error) {
	r, err := Open(bytes.NewReader(b), int64(len(b)), "test.parquet", m.Tail, m.TailCRC)
	if err != nil {
		return nil, err
	}
	if o != nil {
		o(r)
	}
	var all []one
	err = r.Each(func(ls labels.Labels, s *series.Samples) error {
		c := &series.Samples{}
		c.AppendRange(s, 0, s.Len())
		all = append(all, one{ls, c})
		return nil
	})
	return all, err
}

func sameSeries(want, got []one) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d series, want %d", len(got), len(want))
	}
	for i := range want {
		if !labels.Equal(want[i].ls, got[i].ls) {
			return fmt.Errorf("series %d is %v, want %v", i, got[i].ls, want[i].ls)
		}
		if d := diffSamples(want[i].s, got[i].s); d != "" {
			return fmt.Errorf("series %v differs (-want +got):\n%s", want[i].ls, d)
		}
	}
	return nil
}

func damageable(t testing.TB) (written, []one) {
	all := oddSeries(rand.New(rand.NewPCG(1, 2)), 12)
	for i := range all { // Small: the test reads the file twice a byte.
		short := &series.Samples{}
		short.AppendRange(all[i].s, 0, min(all[i].s.Len(), 12))
		all[i].s = short
	}
	return write(t, Options{Labels: []string{"id", "foo"}, PageRows: 40, RowGroupRows: 90}, all), all
}

func TestEveryFlippedByteIsHarmlessOrFound(t *testing.T) {
	f, all := damageable(t)
	found := 0
	for i := range f.bytes {
		for _, mask := range []byte{0x01, 0xff} {
			b := bytes.Clone(f.bytes)
			b[i] ^= mask
			got, err := readAll(b, f.meta, nil)
			if err != nil {
				found++
				if c := new(CorruptError); !errors.As(err, &c) || !errors.Is(err, series.ErrCorrupt) || c.File != "test.parquet" {
					t.Fatalf("byte %d of %d ^ %02x: error is no CorruptError with a file: %v", i, len(b), mask, err)
				}
				continue
			}
			if err := sameSeries(all, got); err != nil {
				t.Fatalf("byte %d of %d ^ %02x: wrong answer: %v", i, len(b), mask, err)
			}
			if int64(i) >= f.meta.Tail {
				t.Fatalf("byte %d ^ %02x of the tail: not found", i, mask)
			}
		}
	}
	if found == 0 {
		t.Error("no flip was found")
	}
}

func TestTruncatedFileIsCorrupt(t *testing.T) {
	f, _ := damageable(t)
	for n := range f.bytes {
		// As recorded in the catalog, but the object is shorter.
		_, err := Open(bytes.NewReader(f.bytes[:n]), f.meta.Size, "test.parquet", f.meta.Tail, f.meta.TailCRC)
		if !errors.As(err, new(*CorruptError)) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(f.bytes), err)
		}
		if _, err := readAll(f.bytes[:n], f.meta, nil); !errors.As(err, new(*CorruptError)) {
			t.Fatalf("cut to %d of %d bytes, size too: %v", n, len(f.bytes), err)
		}
	}
}

// TestDamageUnderRightChecksums shows that parsing and decoding bear any bytes,
// not only those that a checksum keeps away.
func TestDamageUnderRightChecksums(t *testing.T) {
	f, _ := damageable(t)
	r := f.open(t)
	for g, group := range r.index.groups {
		for kind, at := range group.pages {
			for i := range int(at.Size) {
				b := bytes.Clone(f.bytes)
				b[at.Offset+int64(i)] ^= 0x55
				_, _ = readAll(b, f.meta, func(r *Reader) {
					p := &r.index.groups[g].pages[kind]
					p.Crc = crc32.Checksum(b[at.Offset:at.Offset+int64(at.Size)], encoding.Castagnoli)
				})
			}
		}
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

func TestReadErrorIsNotCorruption(t *testing.T) {
	f, _ := damageable(t)
	broken := errors.New("cable pulled")
	_, err := Open(failingReader{broken}, f.meta.Size, "test.parquet", f.meta.Tail, f.meta.TailCRC)
	if !errors.Is(err, broken) || errors.Is(err, series.ErrCorrupt) {
		t.Errorf("got %v, want the reader's error and no corruption", err)
	}
	r := f.open(t)
	r.file = failingReader{broken}
	err = r.Each(func(labels.Labels, *series.Samples) error { return nil })
	if !errors.Is(err, broken) || errors.Is(err, series.ErrCorrupt) {
		t.Errorf("got %v, want the reader's error and no corruption", err)
	}
}
