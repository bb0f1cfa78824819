package node

import (
	// The formats register themselves.
	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	_ "github.com/millrace/millrace/internal/format/raw"

	// Zone data for CONVERT_TZ and table.local-time-zone, where a machine has none.
	_ "time/tzdata"
)
