package types

// RowKind says what a row of a changelog does, in Flink's order and with its
// byte values.
type RowKind uint8

// The row kinds.
const (
	Insert       RowKind = iota // +I
	UpdateBefore                // -U
	UpdateAfter                 // +U
	Delete                      // -D
)

// String is the kind as Flink prints it: +I, -U, +U, -D.
func (k RowKind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k&3] }

// Adds says whether the kind adds a row to the table (+I, +U), rather than
// taking one away.
func (k RowKind) Adds() bool { return k == Insert || k == UpdateAfter }

// KindSet is a set of row kinds: the changelog mode of an edge.
type KindSet uint8

// The changelog modes that edges have.
const (
	AppendOnly KindSet = 1 << Insert
	Upsert     KindSet = 1<<Insert | 1<<UpdateAfter | 1<<Delete
	Retract    KindSet = 1<<Insert | 1<<UpdateBefore | 1<<UpdateAfter | 1<<Delete
)

// Has says whether k is in the set.
func (s KindSet) Has(k RowKind) bool { return s&(1<<k) != 0 }

// With is the set and k.
func (s KindSet) With(k RowKind) KindSet { return s | 1<<k }

// Without is the set without k.
func (s KindSet) Without(k RowKind) KindSet { return s &^ (1 << k) }

// String is the set as Flink's EXPLAIN CHANGELOG_MODE prints it: I,UB,UA,D.
func (s KindSet) String() string {
	out := ""
	for k, n := range [...]string{"I", "UB", "UA", "D"} {
		if s.Has(RowKind(k)) {
			if out != "" {
				out += ","
			}
			out += n
		}
	}
	if out == "" {
		return "NONE"
	}
	return out
}
