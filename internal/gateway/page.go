package gateway

import (
	"encoding/json"
	"net/http"

	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// page is a piece of a result as the REST API gives it.
type page struct {
	ResultType  string  `json:"resultType"`
	ResultKind  string  `json:"resultKind,omitempty"`
	IsQuery     bool    `json:"isQueryResult"`
	JobID       string  `json:"jobID,omitempty"`
	Results     results `json:"results"`
	Next        string  `json:"nextResultUri,omitempty"`
	IsStreaming bool    `json:"isStreaming"` // millrace's own: whether row kinds say something
}

type results struct {
	Columns   []column `json:"columns"`
	RowFormat string   `json:"rowFormat"`
	Data      []row    `json:"data"`
}

type column struct {
	Name    string      `json:"name"`
	Type    logicalType `json:"logicalType"`
	Comment *string     `json:"comment"`
}

type logicalType struct {
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	// SQL is millrace's own field: the whole type, for clients that parse it.
	SQL string `json:"sql"`

	Length    *int `json:"length,omitempty"`
	Precision *int `json:"precision,omitempty"`
	Scale     *int `json:"scale,omitempty"`
}

type row struct {
	Kind   string            `json:"kind"`
	Fields []json.RawMessage `json:"fields"`
}

var kindNames = [...]string{"INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"}

func newPage(r *session.Result) *page {
	p := &page{ResultKind: "SUCCESS", JobID: r.JobID(), IsStreaming: r.Streaming(), Results: results{RowFormat: "JSON", Data: []row{}}}
	columns := r.Columns()
	if columns == nil {
		columns = []types.Field{{Name: "result", Type: types.TString}}
	} else {
		p.ResultKind, p.IsQuery = "SUCCESS_WITH_CONTENT", true
	}
	for _, c := range columns {
		p.Results.Columns = append(p.Results.Columns, column{Name: c.Name, Type: describe(c.Type)})
	}
	return p
}

func notReady(r *http.Request, token int64) *page {
	return &page{ResultType: "NOT_READY", Next: nextURI(r, token), Results: results{RowFormat: "JSON", Data: []row{}}}
}

var rootNames = map[types.Root]string{
	types.Null: "NULL", types.Boolean: "BOOLEAN", types.TinyInt: "TINYINT", types.SmallInt: "SMALLINT", types.Integer: "INTEGER",
	types.BigInt: "BIGINT", types.Float: "FLOAT", types.Double: "DOUBLE", types.Decimal: "DECIMAL", types.Char: "CHAR",
	types.Varchar: "VARCHAR", types.Binary: "BINARY", types.Varbinary: "VARBINARY", types.Date: "DATE",
	types.Time: "TIME_WITHOUT_TIME_ZONE", types.Timestamp: "TIMESTAMP_WITHOUT_TIME_ZONE",
	types.TimestampLTZ: "TIMESTAMP_WITH_LOCAL_TIME_ZONE", types.IntervalYearMonth: "INTERVAL_YEAR_MONTH",
	types.IntervalDayTime: "INTERVAL_DAY_TIME", types.Array: "ARRAY", types.Multiset: "MULTISET", types.Map: "MAP", types.Row: "ROW",
}

func describe(t types.Type) logicalType {
	l := logicalType{Type: rootNames[t.Root], Nullable: !t.NotNull, SQL: t.SQL()}
	switch {
	case t.IsString() || t.IsBytes():
		l.Length = &t.Precision
	case t.Root == types.Decimal:
		l.Precision, l.Scale = &t.Precision, &t.Scale
	case t.IsTimestamp() || t.Root == types.Time:
		l.Precision = &t.Precision
	}
	return l
}

func (p *page) fill(r *session.Result, b *vec.Batch) error {
	enc, err := newEncoder(r.Columns())
	if err != nil {
		return err
	}
	for i := range b.Len() {
		at := b.Row(i)
		fields, err := enc.fields(b.Cols, at)
		if err != nil {
			return err
		}
		p.Results.Data = append(p.Results.Data, row{kindNames[b.Kind(at)], fields})
	}
	return nil
}
