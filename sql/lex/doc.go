// Package lex cuts SQL text into tokens as DuckDB's lexer does, as far as others need
// it: what is inside quotes, dollar quotes and comments, and what is not. Checks of
// statements (syntax) and the split of scripts (adapter/shell) rest on it.
package lex
