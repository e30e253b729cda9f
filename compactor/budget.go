package compactor

import (
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// What a job takes of memory, measured (see TestMemoryOfAMerge). It depends on
// how many series and files there are, and not on how many samples they have.
const (
	inputMemory       = 640 << 10 // An open input: its pages in hand, decoded and not.
	inputSeriesMemory = 400       // Its index and label sets, a series.
	outputMemory      = 20 << 20  // A file being written: one row group, compressors.
	// outputSeriesMemory is the index of files being written, a series of the
	// largest input.
	outputSeriesMemory = 400
	workMemory         = 8 << 20 // Samples on their way.
)

// memoryOf is what a file takes as an input, in bytes.
func memoryOf(f *catalog.File) int64 {
	n := inputMemory + f.Series*inputSeriesMemory
	if f.Kind == catalog.Exemplars {
		n += f.Size * exemplarGrowth
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
		n += memoryOf(f)
	}
	return n <= l.MemoryBytes
}

// estimate is the memory that a job will take, in bytes.
func (x *Executor) estimate(j *Job) int64 {
	n, most := int64(workMemory), int64(0)
	for _, f := range j.read() {
		n += memoryOf(f)
		most = max(most, f.Series)
	}
	return n + int64(j.writers())*(outputMemory+most*outputSeriesMemory)
}

// writers is how many files the job has open for writing at once.
func (j *Job) writers() int {
	n := len(resolutions(j.Rules))
	if j.Kind == Coarsen || j.Kind == Downsample {
		return n
	}
	n++
	if j.Window > 0 && j.Rows == catalog.Samples {
		n += int(int64(j.Unit.Days)*series.DayMillis/j.Window) - 1
	}
	return n
}

// rowGroupRows is how many rows a row group of each of n files may have at most,
// so that their pages fit the memory of the executor.
func (x *Executor) rowGroupRows(n int) int {
	const bytesPerRow = 12 // More than incompressible samples take.
	share := x.opts.MemoryBytes / 4 / int64(max(n, 1))
	return int(max(share/bytesPerRow, 16<<10))
}
