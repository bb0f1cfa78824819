package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// Run runs one statement.
func (s *Session) Run(ctx context.Context, stmt parser.Stmt) (*Result, error) {
	if s.inSet {
		return s.inStatementSet(ctx, stmt)
	}
	switch stmt := stmt.(type) {
	case *parser.Set:
		return s.setting(stmt)
	case *parser.Reset:
		return s.reset(stmt)
	case *parser.QueryStmt:
		return s.query(ctx, stmt)
	case *parser.Execute:
		return s.Run(ctx, stmt.Stmt)
	case *parser.Insert, *parser.StatementSet:
		return s.insert(ctx, stmt)
	case *parser.BeginStatementSet:
		s.inSet, s.set = true, nil
		return &Result{}, nil
	case *parser.EndStatementSet:
		return nil, &parser.Error{Pos: stmt.Pos(), Msg: "END without BEGIN STATEMENT SET"}
	case *parser.Explain:
		return s.explain(stmt)
	case *parser.Describe:
		return s.describe(stmt)
	case *parser.Show:
		return s.show(stmt)
	case *parser.Use:
		return s.use(stmt)
	case *parser.StopJob:
		return s.stopJob(ctx, stmt)
	case *parser.ClientCommand:
		return nil, unsupported(stmt, stmt.Name+" in a script")
	case *parser.Unsupported:
		return nil, unsupported(stmt, stmt.Name)
	}
	if changesCatalog(stmt) {
		return s.ddl(stmt)
	}
	return nil, unsupported(stmt, firstWords(stmt.Text()))
}

// firstWords names a statement by its beginning.
func firstWords(text string) string {
	words := strings.Fields(text)
	return strings.ToUpper(strings.Join(words[:min(2, len(words))], " "))
}

// changesCatalog says whether a statement is DDL that the catalog carries out.
func changesCatalog(stmt parser.Stmt) bool {
	switch stmt.(type) {
	case *parser.CreateTable, *parser.CreateView, *parser.CreateCatalog, *parser.CreateDatabase, *parser.AlterTable,
		*parser.AlterView, *parser.AlterDatabase, *parser.AlterCatalog, *parser.Drop:
		return true
	}
	return false
}

// HasEffects says whether a statement does something that must not be done twice
// when a script is gone on with: all but settings, DDL (whose repetition is
// accepted) and what only shows.
func HasEffects(stmt parser.Stmt) bool {
	switch stmt := stmt.(type) {
	case *parser.QueryStmt:
		return true
	case *parser.Execute:
		return HasEffects(stmt.Stmt)
	}
	return StartsJob(stmt)
}

// StartsJob says whether a statement makes a job that goes on by itself.
func StartsJob(stmt parser.Stmt) bool {
	switch stmt.(type) {
	case *parser.Insert, *parser.StatementSet, *parser.EndStatementSet:
		return true
	}
	return false
}

// inStatementSet collects the INSERTs between BEGIN STATEMENT SET and END.
func (s *Session) inStatementSet(ctx context.Context, stmt parser.Stmt) (*Result, error) {
	switch stmt := stmt.(type) {
	case *parser.Insert:
		s.set = append(s.set, stmt)
		return &Result{}, nil
	case *parser.EndStatementSet:
		inserts := s.set
		s.inSet, s.set = false, nil
		if len(inserts) == 0 {
			return nil, &parser.Error{Pos: stmt.Pos(), Msg: "no INSERT between BEGIN STATEMENT SET and END"}
		}
		var text strings.Builder
		text.WriteString("EXECUTE STATEMENT SET BEGIN ")
		for _, i := range inserts {
			text.WriteString(i.Text() + "; ")
		}
		text.WriteString("END")
		set := &parser.StatementSet{Source: parser.Source{At: inserts[0].At, Src: text.String()}, Inserts: inserts}
		return s.insert(ctx, set)
	}
	return nil, &parser.Error{Pos: stmt.Pos(), Msg: "only INSERT may stand between BEGIN STATEMENT SET and END"}
}

func (s *Session) use(stmt *parser.Use) (*Result, error) {
	if stmt.Kind != parser.KindCatalog && stmt.Kind != parser.KindDatabase {
		return nil, unsupported(stmt, "USE "+string(stmt.Kind))
	}
	parts := nameParts(stmt.Name)
	err := s.withCatalog(func(c *catalog.Catalog) error {
		var err error
		if stmt.Kind == parser.KindCatalog {
			err = c.UseCatalog(parts[0])
		} else {
			err = c.UseDatabase(parts)
		}
		s.database[0], s.database[1] = c.Current()
		return at(stmt, err)
	})
	return &Result{}, err
}

func nameParts(n parser.ObjectName) []string {
	out := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		out[i] = p.Name
	}
	return out
}

// at gives an error that has no position that of a statement.
func at(n parser.Node, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(*parser.Error); ok {
		return err
	}
	return &parser.Error{Pos: n.Pos(), Msg: err.Error()}
}

