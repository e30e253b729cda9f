// Package worker runs SQL in child processes that can do nothing but that: read
// the files of one query, compute, spill into their own directory, and answer.
//
// # Life story
//
// A child is this same binary, started again under the name herringbone-sql
// (IsChild, Main) with an empty environment, one socket and its own directory. It
// builds its cage, opens DuckDB (package duck), says that it is ready and then
// serves one query after the other, each in a cleared or fresh DuckDB instance.
//
// The Pool keeps children ready (Run), so that a query pays neither for starting
// nor for locking down. Take binds a child to a tenant for its whole life and
// hands it out as a Session; Close gives it back. A child is replaced when the
// tenant changes, after enough uses, and after anything that was not simply a
// wrong statement: it is cheaper to start one than to wonder what is left in it.
//
// # The cage
//
// In this order: resource limits (no core, bounded files, memory, file size and
// CPU time), a network namespace of its own where the kernel permits it, Landlock
// (reads below files, reads and writes below tmp, nothing else), and a seccomp
// filter (no sockets, no programs, no processes, no signals to others). Landlock
// is demanded unless Options.AllowNoLandlock.
//
// # The protocol
//
// One stream socket, descriptor 3 of the child. A frame is
//
//	type (1 byte, the top bit: more frames of this message follow)
//	length of the payload (4 bytes, big-endian, at most 256 KiB)
//	payload
//
// and a message is one or more frames of a type, its payload theirs together.
// The parent sends hello once, then requests, and gets for each request, in
// order, any number of meta and body messages and at last ok or fail:
//
//	hello   JSON settings                → ok: JSON of what the cage consists of
//	ast     SQL text                     → ok: parse tree as JSON
//	sql     parse tree as JSON           → ok: SQL text
//	exec    JSON array of statements     → ok
//	load    table name, followed by rows (an Arrow IPC stream in pieces) and end
//	        (empty, or why the stream is broken off)               → ok
//	query   JSON statement, parameters   → (meta body)* ok
//	reset   nothing; clears the instance, or makes a new one → ok
//	cancel  nothing, and no answer of its own: ends the running request
//
// meta and body are one Arrow IPC message each time: its metadata and its body.
// fail is the JSON of a duck.Error.
//
// Nobody buffers more than a message: a reader that stops reading stops the
// child. The parent trusts nothing that a child sends: lengths are bounded and
// memory grows with what has arrived, never with what was announced.
package worker
