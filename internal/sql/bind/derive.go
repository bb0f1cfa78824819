package bind

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// withOptions is a table with other options: an OPTIONS hint.
func (b *Binder) withOptions(t *catalog.Table, options []parser.Option) (*catalog.Table, error) {
	def := *t.Def
	def.With = mergeOptions(def.With, options)
	return b.table(t.Path, &def)
}

// mergeOptions puts options into a list; one that is there gets the new value.
func mergeOptions(list, more []parser.Option) []parser.Option {
	out := slices.Clone(list)
	for _, o := range more {
		if i := slices.IndexFunc(out, func(p parser.Option) bool { return p.Key == o.Key }); i >= 0 {
			out[i] = o
		} else {
			out = append(out, o)
		}
	}
	return out
}

// columnsOfQuery is CREATE TABLE … AS with the query's columns in front of those
// declared, or in the order that was asked for.
func (b *Binder) columnsOfQuery(s *parser.CreateTable) (*parser.CreateTable, error) {
	query, err := b.Query(s.As)
	if err != nil {
		return nil, err
	}
	def := *s
	def.As = nil
	def.Schema.Names = nil
	var columns []*parser.ColumnDef
	for _, f := range query.Fields() {
		t, err := typeNode(f.Type)
		if err != nil {
			return nil, wrap(s.As.Pos(), err)
		}
		columns = append(columns, &parser.ColumnDef{At: s.At, Kind: parser.ColumnPhysical, Name: parser.Ident{At: s.At, Name: f.Name}, Type: t})
	}
	if len(s.Schema.Names) > 0 {
		if columns, err = reorder(s.Schema.Names, columns); err != nil {
			return nil, err
		}
	}
	def.Schema.Columns = append(columns, s.Schema.Columns...)
	return &def, nil
}

func reorder(order []parser.Ident, columns []*parser.ColumnDef) ([]*parser.ColumnDef, error) {
	var out []*parser.ColumnDef
	for _, n := range order {
		i := slices.IndexFunc(columns, func(c *parser.ColumnDef) bool { return c.Name.Name == n.Name })
		if i < 0 {
			return nil, errorAt(n.Pos(), "column '%s' is not in the query", n.Name)
		}
		out = append(out, columns[i])
	}
	if len(out) != len(columns) {
		return nil, errorAt(order[0].Pos(), "the list names %d columns, but the query has %d", len(out), len(columns))
	}
	return out, nil
}

// like is CREATE TABLE … LIKE with what the other table gives. Flink's default is
// INCLUDING ALL OVERWRITING OPTIONS.
func (b *Binder) like(s *parser.CreateTable) (*parser.CreateTable, error) {
	o, err := b.object(s.Like.Table)
	if err != nil {
		return nil, err
	}
	base, ok := o.(*catalog.Table)
	if !ok {
		return nil, errorAt(s.Like.Table.Pos(), "'%s' is a view: LIKE needs a table", dotted(s.Like.Table.Parts))
	}
	takes := likeStrategies(s.Like)
	def := *s
	def.Like = nil
	from := base.Def
	def.Schema.Columns = slices.Concat(likeColumns(from, takes), s.Schema.Columns)
	if takes["CONSTRAINTS"] && len(s.Schema.Constraints) == 0 {
		def.Schema.Constraints = from.Schema.Constraints
	}
	if takes["WATERMARKS"] && s.Schema.Watermark == nil {
		def.Schema.Watermark = from.Schema.Watermark
	}
	if takes["PARTITIONS"] && len(s.PartitionBy) == 0 {
		def.PartitionBy = from.PartitionBy
	}
	if takes["OPTIONS"] {
		def.With = mergeOptions(from.With, s.With)
	}
	return &def, nil
}

// likeColumns are the physical columns of a table, and the generated and metadata
// ones where they are wanted.
func likeColumns(from *parser.CreateTable, takes map[string]bool) []*parser.ColumnDef {
	var out []*parser.ColumnDef
	for _, c := range from.Schema.Columns {
		if c.Kind == parser.ColumnComputed && !takes["GENERATED"] || c.Kind == parser.ColumnMetadata && !takes["METADATA"] {
			continue
		}
		if c.PrimaryKey != nil && !takes["CONSTRAINTS"] {
			plain := *c
			plain.PrimaryKey = nil
			c = &plain
		}
		out = append(out, c)
	}
	return out
}

func likeStrategies(l *parser.LikeClause) map[string]bool {
	takes := map[string]bool{
		"CONSTRAINTS": true, "GENERATED": true, "METADATA": true, "OPTIONS": true, "PARTITIONS": true, "WATERMARKS": true,
	}
	for _, o := range l.Options {
		if o.Feature == "ALL" {
			for f := range takes {
				takes[f] = o.Strategy != "EXCLUDING"
			}
		}
	}
	for _, o := range l.Options {
		if o.Feature != "ALL" {
			takes[o.Feature] = o.Strategy != "EXCLUDING"
		}
	}
	return takes
}

// CreateView binds a view's query, to find its columns and errors now.
func (b *Binder) CreateView(s *parser.CreateView) (*catalog.View, error) {
	path, err := b.path(s.Name)
	if err != nil {
		return nil, err
	}
	node, err := b.Query(s.Query)
	if err != nil {
		return nil, err
	}
	if node, err = renamed(node, s.Columns, s.Name.Pos(), "view '"+path.Name()+"'"); err != nil {
		return nil, err
	}
	v := &catalog.View{Path: path, Temporary: s.Temporary, Fields: node.Fields(), Query: s.Query, Text: s.QueryText, Session: b.session}
	if s.Comment != nil {
		v.Comment = s.Comment.Value
	}
	return v, nil
}
