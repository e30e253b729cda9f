package encoding

import (
	"encoding/binary"
	"math/bits"
)

// Run is one value that repeats.
type Run struct {
	Value uint32
	N     uint32
}

// AddRun lengthens the last run or begins a new one.
func AddRun(runs []Run, value uint32, n int) []Run {
	if n == 0 {
		return runs
	}
	if last := len(runs) - 1; last >= 0 && runs[last].Value == value {
		runs[last].N += uint32(n)
		return runs
	}
	return append(runs, Run{value, uint32(n)})
}

// appendRuns encodes runs as Parquet's RLE hybrid, using only its run form:
// levels and labels of a file sorted by series are long runs.
func appendRuns(b []byte, runs []Run, width int) []byte {
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.N)<<1)
		for v, w := r.Value, width; w > 0; w -= 8 {
			b = append(b, byte(v))
			v >>= 8
		}
	}
	return b
}

// AppendLevels encodes repetition or definition levels of at most 1 as a data
// page holds them: four bytes of length, then the runs.
func AppendLevels(b []byte, runs []Run) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendRuns(b, runs, 1)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// AppendIndexes encodes dictionary indexes as a data page holds them: one byte
// of bit width, then the runs.
func AppendIndexes(b []byte, runs []Run, dictionary int) []byte {
	width := max(1, bits.Len32(uint32(max(dictionary, 1)-1))) // Not every reader takes a width of 0.
	return appendRuns(append(b, byte(width)), runs, width)
}

// ParseLevels undoes appendLevels for n levels (of any writer's run form, not of
// the bit-packed one). rest is what follows.
func ParseLevels(b []byte, n int, runs []Run) (_ []Run, rest []byte, ok bool) {
	if len(b) < 4 {
		return runs, nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(b))
	if size > uint64(len(b)-4) {
		return runs, nil, false
	}
	levels, rest := b[4:4+size], b[4+size:]
	for len(levels) > 0 {
		head, k := binary.Uvarint(levels)
		if k <= 0 || head&1 != 0 || head>>1 > uint64(n) || len(levels) == k || levels[k] > 1 {
			return runs, nil, false
		}
		runs = AddRun(runs, uint32(levels[k]), int(head>>1))
		n -= int(head >> 1)
		levels = levels[k+1:]
	}
	return runs, rest, n == 0
}

// CountPresent is the number of levels that are 1.
func CountPresent(runs []Run) int {
	n := 0
	for _, r := range runs {
		n += int(r.Value) * int(r.N)
	}
	return n
}

// Invert returns runs with 0 and 1 exchanged.
func Invert(runs []Run) []Run {
	out := make([]Run, len(runs))
	for i, r := range runs {
		out[i] = Run{1 - r.Value, r.N}
	}
	return out
}

// Scatter puts values where runs say there is one, and zeros elsewhere.
func Scatter[T int64 | float64](dst, values []T, runs []Run) {
	for _, r := range runs {
		to := dst[:r.N]
		dst = dst[r.N:]
		if r.Value == 0 {
			clear(to)
			continue
		}
		values = values[copy(to, values):]
	}
}
