package connector

// Access is what a statement is about to do with a table's rows.
type Access struct {
	Write bool
	Touches
}

// Touches says what a table's rows are in, which decides on the rights that it takes to
// read and to write them. All that is empty: nothing that anybody keeps.
type Touches struct {
	// Topics are those of the log that hold them; "*" stands for all there are.
	Topics []string
	// Group is the consumer group whose offsets say where to begin or to end.
	Group string
	// TransactionalID names the transactions that they are written in.
	TransactionalID string
	// Host says that they are in files of the host, or in something else that the node
	// reaches with the rights of its own process.
	Host bool
}

// Access is what reading or writing a table touches: things of the host, where the
// connector does not say.
func (f *Factory) Access(t Table, write bool) Access {
	if f.Touches == nil {
		return Access{write, Touches{Host: true}}
	}
	return Access{write, f.Touches(t, write)}
}

// Source makes the source of a table that may be read.
func (f *Factory) Source(t Table, env Env) (Source, error) {
	if env.May != nil {
		if err := env.May(f.Access(t, false)); err != nil {
			return nil, err
		}
	}
	return f.NewSource(t, env)
}

// Sink makes the sink of a table that may be written.
func (f *Factory) Sink(t Table, env Env) (Sink, error) {
	if env.May != nil {
		if err := env.May(f.Access(t, true)); err != nil {
			return nil, err
		}
	}
	return f.NewSink(t, env)
}
