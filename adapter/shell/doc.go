// Package shell is the client of POST /api/v1/sql: one statement, a script, or a
// dialogue at a terminal.
//
// Life story: Run reads statements (from Options.Query, or line by line from
// Options.In until a semicolon ends one) and sends them one by one. What is shown
// to people is fetched as an Arrow stream and drawn here, so that its width and
// \x are the client's own business; every other format is passed on byte for byte
// as it streams in. An answer that was cut off is an error, never a result.
//
// At a terminal, lines that begin with a backslash are commands of the shell (\?
// lists them), Ctrl-C ends the running query by closing its request, Ctrl-D ends
// the shell, Tab completes names of tables and columns.
//
// Nothing is kept between statements but the settings; the node sees independent
// requests. Run starts goroutines only for the terminal and ends them.
package shell
