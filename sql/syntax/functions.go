package syntax

import (
	"strings"
	"sync"
)

// The functions of DuckDB 1.5.5, each one reviewed: allowed, or denied for a
// reason. A name in neither list is refused. TestFunctionListsAreComplete lists
// what the linked DuckDB has and fails on a name that nobody has judged yet.

type functionGroup struct{ about, names string }

// scalars may stand in any expression. Those in caps have limits on arguments.
var scalars = []functionGroup{
	{"operators", "!__postfix !~~ !~~* % & && * ** + - ->> / // <-> << <=> <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ xor"},
	{"arithmetic", `abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
		factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least least_common_multiple lgamma
		ln log log10 log2 mod multiply nextafter pi pow power radians round round_even roundbankers sign signbit sin sinh sqrt subtract
		tan tanh trunc`},
	{"chance", "gen_random_uuid random uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version"},
	{"strings", `array_to_string array_to_string_comma_default ascii bar base64 bin bit_length bit_position char_length character_length
		chr concat concat_ws contains decode encode ends_with format format_bytes formatreadabledecimalsize formatreadablesize from_base64
		from_binary from_hex get_bit hash hex ilike_escape instr lcase left left_grapheme len length length_grapheme like_escape lower lpad
		ltrim md5 md5_number md5_number_lower md5_number_upper nfc_normalize not_ilike_escape not_like_escape octet_length ord
		parse_dirname parse_dirpath parse_filename parse_formatted_bytes parse_path pg_size_pretty position prefix printf regexp_escape
		regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
		repeat replace reverse right right_grapheme rpad rtrim set_bit sha1 sha256 split split_part starts_with str_split str_split_regex
		string_split string_split_regex string_to_array strip_accents strlen strpos substr substring substring_grapheme suffix to_base
		to_base64 to_binary to_hex translate trim ucase unbin unhex unicode upper url_decode url_encode`},
	{"time", `age ago century current_date current_localtime current_localtimestamp date_add date_diff date_part date_sub date_trunc
		datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns
		epoch_us era get_current_time get_current_timestamp hour isodow isoyear julian last_day make_date make_time make_timestamp
		make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month monthname nanosecond
		normalized_interval now quarter second strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days
		to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks
		to_years today transaction_timestamp try_strptime week weekday weekofyear year yearweek`},
	{"lists", `aggregate apply array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains
		array_cosine_distance array_cosine_similarity array_cross_product array_distance array_distinct array_dot_product array_extract
		array_filter array_grade_up array_has array_has_all array_has_any array_indexof array_inner_product array_intersect array_length
		array_negative_dot_product array_negative_inner_product array_pop_back array_pop_front array_position array_prepend
		array_push_back array_push_front array_reduce array_resize array_reverse array_reverse_sort array_select array_slice array_sort
		array_transform array_unique array_value array_where array_zip filter flatten generate_series generate_subscripts grade_up
		list_aggr list_aggregate list_any_value list_append list_apply list_approx_count_distinct list_avg list_bit_and list_bit_or
		list_bit_xor list_bool_and list_bool_or list_cat list_concat list_contains list_cosine_distance list_cosine_similarity list_count
		list_distance list_distinct list_dot_product list_element list_entropy list_extract list_filter list_first list_grade_up list_has
		list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect list_kurtosis list_kurtosis_pop list_last
		list_mad list_max list_median list_min list_mode list_negative_dot_product list_negative_inner_product list_pack list_position
		list_prepend list_product list_reduce list_resize list_reverse list_reverse_sort list_select list_sem list_skewness list_slice
		list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop
		list_var_samp list_where list_zip range reduce unnest unpivot_list equi_width_bins is_histogram_other_bin`},
	{"maps, structs, unions", `cardinality element_at map map_concat map_contains map_contains_entry map_contains_value map_entries
		map_extract map_extract_value map_from_entries map_keys map_values row struct_concat struct_contains struct_extract
		struct_extract_at struct_has struct_indexof struct_insert struct_keys struct_pack struct_position struct_update struct_values
		union_extract union_tag union_value`},
	{"JSON, without the functions that recurse", `array_to_json json json_array json_array_length json_exists json_extract
		json_extract_path json_extract_path_text json_extract_string json_keys json_object json_quote json_type json_valid json_value
		row_to_json to_json`},
	{"words about the session that tell nothing", `current_catalog current_database current_role current_schema current_schemas
		current_user session_user user version pg_typeof typeof`},
	{"flow", "error nullif"},
}

