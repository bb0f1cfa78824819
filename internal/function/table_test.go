package function

import (
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// table runs lines of an expression and its text.
func table(t *testing.T, lines [][2]string) {
	t.Helper()
	for _, l := range lines {
		if got := eval(l[0]); got != l[1] {
			t.Errorf("%s = %s, want %s", l[0], got, l[1])
		}
	}
}

func TestCasts(t *testing.T) {
	table(t, [][2]string{
		{"CAST('42' AS INT)", "42"}, {"CAST(' -42 ' AS BIGINT)", "-42"}, {"CAST('1.9' AS INT)", "1"}, {"CAST('abc' AS INT)", "error: CAST: 'abc' is not an INT"},
		{"TRY_CAST('abc' AS INT)", "NULL"}, {"CAST('300' AS TINYINT)", "error: CAST: '300' is not a TINYINT"}, {"CAST('' AS INT)", "error: CAST: '' is not an INT"},
		{"CAST('1e2' AS DOUBLE)", "100.0"}, {"CAST('x' AS DOUBLE)", "error: CAST: 'x' is not a DOUBLE"}, {"CAST('1.255' AS DECIMAL(5, 2))", "1.26"},
		{"CAST('12345' AS DECIMAL(3, 0))", "error: CAST: '12345' is not a DECIMAL(3, 0)"}, {"TRY_CAST('12345' AS DECIMAL(3, 0))", "NULL"},
		{"CAST(12345 AS DECIMAL(3, 0))", "NULL"}, {"CAST(1.255 AS DECIMAL(5, 2))", "1.26"}, {"CAST(-1.255 AS DECIMAL(5, 2))", "-1.26"}, {"CAST(0.1e0 AS DECIMAL(5, 2))", "0.10"},
		{"CAST(300 AS TINYINT)", "44"}, {"CAST(2147483648 AS INT)", "-2147483648"}, {"CAST(1e20 AS INT)", "2147483647"}, {"CAST(-1e20 AS BIGINT)", "-9223372036854775808"}, {"CAST(1.9e0 AS INT)", "1"},
		{"CAST(-1.9 AS INT)", "-1"}, {"CAST(TRUE AS INT)", "1"}, {"CAST(0 AS BOOLEAN)", "FALSE"}, {"CAST('t' AS BOOLEAN)", "TRUE"}, {"CAST('no' AS BOOLEAN)", "FALSE"}, {"CAST('maybe' AS BOOLEAN)", "error: CAST: 'maybe' is not a BOOLEAN"},
		{"CAST(1 AS STRING)", "1"}, {"CAST(1.50 AS STRING)", "1.50"}, {"CAST(1e0 AS STRING)", "1.0"}, {"CAST(1e10 AS STRING)", "1.0E10"}, {"CAST(TRUE AS STRING)", "TRUE"}, {"CAST('abc' AS VARCHAR(2))", "ab"},
		{"'[' || CAST('ab' AS CHAR(4)) || ']'", "[ab  ]"}, {"CAST('añb' AS CHAR(2))", "añ"}, {"CAST(X'4142' AS STRING)", "AB"}, {"TO_BASE64(CAST('A' AS BINARY(3)))", "QQAA"},
		{"CAST('2024-01-02' AS DATE)", "2024-01-02"}, {"CAST('2024-01-02 10:00:00' AS DATE)", "2024-01-02"}, {"CAST('2024-13-02' AS DATE)", "error: CAST: '2024-13-02' is not a DATE"},
		{"CAST('10:11:12' AS TIME)", "10:11:12"}, {"CAST(CAST('10:11:12.567' AS TIME) AS TIME(3)) = TIME '10:11:12'", "TRUE"}, {"CAST(TIMESTAMP '2024-01-02 10:11:12.567' AS TIME) = TIME '10:11:12'", "TRUE"},
		{"CAST('10:11:12.567' AS TIME(1)) = TIME '10:11:12.5'", "TRUE"}, {"CAST('10:11:12.567' AS TIME(3)) = TIME '10:11:12.567'", "TRUE"}, {"CAST('2024-01-02 03:04:05.6789' AS TIMESTAMP(3))", "2024-01-02 03:04:05.678"}, {"CAST('2024-01-02T03:04:05Z' AS TIMESTAMP(0))", "2024-01-02 03:04:05"},
		{"CAST(TIMESTAMP '2024-01-02 03:04:05.678' AS DATE)", "2024-01-02"}, {"CAST(TIMESTAMP '1969-12-31 23:00:00' AS DATE)", "1969-12-31"}, {"CAST(TIMESTAMP '1969-12-31 23:00:00' AS TIME)", "23:00:00"},
		{"CAST(DATE '2024-01-02' AS TIMESTAMP(3))", "2024-01-02 00:00:00.000"}, {"CAST(TIMESTAMP '2024-01-02 03:04:05.678' AS TIMESTAMP(0))", "2024-01-02 03:04:05"}, {"CAST(TIMESTAMP '2024-01-02 03:04:05' AS TIMESTAMP(9))", "2024-01-02 03:04:05.000000000"},
		{"CAST(TIMESTAMP '2024-01-02 03:04:05.678' AS STRING)", "2024-01-02 03:04:05.678"}, {"CAST(INTERVAL '1' YEAR AS STRING)", "+1-00"},
		{"CAST(ARRAY['1', '2'] AS ARRAY<INT>)", "[1, 2]"}, {"CAST(ARRAY['1', 'x'] AS ARRAY<INT>)", "error: CAST: 'x' is not an INT"}, {"TRY_CAST(ARRAY['1', 'x'] AS ARRAY<INT>)", "NULL"},
		{"CAST(MAP['a', '1'] AS MAP<STRING, BIGINT>)", "{a=1}"}, {"CAST(ROW(1, '2') AS ROW<a STRING, b INT>)", "(1, 2)"}, {"CAST(ROW(1, 'x') AS ROW<a BIGINT, b STRING>).b", "x"}, {"CAST(ARRAY[1, NULL] AS STRING)", "[1, NULL]"},
		{"CAST(NULL AS INT)", "NULL"}, {"CAST(1 AS TIMESTAMP(3))", "error: CAST: a number says nothing of its unit; use TO_TIMESTAMP_LTZ(x, 0) for seconds or TO_TIMESTAMP_LTZ(x, 3) for milliseconds"},
		{"CAST(ARRAY[1] AS INT)", "error: CAST: a ARRAY<INT NOT NULL> cannot become an INT"},
	})
}

func TestResultTypes(t *testing.T) {
	for _, l := range [][2]string{
		{"1 + 1", "INT NOT NULL"}, {"1 + 2147483648", "BIGINT NOT NULL"}, {"1 + 1.5", "DECIMAL(12, 1) NOT NULL"}, {"1 + 1e0", "DOUBLE NOT NULL"}, {"CAST(1 AS TINYINT) + CAST(1 AS SMALLINT)", "SMALLINT NOT NULL"},
		{"0.908 * CAST(1 AS BIGINT)", "DECIMAL(23, 3) NOT NULL"}, {"7.0 / 2", "DECIMAL(13, 12) NOT NULL"}, {"MOD(CAST(7 AS BIGINT), 3)", "INT NOT NULL"}, {"1 = 1", "BOOLEAN NOT NULL"}, {"1 = CAST(NULL AS INT)", "BOOLEAN"},
		{"ROUND(1.255, 2)", "DECIMAL(4, 2) NOT NULL"}, {"FLOOR(1.5)", "DECIMAL(2, 0) NOT NULL"}, {"'a' || 'bc'", "VARCHAR(3) NOT NULL"}, {"COALESCE(CAST(NULL AS INT), 1)", "INT NOT NULL"}, {"IFNULL(CAST(NULL AS INT), CAST(NULL AS BIGINT))", "BIGINT"},
		{"EXTRACT(DAY FROM DATE '2024-01-01')", "BIGINT NOT NULL"}, {"TO_TIMESTAMP('x')", "TIMESTAMP(3)"}, {"NOW()", "TIMESTAMP_LTZ(3) NOT NULL"}, {"PROCTIME()", "TIMESTAMP_LTZ(3) *PROCTIME* NOT NULL"},
		{"TIMESTAMPDIFF(DAY, DATE '2024-01-01', DATE '2024-01-02')", "INT NOT NULL"}, {"CASE WHEN 1 = 1 THEN 1 ELSE 2.5 END", "DECIMAL(11, 1) NOT NULL"}, {"CASE WHEN 1 = 1 THEN 1 END", "INT"}, {"NULLIF(1, 2)", "INT"},
		{"ARRAY[1, 2.5]", "ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL"}, {"SPLIT_INDEX('a', 'b', 0)", "STRING"}, {"GREATEST(1, 2.5)", "DECIMAL(11, 1) NOT NULL"}, {"ROW(1, 'x')", "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL"},
		{"TIMESTAMP '2024-01-01 00:00:00.000' - INTERVAL '4' SECOND", "TIMESTAMP(3) NOT NULL"}, {"POWER(2, 3)", "DOUBLE NOT NULL"}, {"CHAR_LENGTH('a')", "INT NOT NULL"},
	} {
		if got := typeOf(l[0]); got != l[1] {
			t.Errorf("%s is %s, want %s", l[0], got, l[1])
		}
	}
}

func TestErrors(t *testing.T) {
	table(t, [][2]string{
		{"SUBSTRING(1, 'a')", "error: SUBSTRING expects (STRING, INT [, INT]), got (INT, STRING)"}, {"UPPER()", "error: UPPER expects (STRING), got ()"},
		{"SUBSTRNG('a', 1)", "error: no function SUBSTRNG; did you mean SUBSTRING?"}, {"ZZZZZZ('a')", "error: no function ZZZZZZ"},
		{"REGEXP_EXTRACT('a', '(?=a)')", "error: REGEXP_EXTRACT: '(?=a)' is not a regular expression of RE2: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
		{"'a' LIKE 'b#' ESCAPE '#'", "error: LIKE: the pattern 'b#' ends in its escape character"}, {"DATE_FORMAT(TIMESTAMP '2024-01-01 00:00:00', 'b')", "error: DATE_FORMAT: the date pattern 'b' has the letter b, which is not known here"},
		{"EXTRACT(YEAR FROM TIME '10:00:00')", "error: EXTRACT: a TIME(0) has no YEAR"}, {"FLOOR(TIME '10:00:00' TO DAY)", "error: FLOOR: a TIME(0) is not rounded to DAY"},
		{"JSON_EXISTS('{}', 'a')", "error: JSON_EXISTS: 'a' is no JSON path that is known here; it looks like $.a.b[0]['c']"},
		{"1 + 'a'", "error: + expects (number, number) or (number) or (timestamp, interval) or (DATE, interval) or (TIME, interval) or (interval, interval), got (INT, STRING)"},
		{"1 = 'a'", "error: = expects (number, number) or (STRING, STRING) or (BYTES, BYTES) or (BOOLEAN, BOOLEAN) or (time, time) or (a, a), got (INT, STRING)"},
		{"COALESCE(1, 'a')", "error: COALESCE expects (a, …), got (INT, STRING)"},
	})
}

func TestStrings(t *testing.T) {
	table(t, [][2]string{
		{"SUBSTRING('abc', 5)", ""}, {"SUBSTRING('abc', -5)", ""}, {"SUBSTRING('abc', 2, -1)", ""}, {"SUBSTRING('', 1)", ""}, {"SUBSTRING(CAST(NULL AS STRING), 1)", "NULL"},
		{"POSITION('' IN 'abc')", "1"}, {"POSITION('ñ' IN 'añb')", "2"}, {"POSITION('b' IN 'añb')", "3"}, {"INSTR('abc', 'c', -1)", "3"}, {"INSTR('abc', 'x', -1)", "0"}, {"LOCATE('b', 'abc', 3)", "0"},
		{"REPLACE('abc', '', '-')", "-a-b-c-"}, {"SPLIT_INDEX('a,b', ',', -1)", "NULL"}, {"SPLIT_INDEX('', ',', 0)", "NULL"}, {"SPLIT_INDEX('https://x/y/z', '/', 3)", "y"},
		{"LPAD('añ', 4, '-')", "--añ"}, {"RPAD('', 2, 'xy')", "xy"}, {"LPAD('abc', 0, 'x')", ""}, {"OVERLAY('abc' PLACING 'X' FROM 9)", "abc"}, {"OVERLAY('abc' PLACING 'XY' FROM 3)", "abXY"},
		{"TRIM('')", ""}, {"TRIM(BOTH 'ab' FROM 'abcab')", "c"}, {"INITCAP('')", ""}, {"CHR(0) = CHR(256)", "TRUE"}, {"ASCII('ñ') < 0", "TRUE"},
		{"'abc' LIKE '%'", "TRUE"}, {"'' LIKE '%'", "TRUE"}, {"'' LIKE '_'", "FALSE"}, {"'abc' LIKE 'a%c'", "TRUE"}, {"'ab' LIKE 'ab%ab'", "FALSE"}, {"'abcbc' LIKE 'a%bc'", "TRUE"}, {"'axbxcx' LIKE 'a%b%c'", "FALSE"}, {"'axbxc' LIKE 'a_b_c'", "TRUE"},
		{"'ab' LIKE '%b%b'", "FALSE"}, {"'a%b' LIKE 'a\\%b'", "FALSE"}, {"'añc' LIKE '%ñ_'", "TRUE"}, {"'aab' LIKE '%a_b%'", "TRUE"}, {"'a_b' LIKE 'a#_%' ESCAPE '#'", "TRUE"}, {"'axb' LIKE 'a#_%' ESCAPE '#'", "FALSE"}, {"'abc' NOT LIKE 'a%'", "FALSE"},
		{"'abc' SIMILAR TO 'a'", "FALSE"}, {"'abc' SIMILAR TO '(a|b)%'", "TRUE"}, {"'a+c' SIMILAR TO 'a[+]c'", "TRUE"},
		{"REGEXP_EXTRACT('abc', '(x)?b', 1)", "NULL"}, {"REGEXP_EXTRACT('abc', 'b', 3)", "NULL"}, {"REGEXP_REPLACE('abc', 'x*', '-')", "-a-b-c-"},
		{"STR_TO_MAP('')", "{}"}, {"STR_TO_MAP('a=1,a=2,b')", "{a=2, b=NULL}"}, {"CONCAT_WS(',')", "error: CONCAT_WS expects (STRING, STRING, …), got (STRING)"}, {"JSON_QUOTE('\t')", `"\t"`},
	})
}

func TestNumbers(t *testing.T) {
	table(t, [][2]string{
		{"9223372036854775807 + 1", "-9223372036854775808"}, {"CAST(127 AS TINYINT) + CAST(1 AS TINYINT)", "-128"}, {"-7 % 3", "-1"}, {"-7 / 2", "-3"}, {"5.5 % 2", "1.5"}, {"0e0 / 0", "NaN"}, {"-1e0 / 0", "-Infinity"}, {"1.0 / 0", "error: division by zero"},
		{"99999999999999999999999999999999999999 + 1", "NULL"}, {"1e0 % 0", "NaN"}, {"- (2.50)", "-2.50"}, {"ABS(-2147483648)", "-2147483648"}, {"ABS(CAST(-128 AS TINYINT))", "-128"},
		{"ROUND(-2.5)", "-3"}, {"ROUND(2.4e0)", "2.0"}, {"ROUND(-2.5e0)", "-3.0"}, {"ROUND(12345, -3)", "12000"}, {"ROUND(99.99, 1)", "100.0"}, {"ROUND(5e0, -1)", "10.0"}, {"ROUND(4e0, -1)", "0.0"}, {"TRUNCATE(-1.99e0)", "-1.0"}, {"TRUNCATE(123.456, -1)", "120"}, {"ROUND(1.5, 400)", "1.5"},
		{"CEIL(-0.5)", "0"}, {"FLOOR(-0.5)", "-1"}, {"CEIL(5)", "5"}, {"FLOOR(9.99)", "9"}, {"SIGN(-0.5)", "-1.0"}, {"GREATEST(1, 2.5, -1)", "2.5"}, {"LN(0)", "-Infinity"}, {"SQRT(-1)", "NaN"}, {"LOG(10, 100)", "2.0"},
		{"BIN(-1)", "1111111111111111111111111111111111111111111111111111111111111111"}, {"1.10 = 1.1", "TRUE"}, {"1 < 1.5", "TRUE"}, {"1e0 = 1", "TRUE"}, {"0e0 / 0 = 0e0 / 0", "FALSE"}, {"NULLIF(1, 1.0)", "NULL"}, {"RAND(1) = RAND(1)", "TRUE"},
	})
}

func TestTimes(t *testing.T) {
	table(t, [][2]string{
		{"DATE '2024-02-29' + INTERVAL '1' YEAR", "2025-02-28"}, {"DATE '2024-03-31' - INTERVAL '1' MONTH", "2024-02-29"}, {"DATE '2024-01-01' + INTERVAL '3' DAY", "2024-01-04"}, {"INTERVAL '1' DAY + DATE '2024-01-01'", "2024-01-02"},
		{"TIME '23:30:00' + INTERVAL '1' HOUR", "00:30:00"}, {"TIMESTAMP '1970-01-01 00:00:00' - INTERVAL '1' MONTH", "1969-12-01 00:00:00"}, {"INTERVAL '1' DAY + INTERVAL '2' HOUR", "+1 02:00:00.000"}, {"- INTERVAL '1' DAY", "-1 00:00:00.000"},
		{"TIMESTAMP '2024-01-02 00:00:00' - TIMESTAMP '2024-01-01 12:00:00.500'", "+0 11:59:59.500"}, {"DATE '2024-03-01' - DATE '2024-02-28'", "+2 00:00:00.000"}, {"INTERVAL '3' MONTH * 5", "+1-03"}, {"2 * INTERVAL '1' HOUR", "+0 02:00:00.000"},
		{"DATE '2024-01-01' < CAST(TIMESTAMP '2024-01-02 00:00:01' AS DATE)", "TRUE"}, {"TIMESTAMP '2024-01-01 00:00:00' = '2024-01-01 00:00:00'", "TRUE"}, {"TIMESTAMP '2024-01-01 00:00:00.1' > TIMESTAMP '2024-01-01 00:00:00.0999999'", "TRUE"},
		{"EXTRACT(HOUR FROM TIMESTAMP '1969-12-31 23:00:00')", "23"}, {"EXTRACT(CENTURY FROM DATE '2001-01-01')", "21"}, {"EXTRACT(MILLENNIUM FROM DATE '2000-01-01')", "2"}, {"EXTRACT(DECADE FROM DATE '1999-01-01')", "199"}, {"EXTRACT(ISODOW FROM DATE '2024-05-05')", "7"}, {"EXTRACT(DOW FROM DATE '2024-05-05')", "1"},
		{"EXTRACT(MICROSECOND FROM TIMESTAMP '2024-01-01 00:00:01.234567')", "234567"}, {"EXTRACT(MONTH FROM INTERVAL '1-02' YEAR TO MONTH)", "2"}, {"WEEK(DATE '2024-12-30')", "1"}, {"WEEK(DATE '2021-01-01')", "53"},
		{"FLOOR(TIMESTAMP '1969-12-31 23:59:59.9' TO SECOND)", "1969-12-31 23:59:59.0"}, {"FLOOR(DATE '2024-05-17' TO QUARTER)", "2024-04-01"}, {"CEIL(DATE '2024-05-17' TO MONTH)", "2024-06-01"}, {"CEIL(DATE '2024-05-08' TO WEEK)", "2024-05-12"}, {"FLOOR(DATE '2024-05-17' TO CENTURY)", "2001-01-01"}, {"FLOOR(DATE '2024-05-17' TO DECADE)", "2020-01-01"},
		{"CEIL(TIMESTAMP '2024-01-01 00:00:00' TO DAY)", "2024-01-01 00:00:00"}, {"CEIL(TIMESTAMP '2024-01-01 00:00:00.1' TO HOUR)", "2024-01-01 01:00:00.0"},
		{"TIMESTAMPDIFF(MONTH, TIMESTAMP '2024-01-31 10:00:00', TIMESTAMP '2024-02-29 09:00:00')", "0"}, {"TIMESTAMPDIFF(YEAR, DATE '2000-02-29', DATE '2024-02-28')", "23"}, {"TIMESTAMPDIFF(DAY, DATE '2024-01-01', TIMESTAMP '2024-01-02 23:00:00')", "1"}, {"TIMESTAMPDIFF(HOUR, TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2023-12-31 22:30:00')", "-1"},
		{"TIMESTAMPADD(MILLISECOND, 5, DATE '2024-01-01')", "2024-01-01 00:00:00.005"}, {"TIMESTAMPADD(QUARTER, -1, DATE '2024-01-31')", "2023-10-31"},
		{"DATE_FORMAT(TIMESTAMP '2024-03-05 00:07:09.120', 'yyyyMMddHHmmssSSS')", "20240305000709120"}, {"DATE_FORMAT(TIMESTAMP '2024-03-05 00:07:09', 'KK kk hh HH DDD Q MMMM EEEE')", "00 24 12 00 065 1 March Tuesday"},
		{"TO_TIMESTAMP('20240305000709120', 'yyyyMMddHHmmssSSS')", "2024-03-05 00:07:09.120"}, {"TO_TIMESTAMP('1999-9-10 05:20:10', 'yyyy-MM-dd HH:mm:ss')", "1999-09-10 05:20:10.000"}, {"TO_TIMESTAMP('2024-02-30', 'yyyy-MM-dd')", "NULL"}, {"TO_TIMESTAMP('05 Mar 2024 2 PM', 'dd MMM yyyy h a')", "2024-03-05 14:00:00.000"}, {"TO_TIMESTAMP('2024-1-2')", "NULL"},
		{"UNIX_TIMESTAMP('2024-13-01 00:00:00')", "1735689600"}, {"TO_DATE('2024')", "2024-01-01"}, {"TO_DATE('31.12.99', 'dd.MM.yy')", "1999-12-31"}, {"TO_TIMESTAMP_LTZ(1.5e0, 0)", "1970-01-01 00:00:01.500"}, {"TO_TIMESTAMP_LTZ(999999999999, 0)", "NULL"}, {"TO_TIMESTAMP_LTZ(1, 6)", "error: TO_TIMESTAMP_LTZ: the precision is 0 for seconds or 3 for milliseconds, not 6"},
		{"CONVERT_TZ('2024-07-01 12:00:00', 'PST', 'Europe/Berlin')", "2024-07-01 21:00:00"},
	})
}

func TestZones(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	ctx := &vec.EvalContext{Now: time.Date(2024, 5, 6, 23, 30, 0, 0, time.UTC), Location: berlin}
	for _, l := range [][2]string{
		{"CURRENT_DATE", "2024-05-07"}, {"LOCALTIMESTAMP", "2024-05-07 01:30:00.000"}, {"CURRENT_TIME", "01:30:00"}, {"HOUR(NOW())", "1"}, {"UNIX_TIMESTAMP('1970-01-01 01:00:01')", "1"}, {"FROM_UNIXTIME(0)", "1970-01-01 01:00:00"},
		{"CAST(TO_TIMESTAMP_LTZ(0, 0) AS TIMESTAMP(3))", "1970-01-01 01:00:00.000"}, {"CAST(TO_TIMESTAMP_LTZ(0, 0) AS STRING)", "1970-01-01 01:00:00.000"}, {"CAST(CAST('2024-07-01 00:00:00' AS TIMESTAMP_LTZ(0)) AS DATE)", "2024-07-01"},
		{"DATE_FORMAT(TO_TIMESTAMP_LTZ(0, 0), 'HH:mm XXX')", "01:00 +01:00"}, {"UNIX_TIMESTAMP('2024-07-01 00:00:00')", "1719784800"}, {"FLOOR(TO_TIMESTAMP_LTZ(1719784800, 0) TO DAY)", "2024-07-01 00:00:00.000"},
		// 02:30 does not exist on the day that clocks go forward, and exists twice
		// on the day that they go back.
		{"CAST(CAST('2024-03-31 02:30:00' AS TIMESTAMP_LTZ(0)) AS STRING)", "2024-03-31 03:30:00"}, {"UNIX_TIMESTAMP('2024-10-27 02:30:00')", "1729989000"}, {"UNIX_TIMESTAMP('2024-03-31 02:30:00')", "1711848600"},
	} {
		if got := evalIn(ctx, l[0]); got != l[1] {
			t.Errorf("%s = %s, want %s", l[0], got, l[1])
		}
	}
}

func TestJSON(t *testing.T) {
	table(t, [][2]string{
		{`JSON_VALUE('{"a": {"b": 1}}', '$.a')`, "NULL"}, {`JSON_VALUE('{"a": null}', '$.a')`, "NULL"}, {`JSON_VALUE('{"a": "x\u0041\n"}', '$.a')`, "xA\n"}, {`JSON_VALUE('{"a": 5}', '$.a' RETURNING INTEGER)`, "5"}, {`JSON_VALUE('{"a": "x"}', '$.a' RETURNING INTEGER)`, "NULL"},
		{`JSON_VALUE('{"a": "x"}', '$.a' RETURNING INTEGER DEFAULT 7 ON ERROR)`, "7"}, {`JSON_VALUE('{}', '$.a' ERROR ON EMPTY)`, "error: JSON_VALUE: there is nothing at the path"}, {`JSON_VALUE('{', '$.a' ERROR ON ERROR)`, "error: JSON_VALUE: the text is not JSON"},
		{`JSON_VALUE('{"a": true}', '$.a' RETURNING BOOLEAN)`, "TRUE"}, {`JSON_VALUE('[1, [2, 3]]', '$[1][0]')`, "2"}, {`JSON_VALUE('{"a": 1, "a": 2}', '$.a')`, "2"}, {`JSON_VALUE('{"a]": "}{", "b": 2}', '$.b')`, "2"}, {`JSON_VALUE(CAST(NULL AS STRING), '$.a')`, "NULL"},
		{`JSON_QUERY('{"a": [1, 2]}', '$.a')`, "[1,2]"}, {`JSON_QUERY('{"a": 1}', '$.a' WITH CONDITIONAL ARRAY WRAPPER)`, "[1]"}, {`JSON_QUERY('{"a": [1]}', '$.a' WITH CONDITIONAL ARRAY WRAPPER)`, "[1]"}, {`JSON_QUERY('{"a": [1]}', '$.a' WITH UNCONDITIONAL ARRAY WRAPPER)`, "[[1]]"},
		{`JSON_QUERY('{}', '$.a' EMPTY ARRAY ON EMPTY)`, "[]"}, {`JSON_EXISTS('[]', '$[0]')`, "FALSE"}, {`JSON_EXISTS('x', '$' UNKNOWN ON ERROR)`, "NULL"}, {`'[1' IS JSON`, "FALSE"}, {`CAST(NULL AS STRING) IS JSON`, "FALSE"}, {`'"a"' IS JSON SCALAR`, "TRUE"},
		{"JSON_OBJECT()", "{}"}, {"JSON_STRING(ROW(1, DATE '2024-01-01'))", `{"EXPR$0":1,"EXPR$1":"2024-01-01"}`}, {"JSON_STRING(TIMESTAMP '2024-01-01 10:00:00.500')", `"2024-01-01T10:00:00.5"`}, {"JSON_STRING(1.50)", "1.50"}, {"JSON_STRING(X'01')", `"AQ=="`}, {"JSON_STRING(1e0 / 0)", `"Infinity"`},
	})
}

func TestCollections(t *testing.T) {
	table(t, [][2]string{
		{"ARRAY_CONTAINS(CAST(NULL AS ARRAY<INT>), 1)", "NULL"}, {"ARRAY[ARRAY[1], ARRAY[2, 3]][2][1]", "2"}, {"CARDINALITY(CAST(NULL AS ARRAY<INT>))", "NULL"}, {"ARRAY['a', 'bcd']", "[a, bcd]"}, {"MAP[1, 'a'][CAST(1 AS TINYINT)]", "a"}, {"ELEMENT(CAST(NULL AS ARRAY<INT>))", "NULL"},
		{"ARRAY_SLICE(ARRAY[1, 2, 3], 0, 2)", "[1, 2]"}, {"ARRAY_SLICE(ARRAY[1, 2, 3], -9, -2)", "[1, 2]"}, {"ARRAY_SORT(ARRAY['b', 'a'])", "[a, b]"}, {"ARRAY_MAX(ARRAY[CAST(NULL AS INT)])", "NULL"}, {"ARRAY_POSITION(ARRAY[1], CAST(NULL AS INT))", "NULL"}, {"ARRAY_CONCAT(ARRAY[1], ARRAY[2.5])", "[1.0, 2.5]"},
		{"MAP_FROM_ARRAYS(ARRAY[1], ARRAY[1, 2])", "error: MAP_FROM_ARRAYS: 1 keys and 2 values"}, {"ROW(1, 2) = ROW(1, 2)", "TRUE"}, {"COALESCE(CAST(NULL AS ARRAY<INT>), ARRAY[1])", "[1]"}, {"IF(1 = 2, ARRAY[1], ARRAY[2, 3])", "[2, 3]"}, {"CASE WHEN 1 = 1 THEN MAP['a', 1] END", "{a=1}"}, {"GREATEST('a', 'c', 'b')", "c"},
		{"NULLIF('a', 'b')", "a"}, {"COALESCE(NULL, NULL)", "NULL"},
	})
}

// TestNestedErrorRow checks that an element that cannot be cast is reported on
// the row of its array.
func TestNestedErrorRow(t *testing.T) {
	b := vec.NewBuilder(types.TArray(types.TString), 3)
	for _, elems := range [][]string{{"1", "2"}, {"3"}, {"4", "x"}} {
		for _, e := range elems {
			b.Kid(0).AppendString(e)
		}
		b.Close()
	}
	bound, err := BindCast(types.TArray(types.TString), types.TArray(types.TInt), false)
	must(t, err)
	_, err = NewCast(bound, NewColumn(0, bound.Args[0])).Eval(testContext(), &vec.Batch{N: 3, Cols: []*vec.Vector{b.Finish()}})
	if e, ok := err.(*vec.RowError); !ok || e.Row != 2 {
		t.Errorf("the error is %#v", err)
	}
}

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{"uper": "UPPER", "CARDINALTY": "CARDINALITY", "LISTAG": "LISTAGG", "XYZXYZXYZ": ""} {
		if got := Nearest(in); got != want {
			t.Errorf("Nearest(%s) = %s, want %s", in, got, want)
		}
	}
	if _, ok := LookupScalar("char_length"); !ok {
		t.Error("names are not found in lower case")
	}
	if e, _ := CastTo(NewLiteral(types.TInt, int64(1)), types.TBigInt); AsLiteral(e) == nil {
		t.Error("a cast of a constant is not done at once")
	}
}
