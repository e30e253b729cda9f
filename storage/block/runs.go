package block

import (
	"encoding/binary"
	"math/bits"
)

// run is one value that repeats.
type run struct {
	value uint32
	n     uint32
}

// addRun lengthens the last run or begins a new one.
func addRun(runs []run, value uint32, n int) []run {
	if n == 0 {
		return runs
	}
	if last := len(runs) - 1; last >= 0 && runs[last].value == value {
		runs[last].n += uint32(n)
		return runs
	}
	return append(runs, run{value, uint32(n)})
}

// appendRuns encodes runs as Parquet's RLE hybrid, using only its run form:
// levels and labels of a file sorted by series are long runs.
func appendRuns(b []byte, runs []run, width int) []byte {
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.n)<<1)
		for v, w := r.value, width; w > 0; w -= 8 {
			b = append(b, byte(v))
			v >>= 8
		}
	}
	return b
}

// appendLevels encodes repetition or definition levels of at most 1 as a data
// page holds them: four bytes of length, then the runs.
func appendLevels(b []byte, runs []run) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendRuns(b, runs, 1)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// appendIndexes encodes dictionary indexes as a data page holds them: one byte
// of bit width, then the runs.
func appendIndexes(b []byte, runs []run, dictionary int) []byte {
	width := max(1, bits.Len32(uint32(max(dictionary, 1)-1))) // Not every reader takes a width of 0.
	return appendRuns(append(b, byte(width)), runs, width)
}

// parseLevels undoes appendLevels for n levels (of any writer's run form, not of
// the bit-packed one). rest is what follows.
func parseLevels(b []byte, n int, runs []run) (_ []run, rest []byte, ok bool) {
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
		runs = addRun(runs, uint32(levels[k]), int(head>>1))
		n -= int(head >> 1)
		levels = levels[k+1:]
	}
	return runs, rest, n == 0
}
