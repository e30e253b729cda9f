package syntax

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// judge is the DuckDB that the tests ask for trees and compare answers with.
type judge struct {
	mu   sync.Mutex
	conn duckdb.Connection
}

var newJudge = sync.OnceValue(func() *judge {
	j := &judge{}
	var db duckdb.Database
	var config duckdb.Config
	var message string
	duckdb.CreateConfig(&config)
	duckdb.SetConfig(config, "threads", "1")
	if duckdb.OpenExt(":memory:", &db, config, &message) != duckdb.StateSuccess {
		panic(message)
	}
	duckdb.Connect(db, &j.conn)
	for _, setting := range []string{"SET TimeZone='UTC'", "SET enable_external_access=false"} {
		if _, err := j.rows(setting, nil); err != nil {
			panic(err)
		}
	}
	return j
})

// tree is DuckDB's parse tree of a text, as Parse takes it.
func (j *judge) tree(t testing.TB, text string) []byte {
	t.Helper()
	rows, err := j.rows("SELECT system.main.json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)", Params{"1": text})
	if err != nil {
		t.Fatalf("tree of %s: %v", text, err)
	}
	return []byte(rows[0][0])
}

// rows runs a query and gives its answer, every value as VARCHAR.
func (j *judge) rows(text string, params Params) ([][]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var statement duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&statement)
	if duckdb.Prepare(j.conn, text, &statement) != duckdb.StateSuccess {
		return nil, fmt.Errorf("prepare: %s", duckdb.PrepareError(statement))
	}
	if n := int(duckdb.NParams(statement)); n != len(params) {
		return nil, fmt.Errorf("%d parameters for %d", len(params), n)
	}
	for i := duckdb.IdxT(1); i <= duckdb.NParams(statement); i++ {
		v, ok := params.value(duckdb.ParameterName(statement, i))
		if !ok {
			return nil, fmt.Errorf("no parameter %s", duckdb.ParameterName(statement, i))
		}
		switch v := v.(type) {
		case string:
			duckdb.BindValue(statement, i, duckdb.CreateVarchar(v))
		case int64:
			duckdb.BindValue(statement, i, duckdb.CreateInt64(v))
		}
	}
	var result duckdb.Result
	defer duckdb.DestroyResult(&result)
	if duckdb.ExecutePrepared(statement, &result) != duckdb.StateSuccess {
		return nil, fmt.Errorf("execute: %s", duckdb.ResultError(&result))
	}
	return texts(&result), nil
}

// texts reads VARCHAR columns; callers cast.
func texts(result *duckdb.Result) [][]string {
	var rows [][]string
	for {
		chunk := duckdb.FetchChunk(*result)
		if chunk.Ptr == nil {
			return rows
		}
		n := int(duckdb.DataChunkGetSize(chunk))
		for i := range n {
			row := make([]string, duckdb.ColumnCount(result))
			for c := range row {
				row[c] = "NULL"
				v := duckdb.DataChunkGetVector(chunk, duckdb.IdxT(c))
				valid := duckdb.VectorGetValidity(v)
				if valid == nil || duckdb.ValidityRowIsValid(valid, duckdb.IdxT(i)) {
					if duckdb.ColumnType(result, duckdb.IdxT(c)) == duckdb.TypeVarchar {
						s := (*[2048]duckdb.StringT)(duckdb.VectorGetData(v))[i]
						row[c] = strings.Clone(duckdb.StringTData(&s))
					}
				}
			}
			rows = append(rows, row)
		}
		duckdb.DestroyDataChunk(&chunk)
	}
}

// parse splits and parses a text, as the caller of this package does.
func parse(t testing.TB, text string, params Params) (*Statement, error) {
	t.Helper()
	command, err := Split(text)
	if err != nil {
		return nil, err
	}
	if command.Delete {
		return ParseDelete(newJudge().tree(t, command.Select), command.Select, params)
	}
	return Parse(newJudge().tree(t, command.Select), command.Select, params)
}

func mustParse(t testing.TB, text string, params Params) *Statement {
	t.Helper()
	st, err := parse(t, text, params)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return st
}
