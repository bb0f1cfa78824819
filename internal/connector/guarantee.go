package connector

// The values of sink.delivery-guarantee, Flink's.
const (
	// ExactlyOnce: a row is seen when the epoch that it belongs to is committed, and
	// once.
	ExactlyOnce = "exactly-once"
	// AtLeastOnce: a row is seen when it is durable, and an epoch is committed when
	// its rows are. What was written since the last commit is written again after a
	// failure.
	AtLeastOnce = "at-least-once"
	// NoGuarantee: commits do not wait for rows, so that a power failure may lose
	// some, and any failure may write some again.
	NoGuarantee = "none"
)

// Guarantee is how a sink writes: as its option sink.delivery-guarantee says if it is
// given, else as its job does.
func (e Env) Guarantee(o Options) (string, error) {
	const option = "sink.delivery-guarantee"
	own := o[option]
	switch {
	case own == ExactlyOnce && e.Forgetful:
		return "", OptionErrorf(option, "nothing is exactly once in a job that does not commit ('execution.checkpointing.interval' = '0'); leave the option out or set an interval")
	case own != "":
		return own, nil
	case e.Forgetful || e.Delivery == AtLeastOnce:
		return AtLeastOnce, nil
	}
	return ExactlyOnce, nil
}
