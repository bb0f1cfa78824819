package catalog

import (
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

// View is a query with a name. Its names were resolved when it was made; it is
// bound again at each use, for the tables under it may have changed.
type View struct {
	Path      Path
	Comment   string
	Temporary bool
	// Fields are the columns as they were when the view was made.
	Fields []types.Field
	Query  *parser.Query
	Text   string
	// Session is the catalog and database in which the query's names are looked
	// up.
	Session [2]string
}
