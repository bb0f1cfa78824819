package shell

import "github.com/millrace/millrace/internal/types"

// defaultWidth is that of a column whose type does not bound the length of its
// values (sql-client.display.max-column-width is 30 in Flink, too).
const defaultWidth = 30

// typeWidth is how wide a column of a streaming result is drawn, before any of its
// values is known: Flink's widths, by which every value of the type fits.
func typeWidth(t types.Type) int {
	switch t.Root {
	case types.Boolean:
		return 6 // <NULL>
	case types.TinyInt, types.SmallInt:
		return 6
	case types.Integer:
		return 11
	case types.BigInt:
		return 20
	case types.Decimal:
		return max(6, t.Precision+2) // sign and point
	case types.Date:
		return 10
	case types.Time:
		return withFraction(8, t.Precision)
	case types.Timestamp, types.TimestampLTZ:
		return withFraction(19, t.Precision)
	}
	return defaultWidth
}

func withFraction(n, precision int) int {
	if precision == 0 {
		return n
	}
	return n + 1 + precision
}