// aggregates turn many rows into one. Macros over aggregates are among them.
var aggregates = []functionGroup{
	{"counts and sums", "avg count count_if count_star countif entropy favg fsum kahan_sum mean product sum sum_no_overflow sumkahan"},
	{"one of them", `any_value approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax
		argmin first last max max_by min min_by mode`},
	{"statistics", `approx_count_distinct approx_quantile corr covar_pop covar_samp geomean geometric_mean histogram histogram_exact
		kurtosis kurtosis_pop mad median quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2
		regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp var_pop var_samp variance wavg
		weighted_avg`},
	{"bits", "bit_and bit_or bit_xor bool_and bool_or"},
	{"collections", "array_agg group_concat json_group_array json_group_object list listagg string_agg"},
	{"windows", `cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number`},
}

// tableFunctions may stand in FROM.
var tableFunctions = []functionGroup{
	{"numbers and lists", "generate_series range unnest"},
	{"JSON, one level of it", "json_each"},
	{"names of time zones", "pg_timezone_names"},
}

// denied are the functions that must not run, in whatever place.
var denied = []functionGroup{
	{"reads or lists files", `glob parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata
		parquet_scan parquet_schema read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects
		read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_text sniff_csv`},
	{"runs SQL or names tables in a string, where it cannot be judged", `histogram_values json_deserialize_sql json_execute_serialized_sql
		json_serialize_plan json_serialize_sql query query_table seq_scan sql_auto_complete summary`},
	{"reads memory by address", "arrow_scan arrow_scan_dumb"},
	{"changes logging, profiling or the parser; writes files", `all_profiling_output check_peg_parser disable_logging disable_peg_parser
		disable_profile disable_profiling enable_logging enable_peg_parser enable_profile enable_profiling parse_duckdb_log_message
		truncate_duckdb_logs write_log`},
	{"changes the database or its settings", `add_parquet_key checkpoint copy_database disable_checkpoint_on_shutdown disable_object_cache
		disable_optimizer disable_print_progress_bar disable_progress_bar disable_verification disable_verify_external
		disable_verify_fetch_row disable_verify_parallelism disable_verify_serializer enable_checkpoint_on_shutdown enable_object_cache
		enable_optimizer enable_print_progress_bar enable_progress_bar enable_verification force_checkpoint import_database verify_external
		verify_fetch_row verify_parallelism verify_serializer`},
	{"tells about the process, its settings, secrets or other queries", `collations current_connection_id current_query current_query_id
		current_setting current_transaction_id database_list database_size duckdb_approx_database_count duckdb_columns
		duckdb_connection_count duckdb_constraints duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_extensions
		duckdb_external_file_cache duckdb_functions duckdb_indexes duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_logs_parsed
		duckdb_memory duckdb_optimizers duckdb_prepared_statements duckdb_profiling_settings duckdb_schemas duckdb_secret_types
		duckdb_secrets duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files duckdb_types
		duckdb_variables duckdb_views extension_versions functions get_block_size getvariable in_search_path metadata_info platform
		pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info pragma_table_info
		pragma_user_agent pragma_version show show_databases show_tables show_tables_expanded storage_info table_info txid_current
		user_agent which_secret`},
	{"has an effect beside its result", "currval nextval pg_sleep setseed sleep_ms"},
	{"takes time or memory out of proportion and cannot be interrupted", `bitstring bitstring_agg damerau_levenshtein editdist3 hamming
		jaccard jaro_similarity jaro_winkler_similarity levenshtein mismatches repeat_row`},
	{"recurses as deep as its argument, down to the end of the stack", `from_json from_json_strict json_contains json_group_structure
		json_merge_patch json_pretty json_structure json_transform json_transform_strict json_tree variant_bytes_to_variant
		variant_extract variant_normalize variant_to_parquet_variant variant_typeof`},
	{"belongs to DuckDB's inside or tests", `__internal_compress_integral_ubigint __internal_compress_integral_uinteger
		__internal_compress_integral_usmallint __internal_compress_integral_utinyint __internal_compress_string_hugeint
		__internal_compress_string_ubigint __internal_compress_string_uhugeint __internal_compress_string_uinteger
		__internal_compress_string_usmallint __internal_compress_string_utinyint __internal_decompress_integral_bigint
		__internal_decompress_integral_hugeint __internal_decompress_integral_integer __internal_decompress_integral_smallint
		__internal_decompress_integral_ubigint __internal_decompress_integral_uhugeint __internal_decompress_integral_uinteger
		__internal_decompress_integral_usmallint __internal_decompress_string alias can_cast_implicitly cast_to_type combine
		constant_or_null create_sort_key enum_code enum_first enum_last enum_range enum_range_boundary finalize get_type make_type
		remap_struct replace_type stats switch test_all_types test_vector_types timetz_byte_comparable vector_type icu_sort_key
		icu_calendar_names`},
	{"is geometry, of which there is none here", `st_asbinary st_astext st_aswkb st_aswkt st_crs st_geomfromwkb st_intersects_extent
		st_setcrs`},
	{"imitates the catalog of PostgreSQL, which is not here", `col_description format_pg_type format_type has_any_column_privilege
		has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
		has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege inet_client_addr
		inet_client_port inet_server_addr inet_server_port map_to_pg_oid obj_description pg_collation_is_visible pg_conf_load_time
		pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_viewdef pg_has_role
		pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
		pg_postmaster_start_time pg_table_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible
		pg_ts_template_is_visible pg_type_is_visible shobj_description`},
}

