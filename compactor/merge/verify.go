package merge

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// digest is the fingerprint of what is in a file, row by row in order: one is
// made of what goes into a writer, another of what a reader finds. It does not
// depend on how samples are cut into parts.
type digest struct {
	series, rows int64
	minT, maxT   int64

	names, times, values, rest uint64
}

// mix puts v to a fingerprint.
func mix(h, v uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return bits.RotateLeft64((h^v)*odd, 29)
}

// addSeries begins a series.
func (d *digest) addSeries(ls labels.Labels) {
	d.series++
	d.names = mix(mix(d.names, ls.Hash()), uint64(d.rows))
}

func (d *digest) addTimes(first, last int64, rows int) {
	if d.rows == 0 {
		d.minT, d.maxT = first, last
	}
	d.minT, d.maxT = min(d.minT, first), max(d.maxT, last)
	d.rows += int64(rows)
}

// addSamples adds samples of the series that was begun.
func (d *digest) addSamples(s *series.Samples) {
	n := s.Len()
	if n == 0 {
		return
	}
	times, values := d.times, d.values
	for i, t := range s.Times {
		times = mix(times, uint64(t))
		values = mix(values, math.Float64bits(s.Values[i]))
	}
	d.times, d.values = times, values
	if s.Starts != nil || s.Histograms != nil {
		d.addRest(s)
	}
	d.addTimes(s.Times[0], s.Times[n-1], n)
}

// addRest adds what few samples have; those that have none add nothing.
func (d *digest) addRest(s *series.Samples) {
	for i := range s.Times {
		if start := s.StartAt(i); start != 0 {
			d.rest = mix(mix(d.rest, uint64(start)), uint64(d.rows)+uint64(i))
		}
		if h := s.HistogramAt(i); h != nil {
			d.rest = mix(d.rest, uint64(d.rows)+uint64(i))
			d.addHistogram(h)
		}
	}
}

// addHistogram adds what a histogram counts and where its buckets are, and
// whether it is of integers or of floats.
func (d *digest) addHistogram(h *series.Histogram) {
	if x := h.H; x != nil {
		d.addWords(1, x.Count, math.Float64bits(x.Sum), x.ZeroCount)
		d.addShape(x.Schema, x.ZeroThreshold, x.CounterResetHint, x.CustomValues, x.PositiveSpans, x.NegativeSpans)
		d.addIntList(x.PositiveBuckets)
		d.addIntList(x.NegativeBuckets)
		return
	}
	x := h.FH
	d.addWords(2)
	d.addFloats(x.Count, x.Sum, x.ZeroCount)
	d.addShape(x.Schema, x.ZeroThreshold, x.CounterResetHint, x.CustomValues, x.PositiveSpans, x.NegativeSpans)
	d.addFloatList(x.PositiveBuckets)
	d.addFloatList(x.NegativeBuckets)
}

// addShape adds where buckets are. Each list comes after its length, so that
// none runs into the next.
func (d *digest) addShape(schema int32, zero float64, hint histogram.CounterResetHint, custom []float64, spans ...[]histogram.Span) {
	d.addWords(uint64(schema), math.Float64bits(zero), uint64(hint))
	d.addFloatList(custom)
	for _, list := range spans {
		d.addWords(uint64(len(list)))
		for _, s := range list {
			d.addWords(uint64(s.Offset), uint64(s.Length))
		}
	}
}

func (d *digest) addIntList(list []int64) {
	d.addWords(uint64(len(list)))
	for _, v := range list {
		d.addWords(uint64(v))
	}
}

func (d *digest) addFloatList(list []float64) {
	d.addWords(uint64(len(list)))
	d.addFloats(list...)
}

func (d *digest) addWords(words ...uint64) {
	for _, v := range words {
		d.rest = mix(d.rest, v)
	}
}

func (d *digest) addFloats(values ...float64) {
	for _, v := range values {
		d.rest = mix(d.rest, math.Float64bits(v))
	}
}

// addBuckets adds aggregates of the series that was begun.
func (d *digest) addBuckets(a *aggregate.Buckets) {
	for i := range a.Len() {
		d.times = mix(mix(mix(d.times, uint64(a.Ends[i])), uint64(a.FirstTimes[i])), uint64(a.LastTimes[i]))
		d.values = mix(mix(d.values, math.Float64bits(a.Firsts[i])), math.Float64bits(a.Lasts[i]))
		d.values = mix(mix(d.values, uint64(a.Counts[i])), uint64(a.Stales[i]))
		d.addFloats(a.Mins[i], a.Maxs[i], a.Sums[i], a.Increases[i])
		first, last := a.Times(i)
		d.addTimes(first, last, 1)
	}
}

