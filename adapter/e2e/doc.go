// Package e2e holds only tests. They drive the real binary, and a real
// Prometheus beside it, from outside; some run the store itself over real files,
// where a fault must be put under it between two reads.
//
// Life story of a run: TestMain builds the adapter once. Each test gives its node
// a data directory and a port of its own, waits for /-/ready, and asks over HTTP
// like any client. Every process that a test starts ends with the test, also when
// the test fails; its log is then printed.
//
// Environment:
//
//	HERRINGBONE_TAGS        build tags of the adapter
//	HERRINGBONE_PROMETHEUS  a Prometheus binary; unset, one is built from the
//	                        module in go.mod and kept in the user's cache directory
//	CYCLES                  cycles of the crash test (default 5)
//	CRASH_SEED              seed of the crash test; each random test prints its own
//
// The tests read /proc and so run on Linux only.
package e2e
