// Package sourcetest has sources for tests: one that records what it is asked and
// fails on demand, and one that answers from aggregates where a hash says so.
package sourcetest
