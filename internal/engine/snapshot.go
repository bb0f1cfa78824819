package engine

import (
	"time"

	"github.com/millrace/millrace/internal/engine/state"
)

// A snapshot of a job's state is written beside its changes, a piece an epoch, so
// that no step waits for it (package journal says why that is right):
//
//	epoch    n         n+1      n+2        n+k
//	changes  ▪         ▪▪       ▪          ▪
//	pieces   ████      ████     ████  ……   ██ complete: what lies before n goes
//
// A piece takes a share of the time that the epoch has taken, and no more than a
// step may last. If changes come faster than that, so that the journal grows past
// twice the size at which the snapshot was due, pieces become as long as they may,
// and epochs short. While nothing comes in no epoch is committed, and the snapshot
// rests too: the journal does not grow meanwhile.
const (
	pieceShare = 10                    // an epoch lasts so many times longer than a piece
	leastPiece = 2 * time.Millisecond  // in an epoch of one record too
	mostPiece  = 25 * time.Millisecond // in any
	// pieceBytes is about how large a record of the journal becomes.
	pieceBytes = 128 << 10
	// snapshotEpoch is how long an epoch lasts at most while a snapshot is written.
	snapshotEpoch = 4 * mostPiece
)

// piecewise is what is left to write of an operator's state on a worker.
type piecewise struct {
	in     *instance
	number int
	rows   *state.Snapshot
}

// openRun begins the epoch's run of the journal, and a snapshot if one is due:
// begins says so, and that the commit record must hold everything. The epoch has
// lasted so long.
func (j *Job) openRun(lasted time.Duration) (begins bool) {
	w := j.out.writer
	begins = w.Due()
	w.Workers = len(j.workers)
	w.Open(j.out.epoch, false, j.turn.now.UnixMilli())
	if begins {
		w.Begin(j.out.begin)
		for _, w := range j.workers {
			w.beginSnapshot()
		}
	}
	j.pieceTime = leastPiece
	if w.Snapshotting() {
		j.pieceTime = pieceTime(lasted, w.Behind())
	}
	return begins
}

// pieceTime is how long a worker may write a piece for, in an epoch that has lasted
// so long, with a journal that has grown so many times past the size at which the
// snapshot was due.
func pieceTime(epoch time.Duration, behind float64) time.Duration {
	if behind > 1 {
		return mostPiece
	}
	return min(max(epoch/pieceShare, leastPiece), mostPiece)
}

// closeRun says that the snapshot is complete, if it is.
func (j *Job) closeRun() {
	if !j.out.writer.Snapshotting() {
		return
	}
	for _, w := range j.workers {
		if len(w.snapshot) > 0 {
			return
		}
	}
	j.out.writer.Complete()
}

func (w *worker) beginSnapshot() {
	w.snapshot = w.snapshot[:0]
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			w.snapshot = append(w.snapshot, &piecewise{in, w.job.numbers[in.index], in.store.Snapshot()})
		}
	}
}

// recordState appends what the epoch has changed in the state of a worker's
// operators, and a piece of the snapshot that is being written.
func (w *worker) recordState() (err error) {
	writer := w.job.out.writer
	for _, in := range w.nodes {
		if in == nil || in.store == nil {
			continue
		}
		number := w.job.numbers[in.index]
		w.at = in
		w.delta, err = in.store.EachDelta(w.delta, pieceBytes, func(rec []byte) error {
			return writer.State(number, w.index, rec)
		})
		if err != nil {
			return err
		}
	}
	w.at = nil
	w.evict()
	if len(w.snapshot) == 0 {
		return nil
	}
	return w.recordPiece()
}

func (w *worker) recordPiece() error {
	limit, left := pieceBytes, w.job.config.SnapshotPiece
	if left > 0 {
		limit = min(limit, left)
	}
	for began := time.Now(); len(w.snapshot) > 0; {
		p := w.snapshot[0]
		w.at = p.in
		var more bool
		w.delta, more = p.rows.Append(w.delta[:0], limit)
		if len(w.delta) > 0 {
			if err := w.job.out.writer.Piece(p.number, w.index, w.delta); err != nil {
				return err
			}
			w.job.config.Hook("snapshot-piece")
		}
		if !more {
			w.snapshot = w.snapshot[1:]
		}
		if left > 0 {
			if left -= len(w.delta); left <= 0 {
				break
			}
		} else if time.Since(began) >= w.job.pieceTime {
			break
		}
	}
	w.at = nil
	return nil
}
