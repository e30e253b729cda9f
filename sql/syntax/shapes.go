package syntax

// kind says what a field of the parse tree holds.
type kind int

const (
	leaf        kind = iota // Names, flags, numbers: nothing that could run.
	expr                    // An expression.
	exprs                   // A list of expressions.
	exprRows                // A list of lists of expressions.
	query                   // A query node.
	wrapped                 // {"node": a query node}.
	table                   // A table reference.
	typed                   // A type.
	constants               // {"value", "type", "is_null"}, one or a list.
	orders                  // A list of {type, null_order, expression}.
	ordered                 // {"type":"ORDER_MODIFIER", "orders"}.
	modifiers               // A list of modifiers of a query node.
	cases                   // A list of {when_expr, then_expr}.
	replacement             // A list of {key, value expression}.
	pivots                  // A list of columns of a PIVOT.
	sample                  // TABLESAMPLE, USING SAMPLE.
)

type field struct {
	name string
	kind kind
}

// shape is every field that a node may have, in the order they are judged, and
// the values that its field "type" may have; none given means any.
type shape struct {
	types  []string
	fields []field
}

// expressions are the classes of expressions. All may also have class, type,
// alias and query_location.
var expressions = map[string]shape{
	"BETWEEN":    {types: []string{"COMPARE_BETWEEN"}, fields: []field{{"input", expr}, {"lower", expr}, {"upper", expr}}},
	"CASE":       {types: []string{"CASE_EXPR"}, fields: []field{{"case_checks", cases}, {"else_expr", expr}}},
	"CAST":       {types: []string{"OPERATOR_CAST"}, fields: []field{{"child", expr}, {"cast_type", typed}, {"try_cast", leaf}}},
	"COLLATE":    {types: []string{"COLLATE"}, fields: []field{{"child", expr}, {"collation", leaf}}},
	"COLUMN_REF": {types: []string{"COLUMN_REF"}, fields: []field{{"column_names", leaf}}},
	"COMPARISON": {
		types: []string{"COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_LESSTHANOREQUALTO",
			"COMPARE_GREATERTHANOREQUALTO", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"},
		fields: []field{{"left", expr}, {"right", expr}},
	},
	"CONJUNCTION": {types: []string{"CONJUNCTION_AND", "CONJUNCTION_OR"}, fields: []field{{"children", exprs}}},
	"CONSTANT":    {types: []string{"VALUE_CONSTANT"}, fields: []field{{"value", constants}}},
	"DEFAULT":     {types: []string{"VALUE_DEFAULT"}},
	"FUNCTION": {types: []string{"FUNCTION"}, fields: []field{
		{"function_name", leaf}, {"schema", leaf}, {"catalog", leaf}, {"children", exprs}, {"filter", expr}, {"order_bys", ordered},
		{"distinct", leaf}, {"is_operator", leaf},
	}},
	"LAMBDA": {types: []string{"LAMBDA"}, fields: []field{{"lhs", expr}, {"expr", expr}}},
	"OPERATOR": {
		types: []string{"OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "OPERATOR_TRY", "OPERATOR_UNPACK",
			"COMPARE_IN", "COMPARE_NOT_IN", "GROUPING_FUNCTION", "ARRAY_CONSTRUCTOR", "ARRAY_EXTRACT", "ARRAY_SLICE", "STRUCT_EXTRACT"},
		fields: []field{{"children", exprs}},
	},
	"PARAMETER":            {types: []string{"VALUE_PARAMETER"}, fields: []field{{"identifier", leaf}}},
	"POSITIONAL_REFERENCE": {types: []string{"POSITIONAL_REFERENCE"}, fields: []field{{"index", leaf}}},
	"STAR": {types: []string{"STAR"}, fields: []field{
		{"relation_name", leaf}, {"exclude_list", leaf}, {"qualified_exclude_list", leaf}, {"rename_list", leaf}, {"columns", leaf},
		{"replace_list", replacement}, {"expr", expr},
	}},
	"SUBQUERY": {types: []string{"SUBQUERY"}, fields: []field{
		{"subquery_type", leaf}, {"comparison_type", leaf}, {"subquery", wrapped}, {"child", expr},
	}},
	"WINDOW": {
		types: []string{"WINDOW_AGGREGATE", "WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_NTILE", "WINDOW_PERCENT_RANK", "WINDOW_CUME_DIST",
			"WINDOW_ROW_NUMBER", "WINDOW_FIRST_VALUE", "WINDOW_LAST_VALUE", "WINDOW_LEAD", "WINDOW_LAG", "WINDOW_NTH_VALUE", "WINDOW_FILL"},
		fields: []field{
			{"function_name", leaf}, {"schema", leaf}, {"catalog", leaf}, {"children", exprs}, {"partitions", exprs}, {"orders", orders},
			{"start", leaf}, {"end", leaf}, {"start_expr", expr}, {"end_expr", expr}, {"offset_expr", expr}, {"default_expr", expr},
			{"ignore_nulls", leaf}, {"filter_expr", expr}, {"exclude_clause", leaf}, {"distinct", leaf}, {"arg_orders", orders},
		},
	},
}

var expressionFields = []field{{"class", leaf}, {"type", leaf}, {"alias", leaf}, {"query_location", leaf}}

// queries are the types of query nodes. cte_map is judged before, see query.
var queries = map[string]shape{
	"SELECT_NODE": {fields: []field{
		{"from_table", table}, {"select_list", exprs}, {"where_clause", expr}, {"group_expressions", exprs}, {"group_sets", leaf},
		{"aggregate_handling", leaf}, {"having", expr}, {"qualify", expr}, {"sample", sample},
	}},
	"SET_OPERATION_NODE": {fields: []field{{"setop_type", leaf}, {"setop_all", leaf}, {"left", query}, {"right", query}}},
	"RECURSIVE_CTE_NODE": {fields: []field{
		{"cte_name", leaf}, {"union_all", leaf}, {"left", query}, {"right", query}, {"aliases", leaf}, {"key_targets", exprs},
	}},
}

var queryFields = []field{{"type", leaf}, {"cte_map", leaf}, {"modifiers", modifiers}}

// tables are the types of what stands in FROM.
var tables = map[string]shape{
	"BASE_TABLE": {fields: []field{
		{"catalog_name", leaf}, {"schema_name", leaf}, {"table_name", leaf}, {"column_name_alias", leaf},
	}},
	"EMPTY":           {},
	"EXPRESSION_LIST": {fields: []field{{"values", exprRows}, {"column_name_alias", leaf}}},
	"JOIN": {fields: []field{
		{"join_type", leaf}, {"ref_type", leaf}, {"using_columns", leaf}, {"left", table}, {"right", table}, {"condition", expr},
	}},
	"PIVOT": {fields: []field{
		{"source", table}, {"aggregates", exprs}, {"unpivot_names", leaf}, {"pivots", pivots}, {"groups", leaf},
		{"column_name_alias", leaf}, {"include_nulls", leaf},
	}},
	"SHOW_REF":       {fields: []field{{"show_type", leaf}, {"table_name", leaf}, {"query", query}}},
	"SUBQUERY":       {fields: []field{{"subquery", wrapped}, {"column_name_alias", leaf}}},
	"TABLE_FUNCTION": {fields: []field{{"function", expr}, {"column_name_alias", leaf}, {"with_ordinality", leaf}}},
}

var tableFields = []field{{"type", leaf}, {"alias", leaf}, {"query_location", leaf}, {"sample", sample}}

// modifierShapes are what follows a query node.
var modifierShapes = map[string]shape{
	"ORDER_MODIFIER":         {fields: []field{{"orders", orders}}},
	"LIMIT_MODIFIER":         {fields: []field{{"limit", expr}, {"offset", expr}}},
	"LIMIT_PERCENT_MODIFIER": {fields: []field{{"limit", expr}, {"offset", expr}}},
	"DISTINCT_MODIFIER":      {fields: []field{{"distinct_on_targets", exprs}}},
}

var modifierFields = []field{{"type", leaf}}

// The parts that are no nodes of their own.
var (
	orderShape    = shape{fields: []field{{"type", leaf}, {"null_order", leaf}, {"expression", expr}}}
	caseShape     = shape{fields: []field{{"when_expr", expr}, {"then_expr", expr}}}
	replaceShape  = shape{fields: []field{{"key", leaf}, {"value", expr}}}
	wrappedShape  = shape{fields: []field{{"node", query}}}
	statementForm = shape{fields: []field{{"named_param_map", leaf}, {"node", query}}}
	pivotShape    = shape{fields: []field{{"pivot_expressions", exprs}, {"unpivot_names", leaf}, {"entries", pivots}, {"values", constants}, {"alias", leaf}}}
	cteShape      = shape{fields: []field{{"aliases", leaf}, {"query", wrapped}, {"materialized", leaf}, {"key_targets", exprs}}}
	sampleShape   = shape{fields: []field{{"sample_size", constants}, {"is_percentage", leaf}, {"method", leaf}, {"seed", leaf}, {"repeatable", leaf}}}
	constantShape = shape{fields: []field{{"type", typed}, {"is_null", leaf}, {"value", leaf}}}
)
