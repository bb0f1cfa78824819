package catalog

import (
	"strings"

	"github.com/millrace/millrace/internal/types"
)

// DescribeRow is a line of DESCRIBE; "" stands for NULL.
type DescribeRow struct {
	Name, Type, Null, Key, Extras, Watermark, Comment string
}

// Describe is what DESCRIBE prints of a table.
func (t *Table) Describe() []DescribeRow {
	rows := describeFields(t.Fields())
	for i := range t.Columns {
		c := &t.Columns[i]
		switch c.Kind {
		case Computed:
			rows[i].Extras = "AS " + c.Text
		case Metadata:
			rows[i].Extras = metadataText(c)
		}
		if t.IsKey(i) {
			rows[i].Key = "PRI(" + strings.Join(t.keyNames(), ", ") + ")"
		}
		if t.Watermark != nil && t.Watermark.Column == i {
			rows[i].Watermark = t.Watermark.Text
		}
	}
	return rows
}

// Describe is what DESCRIBE prints of a view.
func (v *View) Describe() []DescribeRow { return describeFields(v.Fields) }

func describeFields(fields []types.Field) []DescribeRow {
	rows := make([]DescribeRow, len(fields))
	for i, f := range fields {
		null := "TRUE"
		if f.Type.NotNull {
			null = "FALSE"
		}
		rows[i] = DescribeRow{Name: f.Name, Type: f.Type.Nullable().String(), Null: null, Comment: f.Comment}
	}
	return rows
}

func metadataText(c *Column) string {
	s := "METADATA"
	if c.HasKey {
		s += " FROM " + quoteText(c.MetadataKey)
	}
	if c.Virtual {
		s += " VIRTUAL"
	}
	return s
}

func (t *Table) keyNames() []string {
	names := make([]string, len(t.PrimaryKey))
	for i, k := range t.PrimaryKey {
		names[i] = t.Columns[k].Name
	}
	return names
}

// ShowCreate is the text of SHOW CREATE TABLE.
func (t *Table) ShowCreate() string {
	var lines []string
	for i := range t.Columns {
		lines = append(lines, columnText(&t.Columns[i]))
	}
	if w := t.Watermark; w != nil {
		lines = append(lines, "WATERMARK FOR "+quoteName(t.Columns[w.Column].Name)+" AS "+w.Text)
	}
	if len(t.PrimaryKey) > 0 {
		key := ""
		if t.ConstraintName != "" {
			key = "CONSTRAINT " + quoteName(t.ConstraintName) + " "
		}
		lines = append(lines, key+"PRIMARY KEY ("+quoteNames(t.keyNames())+") NOT ENFORCED")
	}
	var b strings.Builder
	b.WriteString("CREATE ")
	if t.Temporary {
		b.WriteString("TEMPORARY ")
	}
	b.WriteString("TABLE " + quotePath(t.Path) + " (\n  " + strings.Join(lines, ",\n  ") + "\n)")
	if t.Comment != "" {
		b.WriteString("\nCOMMENT " + quoteText(t.Comment))
	}
	if len(t.PartitionedBy) > 0 {
		b.WriteString("\nPARTITIONED BY (" + quoteNames(t.PartitionedBy) + ")")
	}
	if len(t.Options) > 0 {
		b.WriteString("\nWITH (\n")
		for i, o := range t.Options {
			b.WriteString("  " + quoteText(o.Key) + " = " + quoteText(o.Value))
			if i < len(t.Options)-1 {
				b.WriteString(",")
			}
			b.WriteString("\n")
		}
		b.WriteString(")")
	}
	return b.String() + "\n"
}

// ShowCreate is the text of SHOW CREATE VIEW.
func (v *View) ShowCreate() string {
	names := make([]string, len(v.Fields))
	for i, f := range v.Fields {
		names[i] = f.Name
	}
	s := "CREATE "
	if v.Temporary {
		s += "TEMPORARY "
	}
	s += "VIEW " + quotePath(v.Path) + " (\n  " + strings.ReplaceAll(quoteNames(names), ", ", ",\n  ") + "\n)\n"
	if v.Comment != "" {
		s += "COMMENT " + quoteText(v.Comment) + "\n"
	}
	return s + "AS " + v.Text + "\n"
}

func columnText(c *Column) string {
	s := quoteName(c.Name) + " "
	switch c.Kind {
	case Computed:
		s += "AS " + c.Text
	case Metadata:
		s += c.Type.SQL() + " " + metadataText(c)
	default:
		s += c.Type.SQL()
	}
	if c.Comment != "" {
		s += " COMMENT " + quoteText(c.Comment)
	}
	return s
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quotePath(p Path) string {
	return quoteName(p[0]) + "." + quoteName(p[1]) + "." + quoteName(p[2])
}

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quoteName(n)
	}
	return strings.Join(quoted, ", ")
}
