// Package format writes the rows of a SQL result for a client: JSON, JSON lines,
// CSV, the Arrow IPC stream, Parquet, or a table for people.
//
// Life story: Negotiate chooses the Format from the request, New makes an
// Encoder for the columns, each record batch is written as it comes and Close
// writes the end. Memory is that of one batch (Parquet: of one row group, 64 Ki
// rows or 8 MiB, and the compressor's windows), whatever the size of the result.
//
// # How values are written
//
// The rule is that nothing is lost: every value can be had back exactly, or the
// result is an error that names the column.
//
//	DuckDB type               JSON, JSON lines        CSV, pretty        Arrow                Parquet
//	BOOLEAN                   true                    true               bool                 BOOLEAN
//	TINYINT … BIGINT, U…      -5                      -5                 int8 … uint64        INT
//	HUGEINT, UHUGEINT         1267650600228229401…    the same digits    decimal128(38, 0) ¹  DECIMAL(38, 0) ¹
//	BIGNUM                    all digits              the same digits    utf8                 STRING
//	DECIMAL(p, s)             1.20                    1.20               decimal128(p, s)     DECIMAL(p, s)
//	FLOAT, DOUBLE             0.1 ²                   0.1                float, double        FLOAT, DOUBLE
//	  not a number, infinite  "NaN" "+Inf" "-Inf"     NaN +Inf -Inf      every bit            every bit
//	VARCHAR                   "text"                  text ³             utf8                 STRING
//	JSON                      "text"                  text ³             arrow.json           STRING
//	ENUM                      "text"                  text ³             dictionary           STRING
//	BLOB                      "base64"                base64             binary               BYTE_ARRAY
//	BIT                       "0101"                  0101               utf8                 STRING
//	UUID                      "2fa1e5c2-…"            2fa1e5c2-…         arrow.uuid           UUID
//	DATE                      "2026-11-22"            2026-11-22         date32               DATE
//	TIME, TIME_NS             "09:00:00.123" ⁴        09:00:00.123       time64               TIME
//	TIMETZ                    "09:00:00+02:00" ⁴      09:00:00+02:00     utf8                 STRING
//	TIMESTAMPTZ               "2026-11-22T09:00:00Z" ⁴  the same         timestamp(us, UTC)   TIMESTAMP, UTC
//	TIMESTAMP                 "2026-11-22T09:00:00" ⁴ the same           timestamp(us)        TIMESTAMP, local
//	TIMESTAMP_S, _MS, _NS     as TIMESTAMP            as TIMESTAMP       timestamp            TIMESTAMP (_S: ms) ¹
//	INTERVAL                  "1 year 2 days 00:00:01.500"  the same     month_day_nano       STRING
//	LIST, ARRAY               [1,null]                the JSON text      list                 LIST
//	STRUCT                    {"a":1} ⁵               the JSON text      struct               group ⁵
//	MAP                       {"k":1} ⁶               the JSON text      map                  MAP
//	UNION                     {"member":1}            the JSON text      sparse union         STRING
//	NULL                      null                    empty ⁷, NULL      null                 null
//
// ¹ A value of more than 38 digits, or a second that milliseconds do not hold,
// is an error: cast it to VARCHAR. ² The shortest text that reads back as the
// same number. ³ Pretty shows what a terminal would act on as an escape (\x1b),
// and cuts text at Options.MaxWidth. ⁴ No fraction, or the 3, 6 or 9 digits that
// hold it. Years beyond 9999 and before 0000 have a sign; infinity and -infinity
// are spelled so. ⁵ A struct of unnamed members is an array, in Parquet its
// members are f1, f2 … ⁶ Keys that are not text are written as text. ⁷ Empty
// text is "". In a result of one column, NULL is "" too, since readers skip empty
// lines.
//
// JSON is {"columns":[{"name":"time","type":"TIMESTAMPTZ"},…],"rows":[[…],…],
// "row_count":n}. Its integers and decimals have all their digits, but a reader
// that takes numbers for doubles (JavaScript does) rounds them beyond 2⁵³: such a
// client casts to VARCHAR or sets Options.Int64AsString.
//
// JSON lines is an object a row. Of repeated column names, the second is called
// name_1, the third name_2, where no other column has that name; in Parquet too.
//
// CSV follows RFC 4180: a header, commas, lines that end in CR LF, quotes around
// a field with a comma, a quote, a line end or a space at either end.
//
// Pretty lays out 1,000 rows at a time. When a later page needs wider columns, the
// table ends and a wider one begins.
//
// # Where an answer ends
//
// JSON ends in row_count, Arrow in its end-of-stream marker, Parquet in its footer, pretty in
// the row count. CSV and JSON lines have no end of their own: whoever serves them
// must break the transport when a query fails midway (HTTP: close the connection
// without the last chunk).
//
// The package starts no goroutine. An Encoder is used from one goroutine.
package format
