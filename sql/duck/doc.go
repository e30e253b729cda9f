// Package duck is the one door to DuckDB: a thin wrapper of its C interface that
// runs in a sandboxed child process (see sql/worker), never in the node.
//
// Life story: Open makes one in-memory instance with one connection, sets it up,
// locks the configuration and reads it back. Then AST and SQL turn text into
// DuckDB's own parse tree and back, Load makes a table from Arrow rows, Exec runs
// our own statements (views), and Query runs one statement and streams its result
// as Arrow record batches; the macros of macros.go are there for statements that
// need them. An instance serves one query and is closed: whatever a query changed
// in it dies with it.
//
// What the settings here forbid, DuckDB forbids to itself. They are a second
// wall: the first one, that holds when DuckDB is broken, is the operating system's
// around the child.
//
// DuckDB's Arrow calls are declared in arrow.go, because the bindings hide theirs
// behind a build tag.
//
// Errors of DuckDB are *Error: a class, a message, a position in the statement.
//
// An Instance is used by one goroutine at a time; a context ends a running call
// from outside.
package duck
