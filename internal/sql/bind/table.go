package bind

import (
	"errors"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// CreateTable resolves a CREATE TABLE: types, computed columns, watermark, key
// and options. It adds nothing to the catalog. A table with AS gets the columns
// of the query; what fills it is InsertInto.
func (b *Binder) CreateTable(s *parser.CreateTable) (*catalog.Table, error) {
	path, err := b.path(s.Name)
	if err != nil {
		return nil, err
	}
	if s.Like != nil {
		if s, err = b.like(s); err != nil {
			return nil, err
		}
	}
	if s.As != nil {
		if s, err = b.columnsOfQuery(s); err != nil {
			return nil, err
		}
	}
	return b.table(path, s)
}

func (b *Binder) table(path catalog.Path, s *parser.CreateTable) (*catalog.Table, error) {
	if s.Distribution != nil {
		return nil, unsupported(s.Distribution.Pos(), "DISTRIBUTED BY is")
	}
	t := &catalog.Table{Path: path, Temporary: s.Temporary, Def: s}
	t.Connector.Path = path
	if s.Comment != nil {
		t.Comment = s.Comment.Value
	}
	d := &tableDef{b: b, s: s, t: t}
	for _, step := range []func() error{d.columns, d.primaryKey, d.options, d.metadata, d.computed, d.watermark, d.partitions, d.check} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// tableDef is a table while it is resolved.
type tableDef struct {
	b *Binder
	s *parser.CreateTable
	t *catalog.Table
}

// columns takes over what is declared: names, types, kinds.
func (d *tableDef) columns() error {
	for _, c := range d.s.Schema.Columns {
		if d.index(c.Name.Name) >= 0 {
			return errorAt(c.Name.Pos(), "column '%s' is declared twice", c.Name.Name)
		}
		col := catalog.Column{Name: c.Name.Name, Position: -1}
		if c.Comment != nil {
			col.Comment = c.Comment.Value
		}
		switch c.Kind {
		case parser.ColumnComputed:
			col.Kind, col.Text = catalog.Computed, c.Expr.String()
		case parser.ColumnMetadata:
			col.Kind, col.Virtual, col.MetadataKey = catalog.Metadata, c.Virtual, col.Name
			if c.From != nil {
				col.MetadataKey, col.HasKey = c.From.Value, true
			}
		}
		if c.Type != nil {
			var err error
			if col.Type, err = Type(c.Type); err != nil {
				return err
			}
			col.Position = len(d.t.Connector.Columns)
			d.t.Connector.Columns = append(d.t.Connector.Columns, connector.Column{
				Name: col.Name, Type: col.Type, Metadata: col.MetadataKey, Virtual: col.Virtual,
			})
		}
		d.t.Columns = append(d.t.Columns, col)
	}
	if len(d.t.Connector.Columns) == 0 {
		return errorAt(d.s.Pos(), "table '%s' has no physical column", d.t.Path.Name())
	}
	return nil
}

func (d *tableDef) index(name string) int {
	return slices.IndexFunc(d.t.Columns, func(c catalog.Column) bool { return c.Name == name })
}

func (d *tableDef) names() []string {
	out := make([]string, len(d.t.Columns))
	for i := range d.t.Columns {
		out[i] = d.t.Columns[i].Name
	}
	return out
}

// primaryKey resolves the key; its columns become NOT NULL.
func (d *tableDef) primaryKey() error {
	keys := append([]*parser.PrimaryKey{}, d.s.Schema.Constraints...)
	for _, c := range d.s.Schema.Columns {
		if c.PrimaryKey != nil {
			keys = append(keys, c.PrimaryKey)
		}
	}
	for i, k := range keys {
		switch {
		case k.Unique:
			return unsupported(k.Pos(), "a UNIQUE constraint is")
		case i > 0:
			return errorAt(k.Pos(), "table '%s' has more than one PRIMARY KEY", d.t.Path.Name())
		case k.Enforced:
			return errorAt(k.Pos(), "PRIMARY KEY must be written NOT ENFORCED: the table's data is not owned here, so the key cannot be checked")
		}
		if k.Name != nil {
			d.t.ConstraintName = k.Name.Name
		}
		for _, c := range k.Columns {
			if err := d.keyColumn(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *tableDef) keyColumn(c parser.Ident) error {
	at := d.index(c.Name)
	switch {
	case at < 0:
		return errorAt(c.Pos(), "column '%s' of the PRIMARY KEY not found%s", c.Name, didYouMean(c.Name, d.names()))
	case d.t.Columns[at].Kind != catalog.Physical:
		return errorAt(c.Pos(), "column '%s' of the PRIMARY KEY is not a physical column", c.Name)
	case slices.Contains(d.t.PrimaryKey, at):
		return errorAt(c.Pos(), "column '%s' is in the PRIMARY KEY twice", c.Name)
	}
	col := &d.t.Columns[at]
	col.Type = col.Type.Required()
	d.t.Connector.Columns[col.Position].Type = col.Type
	d.t.PrimaryKey = append(d.t.PrimaryKey, at)
	d.t.Connector.PrimaryKey = append(d.t.Connector.PrimaryKey, col.Position)
	return nil
}

func (d *tableDef) options() error {
	for _, o := range d.s.With {
		d.t.Options = append(d.t.Options, catalog.Option{Key: o.Key, Value: o.Value})
	}
	w, err := d.b.Catalog.Resolve(d.s.Name.Pos(), d.t.Path, d.s.With, len(d.t.PrimaryKey) > 0)
	if err != nil {
		return err
	}
	d.t.Factory, d.t.Connector.Options = w.Factory, w.Options
	return nil
}

// metadata holds metadata columns against what the connector has. The connector
// gives them in its own type; the scan casts them to the declared one.
func (d *tableDef) metadata() error {
	for i := range d.t.Columns {
		col := &d.t.Columns[i]
		if col.Kind != catalog.Metadata {
			continue
		}
		at := d.s.Schema.Columns[i].Pos()
		var keys []string
		found := false
		for _, m := range d.t.Factory.Metadata {
			keys = append(keys, m.Metadata)
			if m.Metadata != col.MetadataKey {
				continue
			}
			found = true
			if m.Virtual && !col.Virtual {
				return errorAt(at, "metadata '%s' can only be read: declare the column '%s' VIRTUAL", col.MetadataKey, col.Name)
			}
			if !types.ExplicitCast(m.Type, col.Type) {
				return errorAt(at, "metadata '%s' is %s, which cannot be cast to %s", col.MetadataKey, typeText(m.Type), typeText(col.Type))
			}
			d.t.Connector.Columns[col.Position].Type = m.Type
		}
		if !found {
			return errorAt(at, "connector '%s' has no metadata '%s'%s; it has: %s", d.t.Connector.Options["connector"], col.MetadataKey,
				didYouMean(col.MetadataKey, keys), strings.Join(keys, ", "))
		}
	}
	return nil
}

// computed binds computed columns over the physical and metadata ones. One may
// use those declared before it.
func (d *tableDef) computed() error {
	s := &scope{}
	var by []rex.Expr // the columns of the scope, over those of the connector
	for i := range d.t.Columns {
		c := &d.t.Columns[i]
		if c.Position < 0 {
			continue
		}
		s.columns = append(s.columns, column{name: c.Name, typ: c.Type, with: -1})
		e, err := rex.CastTo(rex.Col(c.Position, d.t.Connector.Columns[c.Position].Type), c.Type, false)
		if err != nil {
			return wrap(d.s.Schema.Columns[i].Pos(), err)
		}
		by = append(by, e)
	}
	for i := range d.t.Columns {
		c := &d.t.Columns[i]
		if c.Kind != catalog.Computed {
			continue
		}
		x := d.b.exprs(s, "a computed column")
		e, err := x.bind(d.s.Schema.Columns[i].Expr)
		if err != nil {
			return err
		}
		if e.Type().Root == types.Null {
			return errorAt(d.s.Schema.Columns[i].Expr.Pos(), "the type of computed column '%s' is not clear: write CAST(NULL AS …)", c.Name)
		}
		c.Type, c.Expr = e.Type(), rex.Substitute(e, by)
		s.columns = append(s.columns, column{name: c.Name, typ: c.Type, with: -1})
		by = append(by, c.Expr)
	}
	return nil
}

func (d *tableDef) watermark() error {
	w := d.s.Schema.Watermark
	if w == nil {
		return nil
	}
	if len(w.Column) != 1 {
		return unsupported(w.Column[0].Pos(), "a watermark on a nested column is")
	}
	at := d.index(w.Column[0].Name)
	if at < 0 {
		return errorAt(w.Column[0].Pos(), "column '%s' of the WATERMARK not found%s", w.Column[0].Name, didYouMean(w.Column[0].Name, d.names()))
	}
	t := d.t.Columns[at].Type
	if !t.IsTimestamp() || t.Precision > 3 {
		return errorAt(w.Column[0].Pos(), "the WATERMARK's column '%s' must be TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p from 0 to 3, but it is %s", d.t.Columns[at].Name, typeText(t))
	}
	x := d.b.exprs(scopeOf("", d.t.Fields()), "WATERMARK")
	e, err := x.bind(w.Expr)
	if err != nil {
		return err
	}
	if e.Type().Root != t.Root || e.Type().Precision > 3 {
		return errorAt(w.Expr.Pos(), "the WATERMARK's expression is %s, but its column '%s' is %s", typeText(e.Type()), d.t.Columns[at].Name, typeText(t))
	}
	d.t.Columns[at].Type.Attr = types.RowTime
	d.t.Watermark = &catalog.Watermark{Column: at, Expr: e, Text: w.Expr.String()}
	return nil
}

func (d *tableDef) partitions() error {
	for _, p := range d.s.PartitionBy {
		at := d.index(p.Name)
		if at < 0 || d.t.Columns[at].Kind == catalog.Computed {
			return errorAt(p.Pos(), "column '%s' of PARTITIONED BY not found%s", p.Name, didYouMean(p.Name, d.names()))
		}
		d.t.PartitionedBy = append(d.t.PartitionedBy, p.Name)
		d.t.Connector.PartitionedBy = append(d.t.Connector.PartitionedBy, d.t.Columns[at].Position)
	}
	return nil
}

// check asks the connector about the table as a whole.
func (d *tableDef) check() error {
	if d.t.Factory.Check == nil {
		return nil
	}
	err := d.t.Factory.Check(d.t.Connector)
	if err == nil {
		return nil
	}
	var blamed *connector.OptionError
	if errors.As(err, &blamed) {
		for _, o := range d.s.With {
			if o.Key == blamed.Option {
				return errorAt(o.ValuePos, "%s", err)
			}
		}
	}
	return errorAt(d.s.Name.Pos(), "table '%s': %s", d.t.Path, err)
}
