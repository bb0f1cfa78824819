// Package journal is the memory of a job: an internal partition in which each
// epoch is a run of records closed by one commit record. The commit record being
// durable is the commit of the epoch; everything else follows from it.
package journal

import "context"

// Log is what the journal needs of a partition. One writer at a time appends.
type Log interface {
	// Append appends record batches, whose base offsets it assigns, and returns
	// the offset of the last record.
	Append(batches []byte) (last int64, err error)
	// WaitDurable returns when the record at offset would survive a crash.
	WaitDurable(ctx context.Context, offset int64) error
	// Read returns whole batches, the first of them with the record at from, at
	// most max bytes but for a first batch that is larger; nothing at the end. It
	// may use buf.
	Read(from int64, max int, buf []byte) (batches []byte, err error)
	// Start is the first offset that may be read, End the one after the last.
	Start() int64
	End() int64
	// DeleteBefore allows the log to forget the records before offset.
	DeleteBefore(offset int64) error
}
