package plan

import "herringbone/storage/catalog"

// What an input takes of memory, measured (see merge's TestMemoryOfAMerge). It
// depends on how many series there are, and not on how many samples they have.
const (
	openInputMemory   = 640 << 10 // An open input: its pages in hand, decoded and not.
	inputSeriesMemory = 400       // Its index and label sets, a series.
	// exemplarGrowth is how much more memory exemplars take than bytes in a file.
	ExemplarGrowth = 16
)

// InputMemory is what a file takes as an input, in bytes.
func InputMemory(f *catalog.File) int64 {
	n := openInputMemory + f.Series*inputSeriesMemory
	if f.Kind == catalog.Exemplars {
		n += f.Size * ExemplarGrowth
	}
	return n
}

// fits reports whether one job may read as many files as these.
func (l Levels) fits(files []*catalog.File) bool {
	if len(files) > l.MaxInputs {
		return false
	}
	if len(files) <= 2 || l.MemoryBytes == 0 {
		return true
	}
	var n int64
	for _, f := range files {
		n += InputMemory(f)
	}
	return n <= l.MemoryBytes
}
