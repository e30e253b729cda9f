// Package seriestest has what tests need around storage/series: Memory, a
// complete Sink and Source without a disk, and NewStorage, which lets
// Prometheus' own test suites write into a Sink.
//
// Production code never imports it.
package seriestest
