package merge

import (
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// What a job takes of memory beside its inputs (see plan.InputMemory), measured by
// TestMemoryOfAMerge.
const (
	outputMemory = 20 << 20 // A file being written: one row group, compressors.
	// outputSeriesMemory is the index of files being written, a series of the
	// largest input.
	outputSeriesMemory = 400
	workMemory         = 8 << 20 // Samples on their way.
)

// estimate is the memory that a job will take, in bytes.
func (x *Executor) estimate(j *plan.Job) int64 {
	n, most := int64(workMemory), int64(0)
	for _, f := range j.FilesRead() {
		n += plan.InputMemory(f)
		most = max(most, f.Series)
	}
	return n + int64(writers(j))*(outputMemory+most*outputSeriesMemory)
}

// writers is how many files the job has open for writing at once.
func writers(j *plan.Job) int {
	n := len(resolutions(j.Rules))
	if j.Kind == plan.Coarsen || j.Kind == plan.Downsample {
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
