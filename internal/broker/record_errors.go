package broker

import (
	"errors"

	"github.com/millrace/millrace/internal/commitlog"
)

// writeRecordErrors names the records that an error is about, which need not be all that were sent (KIP-467).
func writeRecordErrors(w *writer, err error) {
	var e *commitlog.RecordsError
	if !errors.As(err, &e) {
		w.length(0)
		return
	}
	w.length(len(e.Records))
	for _, r := range e.Records {
		w.int32(r.Index)
		w.string(r.Message)
		w.tags()
	}
}
