// Package syntax decides what SQL may run, and reads off what it asks for.
//
// It is pure: no I/O and no DuckDB. A statement passes through it twice. Split
// looks at the text alone: it takes EXPLAIN and the final semicolon away, which
// leaves what DuckDB's parser shall see. DuckDB, in a child process, turns that
// text into its own parse tree (json_serialize_sql), and Parse judges the tree:
// every node must be of a known shape, every function on the allow-list, every
// table in a schema of ours. What Parse does not know, it refuses, so a new
// DuckDB with a new kind of node fails closed.
//
// The tree also tells what the statement needs: tables, columns, labels and time
// range, so that files can be left out before DuckDB opens any; and whether it
// can be answered from the newest (or oldest) rows alone (Top, Last).
//
// Everything read off is a promise in one direction. A Filter may let through
// rows that the statement does not need, never the reverse; a Top or a Last is
// given only where stopping early is proven right; in doubt there is none, and
// the reason is kept for the plan.
//
// What is not its job: whether a table or a column exists, limits of memory, time
// and rows. Functions that multiply their input can still be chained until memory
// or time runs out, so the process that runs the statement must be one that can
// be killed.
package syntax
