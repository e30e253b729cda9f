package block

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// Reader answers from one file. The series index is in memory; samples are read
// from the file by a Scan. All methods may be called from any goroutine.
type Reader struct {
	file  io.ReaderAt
	name  string
	index *index

	metrics []metric // In order of name.
	labels  []atomic.Pointer[labels.Labels]
	size    int64
	cache   *Cache

	tail   tail
	layout atomic.Pointer[Layout] // nil until asked for.
}

// tail is where the end of the file begins, and what the catalog knows of it.
type tail struct {
	offset, size int64
	crc          uint32
}

// metric is the series of one name.
type metric struct {
	name        string
	first, last int // Series, last not included.
}

const footerEnd = 8 // Bytes of the footer's length and the magic number.

// Open reads the tail of a file, which begins at offset tail and has the CRC-32C
// tailCRC (both from Meta), and nothing else. r must stay readable as long as
// the Reader is used; name is for errors. A file that is not as recorded is a
// CorruptError.
func Open(r io.ReaderAt, size int64, name string, tail int64, tailCRC uint32) (*Reader, error) {
	return open(&samplesForm, r, size, name, tail, tailCRC)
}

func open(f *form, r io.ReaderAt, size int64, name string, tail int64, tailCRC uint32) (*Reader, error) {
	corrupt := func(what string) error { return &CorruptError{name, tail, what} }
	if tail < int64(len(parquetMagic)) || tail > size-footerEnd || size-tail > maxIndexRaw {
		return nil, corrupt(fmt.Sprintf("file of %d bytes has no tail there", size))
	}
	b := make([]byte, size-tail)
	if err := readAt(r, name, b, tail); err != nil {
		return nil, err
	}
	if crc := crc32.Checksum(b, encoding.Castagnoli); crc != tailCRC {
		return nil, corrupt(fmt.Sprintf("tail has checksum %08x, recorded is %08x", crc, tailCRC))
	}
	if string(b[len(b)-4:]) != parquetMagic {
		return nil, corrupt("no Parquet footer at the end")
	}
	if n := binary.LittleEndian.Uint32(b[len(b)-footerEnd:]); int64(n) > int64(len(b)-footerEnd) {
		return nil, corrupt("footer is longer than the tail")
	}
	z, err := encoding.TakeInflater()
	if err != nil {
		return nil, err
	}
	defer z.Release()
	x, err := parseBlob(f, b, tail, z)
	if err != nil {
		return nil, corrupt(err.Error())
	}
	opened := newReader(r, name, x)
	opened.tail.offset, opened.tail.size, opened.tail.crc = tail, size-tail, tailCRC
	return opened, nil
}

func newReader(r io.ReaderAt, name string, x *index) *Reader {
	b := &Reader{file: r, name: name, index: x, labels: make([]atomic.Pointer[labels.Labels], x.series())}
	for i := range x.series() {
		m := x.metricName(i)
		if n := len(b.metrics); n == 0 || b.metrics[n-1].name != m {
			b.metrics = append(b.metrics, metric{name: m, first: i})
		}
		b.metrics[len(b.metrics)-1].last = i + 1
	}
	b.size = x.sizeBytes()
	return b
}

// UseCache makes scans keep and look for decoded pages in c. It must be called
// before the first Scan.
func (r *Reader) UseCache(c *Cache) { r.cache = c }

// Name is what Open was given.
func (r *Reader) Name() string { return r.name }

// Series is the number of series.
func (r *Reader) Series() int { return r.index.series() }

// Rows is the number of samples.
func (r *Reader) Rows() int64 { return r.index.rows() }

// SizeBytes is the memory that r takes when every series has been asked for.
func (r *Reader) SizeBytes() int64 { return r.size }

// Each calls fn for every series in file order with all of its samples, which
// are valid until fn returns. It stops at the first error and returns it.
func (r *Reader) Each(fn func(labels.Labels, *series.Samples) error) error {
	s := r.Scan(minTime, maxTime)
	defer s.Close()
	var samples series.Samples
	for i := range r.index.series() {
		ref := r.ref(i)
		samples.Reset()
		if err := s.Read(ref, &samples); err != nil {
			return err
		}
		if err := fn(ref.Labels, &samples); err != nil {
			return err
		}
	}
	return nil
}
