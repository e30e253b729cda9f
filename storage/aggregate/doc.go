// Package aggregate is the vocabulary of downsampled data: buckets of one
// resolution that summarise a series' float samples, how they are made of
// samples, and how finer ones are combined to coarser ones.
//
// Life story: the compactor makes Buckets of samples (Append) and writes them
// into files of their own. A query that can do with them asks a Source; what it
// is given is combined to the resolution that it wants (Coarsen). Everything
// here is pure: no I/O, no goroutines, no clock.
package aggregate
