package duck

import (
	"context"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// AST returns DuckDB's parse tree of sql as JSON: an object with "error" and
// "statements", or "error_message" and "position". Text that DuckDB can parse but
// not serialise (everything that is no SELECT) is such an error, too; err is
// only about running the call. Nulls, empty lists and default values are left out.
func (i *Instance) AST(ctx context.Context, sql string) ([]byte, error) {
	const call = "SELECT system.main.json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)::VARCHAR"
	defer i.watch(ctx)()
	text, err := i.text(call, sql)
	return []byte(text), err
}

// SQL is AST's inverse: the text of the one statement of a parse tree. Every query
// node of the tree needs its cte_map, even an empty one, which AST leaves out.
func (i *Instance) SQL(ctx context.Context, ast []byte) (string, error) {
	defer i.watch(ctx)()
	return i.text("SELECT system.main.json_deserialize_sql(?::JSON)", string(ast))
}

// text runs a statement that gives one string.
func (i *Instance) text(sql string, params ...any) (string, error) {
	st, err := i.prepare(sql, Params{Positional: params})
	if err != nil {
		return "", err
	}
	defer duckdb.DestroyPrepare(&st)
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePrepared(st, &res) != duckdb.StateSuccess {
		return "", parse(duckdb.ResultError(&res))
	}
	chunk := duckdb.FetchChunk(res)
	if chunk.Ptr == nil {
		return "", &Error{Class: Internal, Message: "no row", Position: -1}
	}
	defer duckdb.DestroyDataChunk(&chunk)
	column := duckdb.DataChunkGetVector(chunk, 0)
	if valid := duckdb.VectorGetValidity(column); valid != nil && !duckdb.ValidityRowIsValid(valid, 0) {
		return "", nil
	}
	s := (*duckdb.StringT)(unsafe.Pointer(duckdb.VectorGetData(column)))
	return duckdb.StringTData(s), nil
}
