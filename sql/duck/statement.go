package duck

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Params are the values of a statement's parameters. Positional ones are for $1,
// $2 … and ?, in order; named ones for $name, whatever the case. A value is nil,
// bool, int64, uint64, float64, string, []byte or time.Time (bound as TIMESTAMPTZ,
// microseconds).
type Params struct {
	Positional []any
	Named      map[string]any
}

// prepare makes one statement ready to run. Nothing has run when it fails.
func (i *Instance) prepare(sql string, params Params) (_ duckdb.PreparedStatement, err error) {
	var none, st duckdb.PreparedStatement
	if strings.ContainsRune(sql, 0) {
		return none, &Error{Class: Parser, Message: "statement holds a NUL byte", Position: strings.IndexByte(sql, 0)}
	}
	var all duckdb.ExtractedStatements
	defer duckdb.DestroyExtracted(&all)
	n := duckdb.ExtractStatements(i.conn, sql, &all)
	if n != 1 {
		if text := duckdb.ExtractStatementsError(all); n == 0 && text != "" {
			return none, parse(text)
		}
		return none, &Error{Class: Parser, Message: fmt.Sprintf("exactly one statement is needed, not %d", n), Position: -1}
	}
	state := duckdb.PrepareExtractedStatement(i.conn, all, 0, &st)
	defer func() {
		if err != nil {
			duckdb.DestroyPrepare(&st)
		}
	}()
	if state != duckdb.StateSuccess {
		return none, parse(duckdb.PrepareError(st))
	}
	if err := bind(st, params); err != nil {
		return none, err
	}
	return st, nil
}

// bind gives every parameter of st its value, and every value a parameter.
func bind(st duckdb.PreparedStatement, params Params) error {
	wanted, names := map[string]any{}, []string(nil)
	for n, v := range params.Positional {
		wanted[strconv.Itoa(n+1)] = v
	}
	for name, v := range params.Named {
		wanted[strings.ToLower(name)] = v
	}
	for n := duckdb.IdxT(1); n <= duckdb.NParams(st); n++ {
		name := strings.ToLower(duckdb.ParameterName(st, n))
		value, ok := wanted[name]
		if !ok {
			return parameterError("parameter $%s has no value", name)
		}
		if !bindValue(st, n, value) {
			return parameterError("parameter $%s: a value of type %T cannot be bound", name, value)
		}
		names = append(names, name)
	}
	for name := range wanted {
		if !slices.Contains(names, name) {
			return parameterError("the statement has no parameter $%s", name)
		}
	}
	return nil
}

func parameterError(format string, args ...any) *Error {
	return &Error{Class: Parameter, Message: fmt.Sprintf(format, args...), Position: -1}
}

func bindValue(st duckdb.PreparedStatement, n duckdb.IdxT, value any) bool {
	var state duckdb.State
	switch v := value.(type) {
	case nil:
		state = duckdb.BindNull(st, n)
	case bool:
		state = duckdb.BindBoolean(st, n, v)
	case int64:
		state = duckdb.BindInt64(st, n, v)
	case uint64:
		state = duckdb.BindUInt64(st, n, v)
	case float64:
		state = duckdb.BindDouble(st, n, v)
	case string:
		state = duckdb.BindVarcharLength(st, n, v, duckdb.IdxT(len(v)))
	case []byte:
		state = duckdb.BindBlob(st, n, v)
	case time.Time:
		state = duckdb.BindTimestampTZ(st, n, duckdb.NewTimestamp(v.UnixMicro()))
	default:
		return false
	}
	return state == duckdb.StateSuccess
}
