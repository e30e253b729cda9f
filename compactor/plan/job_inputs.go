package plan

import (
	"fmt"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Check is an error that wraps series.ErrInvalid if a plan cannot have such a job.
func (j *Job) Check() error {
	invalid := func(what string) error { return fmt.Errorf("%s: %w", what, series.ErrInvalid) }
	switch {
	case len(j.Inputs) == 0:
		return invalid("job without inputs")
	case j.Unit.Days < 1 || j.Window < 0 || j.Level < 0:
		return invalid("job without days, or with a negative window or level")
	case j.Rows == catalog.Exemplars && j.Kind != Merge && j.Kind != Clean:
		return invalid("exemplars are only merged and cleaned")
	case j.Kind == Coarsen && j.Rows.Resolution() == 0:
		return invalid("outputs are not aggregates")
	case (j.Kind == Downsample || j.Kind == Coarsen) && len(j.Rules) == 0:
		return invalid("no rule to make aggregates by")
	}
	for _, in := range j.Inputs {
		if in.Tenant != j.Tenant || in.Partition != j.Partition {
			return invalid("input " + in.ID + " is of another tenant or partition")
		}
		if in.SamplesDropped && in.Remove && (j.Kind == Downsample || j.Kind == Merge && j.Rows == catalog.Samples) {
			return invalid("input " + in.ID + " is all that is left of its samples")
		}
	}
	return nil
}

// Reads reports whether a job reads a file of its inputs, or only replaces it.
func (j *Job) Reads(f *catalog.File) bool {
	switch j.Kind {
	case Clean, DropSamples:
		return true
	case Downsample:
		return f.Kind == catalog.Samples
	case Coarsen:
		return f.Kind != j.Rows
	default:
		return f.Kind == j.Rows
	}
}

// FilesRead are the inputs that the job reads.
func (j *Job) FilesRead() (files []*catalog.File) {
	for _, in := range j.Inputs {
		if j.Reads(in.File) {
			files = append(files, in.File)
		}
	}
	return files
}