// verify reads an output again, all of it: its bytes against the SHA-256, its
// pages against their checksums, its rows against what was written. What it
// finds right is counted as come out.
func (w *work) verify(f *catalog.File, want digest) error {
	if err := f.Validate(); err != nil {
		return differ("output %s: %v", f.Name, err)
	}
	o, err := w.openObject(w.ctx, f)
	if err != nil {
		return wrong(f, err)
	}
	err = w.verifyBytes(io.NewSectionReader(o, 0, f.Size), f)
	var got digest
	if err == nil {
		got, err = w.digestOf(o, f)
	}
	if err = errors.Join(err, o.Close()); err != nil {
		return err
	}
	if f.Rows != want.rows || f.Series != want.series || f.MinT != want.minT || f.MaxT != want.maxT {
		return differ("output %s has %d rows of %d series in %d to %d, %d of %d in %d to %d were written", f.Name,
			f.Rows, f.Series, f.MinT, f.MaxT, want.rows, want.series, want.minT, want.maxT)
	}
	if got != want {
		return differ("output %s reads as %+v, %+v was written", f.Name, got, want)
	}
	w.count(f)
	return nil
}

// count counts an output's rows as come out.
func (w *work) count(f *catalog.File) {
	if f.Kind.Resolution() == 0 {
		w.rows.out += f.Rows
	} else {
		w.buckets.out += f.Rows
	}
}

func (w *work) verifyBytes(r io.Reader, f *catalog.File) error {
	sum := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			if !bytes.Equal(sum.Sum(nil), f.SHA256[:]) {
				return differ("output %s does not have the bytes that were written", f.Name)
			}
			return nil
		case err != nil:
			return fmt.Errorf("verify output %s: %w", f.Name, err)
		}
		if err := w.pace.step(); err != nil {
			return err
		}
	}
}

// digestOf reads all rows of a file.
func (w *work) digestOf(r io.ReaderAt, f *catalog.File) (digest, error) {
	switch f.Kind {
	case catalog.Samples:
		return w.digestOfSamples(r, f)
	case catalog.Exemplars:
		return w.digestOfExemplars(r, f)
	default:
		return w.digestOfBuckets(r, f)
	}
}

// wrong is an error of reading the output f again.
func wrong(f *catalog.File, err error) error {
	if errors.Is(err, series.ErrCorrupt) {
		return differ("output %s: %v", f.Name, err)
	}
	return fmt.Errorf("verify output %s: %w", f.Name, err)
}

func (w *work) digestOfExemplars(r io.ReaderAt, f *catalog.File) (d digest, err error) {
	x, err := block.OpenExemplars(r, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		return d, wrong(f, err)
	}
	for _, s := range x.Series() {
		d.addExemplars(s)
	}
	return d, nil
}

func (w *work) digestOfSamples(r io.ReaderAt, f *catalog.File) (d digest, err error) {
	b, err := block.Open(r, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		return d, wrong(f, err)
	}
	scan := b.Scan(math.MinInt64, math.MaxInt64)
	defer scan.Close()
	var s series.Samples
	for _, ref := range b.Select(nil, math.MinInt64, math.MaxInt64, 0) {
		d.addSeries(ref.Labels)
		for end := ref.FirstRow + ref.Rows; ref.FirstRow < end; ref.FirstRow += ref.Rows {
			ref.Rows = min(streamRows, end-ref.FirstRow)
			s.Reset()
			if err := scan.Read(ref, &s); err != nil {
				return d, wrong(f, err)
			}
			d.addSamples(&s)
		}
		if err := w.pace.step(); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (w *work) digestOfBuckets(r io.ReaderAt, f *catalog.File) (d digest, err error) {
	b, err := block.OpenAggregates(r, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		return d, wrong(f, err)
	}
	var a aggregate.Buckets
	for _, ref := range b.Select(nil, math.MinInt64, math.MaxInt64, 0) {
		d.addSeries(ref.Labels)
		a.Reset()
		if err := b.Read(ref, math.MinInt64, math.MaxInt64, &a); err != nil {
			return d, wrong(f, err)
		}
		d.addBuckets(&a)
		if err := w.pace.step(); err != nil {
			return d, err
		}
	}
	return d, nil
}
