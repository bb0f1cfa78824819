package types

// Days of the years that Flink's dates reach: 0001-01-01 and 9999-12-31.
const (
	MinDate int32 = -719162
	MaxDate int32 = 2932896
)

const (
	msPerDay  = 86_400_000
	secPerDay = 86_400
)

// DaysFrom is the number of days from 1970-01-01 to a date of the proleptic
// Gregorian calendar. The year is counted from March, so that the leap day is
// its last, in eras of 400 years (Howard Hinnant, "chrono-compatible low-level
// date algorithms").
func DaysFrom(year, month, day int) int32 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int32(era*146097 + dayOfEra - 719468)
}

// CivilDate is the date that is days after 1970-01-01.
func CivilDate(days int32) (year, month, day int) {
	z := int(days) + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = yoe + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// DaysInMonth is how many days a month has.
func DaysInMonth(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return [...]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month]
}

// Convert changes the unit of a timestamp: coarser units floor, finer ones report
// what does not fit 64 bits.
func Convert(v int64, from, to Unit) (int64, bool) {
	if to <= from {
		return floorDiv(v, from.PerSecond()/to.PerSecond()), true
	}
	f := to.PerSecond() / from.PerSecond()
	r := v * f
	return r, r/f == v
}

// Truncate cuts a timestamp of type t to the fractional digits of its precision,
// downwards.
func Truncate(v int64, t Type) int64 {
	f := int64(1)
	for d := 3 + 3*int(t.Unit()); d > t.Precision; d-- {
		f *= 10
	}
	return floorDiv(v, f) * f
}

func floorDiv[T int | int64](a, b T) T {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
