// Package fsystest holds Crash, a file system in memory for tests of
// durability, and Run, the tests that every fsys.FS passes.
//
// Life story: a test gives a Crash to the code under test. At any time,
// typically in the hook that sees every operation before it happens, Clone
// returns the file system as a machine would find it after losing power right
// then: synced bytes and names are there, of the rest a random part. The hook
// can also let an operation fail.
//
// Crash is harsher than most real file systems: each unsynced page and each
// unsynced change of a directory is kept or lost on its own, in no order.
package fsystest
