package bind

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// AlterTable is the table as it is after an ALTER TABLE that changes its options
// or its schema. Renaming a table is the catalog's.
func (b *Binder) AlterTable(t *catalog.Table, action parser.AlterAction) (*catalog.Table, error) {
	def := *t.Def
	switch a := action.(type) {
	case *parser.AlterSet:
		def.With = mergeOptions(def.With, a.Options)
	case *parser.AlterReset:
		for _, k := range a.Keys {
			i := slices.IndexFunc(def.With, func(o parser.Option) bool { return o.Key == k.Value })
			if i < 0 {
				return nil, errorAt(k.Pos(), "table '%s' has no option '%s'", t.Path, k.Value)
			}
			def.With = slices.Delete(slices.Clone(def.With), i, i+1)
		}
	case *parser.AlterSchema:
		if err := alterSchema(&def, t, a); err != nil {
			return nil, err
		}
	case *parser.AlterDrop:
		if err := alterDrop(&def, t, a); err != nil {
			return nil, err
		}
	default:
		return nil, unsupported(action.Pos(), "this ALTER TABLE is")
	}
	return b.table(t.Path, &def)
}

func alterSchema(def *parser.CreateTable, t *catalog.Table, a *parser.AlterSchema) error {
	if a.Distribution != nil {
		return unsupported(a.Distribution.Pos(), "DISTRIBUTED BY is")
	}
	columns := slices.Clone(def.Schema.Columns)
	for _, c := range a.Columns {
		i := slices.IndexFunc(columns, func(o *parser.ColumnDef) bool { return o.Name.Name == c.Name.Name })
		if a.Modify {
			if i < 0 {
				return errorAt(c.Name.Pos(), "column '%s' not found in table %s", c.Name.Name, t.Path.Name())
			}
			if c.Position == nil {
				columns[i] = c
				continue
			}
			columns = slices.Delete(columns, i, i+1)
		}
		at := len(columns)
		if c.Position != nil {
			at = 0
			if after := c.Position.After; after != nil {
				at = 1 + slices.IndexFunc(columns, func(o *parser.ColumnDef) bool { return o.Name.Name == after.Name })
				if at == 0 {
					return errorAt(after.Pos(), "column '%s' not found in table %s", after.Name, t.Path.Name())
				}
			}
		}
		columns = slices.Insert(columns, at, c)
	}
	def.Schema.Columns = columns
	if a.Watermark != nil {
		def.Schema.Watermark = a.Watermark
	}
	if len(a.Constraints) > 0 {
		def.Schema.Constraints = a.Constraints
	}
	return nil
}

func alterDrop(def *parser.CreateTable, t *catalog.Table, a *parser.AlterDrop) error {
	switch a.What {
	case "WATERMARK":
		def.Schema.Watermark = nil
	case "PRIMARY KEY", "CONSTRAINT":
		def.Schema.Constraints = nil
	case "COLUMNS":
		columns := slices.Clone(def.Schema.Columns)
		for _, n := range a.Names {
			i := slices.IndexFunc(columns, func(c *parser.ColumnDef) bool { return c.Name.Name == n.Name })
			if i < 0 {
				return errorAt(n.Pos(), "column '%s' not found in table %s", n.Name, t.Path.Name())
			}
			columns = slices.Delete(columns, i, i+1)
		}
		def.Schema.Columns = columns
	default:
		return unsupported(a.Pos(), "DROP "+a.What+" is")
	}
	return nil
}
