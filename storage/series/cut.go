package series

import "slices"

// Cut removes the samples in minT … maxT, both included, from s and returns how
// many that were. It works in place, keeps the columns aligned, and drops a
// column of which no sample is left that needs it. Samples are in time order.
func Cut(s *Samples, minT, maxT int64) int {
	from, to := s.Range(minT, maxT)
	if from == to {
		return 0
	}
	s.Times = slices.Delete(s.Times, from, to)
	s.Values = slices.Delete(s.Values, from, to)
	if s.Starts != nil {
		s.Starts = slices.Delete(s.Starts, from, to)
		if !slices.ContainsFunc(s.Starts, func(start int64) bool { return start != 0 }) {
			s.Starts = nil
		}
	}
	if s.Histograms != nil {
		s.Histograms = slices.Delete(s.Histograms, from, to)
		if !slices.ContainsFunc(s.Histograms, func(h Histogram) bool { return h.H != nil || h.FH != nil }) {
			s.Histograms = nil
		}
	}
	return to - from
}
