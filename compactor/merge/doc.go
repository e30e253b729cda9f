// Package merge runs one job: it reads the inputs, writes the outputs, reads those
// again and compares, and exchanges both in one commit of the catalog.
//
// Life story: an Executor waits for the memory that a job will take (budget.go),
// opens its inputs (source.go), merges them series by series in a stream
// (stream.go), drops duplicates and hidden rows, makes aggregates on the way
// (downsample.go), cuts outputs by window and size (outputs.go), verifies them
// (verify.go) and commits (execute.go). While others wait for a core it makes way
// (throttle.go, contention.go).
//
// A crash at any point leaves objects that no commit names, or inputs that stay.
package merge