// deniedPrefix are families of names; the collations are used by COLLATE.
var deniedPrefix = []functionGroup{{"is DuckDB's inside of COLLATE; write x COLLATE de", "icu_collate_"}}

// moving are the functions whose answer differs from call to call, or from
// query to query.
const moving = `age ago current_date current_localtime current_localtimestamp gen_random_uuid get_current_time get_current_timestamp now
	random today transaction_timestamp uuid uuidv4 uuidv7 error current_database current_schema current_schemas current_catalog`

// movingWords are the ones that are written without parentheses. The tree shows
// them as columns, and where a table has such a column, they are one.
const movingWords = "current_date current_time current_timestamp localtime localtimestamp current_catalog current_schema"

// spreading functions turn one row into several.
const spreading = "unnest generate_subscripts regexp_split_to_table"

// registry is the lists above, to look names up in.
type registry struct {
	scalar, aggregate, table map[string]bool
	denied                   map[string]string // Name to reason.
	moving, movingWord       map[string]bool
	spreading                map[string]bool
}

var functions = sync.OnceValue(func() *registry {
	r := &registry{
		scalar: set(scalars), aggregate: set(aggregates), table: set(tableFunctions), denied: map[string]string{},
		moving: set([]functionGroup{{names: moving}}), movingWord: set([]functionGroup{{names: movingWords}}),
		spreading: set([]functionGroup{{names: spreading}}),
	}
	for _, g := range denied {
		for _, name := range strings.Fields(g.names) {
			r.denied[name] = g.about
		}
	}
	return r
})

func set(groups []functionGroup) map[string]bool {
	names := map[string]bool{}
	for _, g := range groups {
		for _, name := range strings.Fields(g.names) {
			names[name] = true
		}
	}
	return names
}

// reason says why a function is denied; "" if it is not.
func (r *registry) reason(name string) string {
	if about := r.denied[name]; about != "" {
		return about
	}
	for _, g := range deniedPrefix {
		if strings.HasPrefix(name, g.names) {
			return g.about
		}
	}
	return ""
}