// withCatalog runs fn with the shared catalog, its current database being this
// session's.
func (s *Session) withCatalog(fn func(*catalog.Catalog) error) error {
	shared := s.host.Catalog()
	shared.Lock()
	defer shared.Unlock()
	if err := shared.UseDatabase(s.database[:]); err != nil {
		s.database = [2]string{catalog.DefaultCatalog, catalog.DefaultDatabase}
		if err := shared.UseDatabase(s.database[:]); err != nil {
			return err
		}
	}
	return fn(shared.Catalog)
}

func (s *Session) show(stmt *parser.Show) (*Result, error) {
	if stmt.Create {
		return s.showCreate(stmt)
	}
	switch stmt.What {
	case "JOBS":
		return s.showJobs(), nil
	case "FUNCTIONS":
		return names("function name", filterNames(function.Names(), stmt)), nil
	case "CATALOG", "DATABASE":
		// Another session may have dropped it.
		if err := s.withCatalog(func(*catalog.Catalog) error { return nil }); err != nil {
			return nil, at(stmt, err)
		}
		i := map[string]int{"CATALOG": 0, "DATABASE": 1}[stmt.What]
		return names("current "+strings.ToLower(stmt.What)+" name", s.database[i:i+1]), nil
	case "MODULES":
		return names("module name", []string{"core"}), nil
	case "JARS", "PROCEDURES", "MODELS", "CONNECTIONS", "MATERIALIZED TABLES", "PARTITIONS":
		return names(strings.ToLower(strings.TrimSuffix(stmt.What, "S")), nil), nil
	}
	return s.showCatalog(stmt)
}

func (s *Session) showCatalog(stmt *parser.Show) (*Result, error) {
	var column string
	var list []string
	err := s.withCatalog(func(c *catalog.Catalog) (err error) {
		db := s.database
		if stmt.Name != nil {
			copy(db[2-len(nameParts(*stmt.Name)):], nameParts(*stmt.Name))
		}
		switch stmt.What {
		case "CATALOGS":
			column, list = "catalog name", c.Catalogs()
		case "DATABASES":
			column = "database name"
			if stmt.Name != nil {
				db[0] = nameParts(*stmt.Name)[0]
			}
			list, err = c.Databases(db[0])
		case "TABLES":
			column = "table name"
			list, err = c.Tables(db[0], db[1])
		case "VIEWS":
			column = "view name"
			list, err = c.Views(db[0], db[1])
		default:
			err = unsupported(stmt, "SHOW "+stmt.What)
		}
		return at(stmt, err)
	})
	if err != nil {
		return nil, err
	}
	return names(column, filterNames(list, stmt)), nil
}

// filterNames applies SHOW … [NOT] LIKE.
func filterNames(list []string, stmt *parser.Show) []string {
	if stmt.LikeOp == "" {
		return list
	}
	var out []string
	for _, n := range list {
		name, pattern := n, stmt.Like
		if stmt.LikeOp == "ILIKE" {
			name, pattern = strings.ToLower(name), strings.ToLower(pattern)
		}
		if like(name, pattern) != stmt.NotLike {
			out = append(out, n)
		}
	}
	return out
}

// like is SQL's LIKE, with % and _.
func like(s, pattern string) bool {
	for {
		if pattern == "" {
			return s == ""
		}
		switch pattern[0] {
		case '%':
			for i := range len(s) + 1 {
				if like(s[i:], pattern[1:]) {
					return true
				}
			}
			return false
		case '_':
			if s == "" {
				return false
			}
		default:
			if s == "" || s[0] != pattern[0] {
				return false
			}
		}
		s, pattern = s[1:], pattern[1:]
	}
}

func (s *Session) showCreate(stmt *parser.Show) (*Result, error) {
	var text string
	err := s.withCatalog(func(c *catalog.Catalog) error {
		if stmt.Name == nil {
			return unsupported(stmt, "SHOW CREATE "+stmt.What)
		}
		object, err := s.object(c, *stmt.Name)
		if err != nil {
			return err
		}
		switch o := object.(type) {
		case *catalog.Table:
			text = o.ShowCreate()
		case *catalog.View:
			text = o.ShowCreate()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names("result", []string{text}), nil
}

func (s *Session) object(c *catalog.Catalog, n parser.ObjectName) (any, error) {
	path, err := c.Qualify(nameParts(n))
	if err != nil {
		return nil, at(n, err)
	}
	object := c.Lookup(path)
	if object == nil {
		list, _ := c.Tables(path[0], path[1])
		e := &parser.Error{Pos: n.Pos(), Msg: fmt.Sprintf("table or view '%s' not found", path)}
		if near := catalog.Nearest(path[2], list); near != "" {
			e.Hint = "did you mean '" + near + "'?"
		}
		return nil, e
	}
	return object, nil
}

func (s *Session) describe(stmt *parser.Describe) (*Result, error) {
	if stmt.Kind == parser.KindJob {
		return s.describeJob(stmt)
	}
	if stmt.Kind != parser.KindTable && stmt.Kind != parser.KindView {
		return nil, unsupported(stmt, "DESCRIBE "+string(stmt.Kind))
	}
	var described []catalog.DescribeRow
	err := s.withCatalog(func(c *catalog.Catalog) error {
		object, err := s.object(c, stmt.Name)
		switch o := object.(type) {
		case *catalog.Table:
			described = o.Describe()
		case *catalog.View:
			described = o.Describe()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return describeResult(described), nil
}
