package session

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/bind"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// ddl carries out a statement that changes the catalog, and has it remembered.
// Temporary objects are not remembered.
func (s *Session) ddl(stmt parser.Stmt) (*Result, error) {
	err := s.withCatalog(func(c *catalog.Catalog) error {
		changed, err := s.changer(c).apply(stmt)
		if err != nil {
			return at(stmt, err)
		}
		s.database[0], s.database[1] = c.Current()
		if record := s.host.Catalog().Record; changed && record != nil {
			return record(DDL{Database: s.database, Text: stmt.Text(), Dir: s.options.Dir})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Result{}, nil
}

func (s *Session) changer(c *catalog.Catalog) changer {
	return changer{catalog: c, dir: s.options.Dir, acceptIdentical: s.options.AcceptIdentical, may: s.mayChange}
}

// Replay carries out DDL that a node remembers.
func Replay(c *catalog.Catalog, ddl []DDL) error {
	var errs []error
	for _, d := range ddl {
		stmt, err := parser.ParseStatement(d.Text)
		if err == nil {
			if err = c.UseDatabase(d.Database[:]); err == nil {
				_, err = changer{catalog: c, dir: d.Dir, may: mayAlways}.apply(stmt)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", firstWords(d.Text), err))
		}
	}
	if err := c.UseDatabase([]string{catalog.DefaultCatalog, catalog.DefaultDatabase}); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rebuilt is a catalog that DDL made again.
func rebuilt(connectors []*connector.Factory, ddl []DDL) (*Shared, error) {
	c := catalog.New(connectors)
	return &Shared{Catalog: c}, Replay(c, ddl)
}

// changer applies DDL to a catalog.
type changer struct {
	catalog         *catalog.Catalog
	dir             string
	acceptIdentical bool
	may             func(op Operation, object any) error // asked before a change
}

// apply says whether something changed that is to be remembered.
func (x changer) apply(stmt parser.Stmt) (changed bool, err error) {
	c := x.catalog
	switch stmt := stmt.(type) {
	case *parser.CreateTable:
		return x.createTable(stmt)
	case *parser.CreateView:
		return x.createView(stmt)
	case *parser.CreateCatalog:
		if err := x.may(Create, nil); err != nil {
			return false, err
		}
		return true, c.CreateCatalog(stmt.Name.Name, comment(stmt.Comment), options(stmt.With), stmt.IfNotExists)
	case *parser.CreateDatabase:
		if err := x.may(Create, nil); err != nil {
			return false, err
		}
		return true, c.CreateDatabase(nameParts(stmt.Name), comment(stmt.Comment), options(stmt.With), stmt.IfNotExists)
	case *parser.AlterTable:
		return true, x.alterTable(stmt)
	case *parser.Drop:
		return !stmt.Temporary, x.drop(stmt)
	}
	return false, unsupported(stmt, firstWords(stmt.Text()))
}

func comment(l *parser.StringLit) string {
	if l == nil {
		return ""
	}
	return l.Value
}

func options(list []parser.Option) []catalog.Option {
	out := make([]catalog.Option, len(list))
	for i, o := range list {
		out[i] = catalog.Option{Key: o.Key, Value: o.Value}
	}
	return out
}

func (x changer) createTable(stmt *parser.CreateTable) (bool, error) {
	if stmt.As != nil {
		return false, unsupported(stmt, "CREATE TABLE … AS: create the table, then INSERT INTO it; this")
	}
	t, err := bind.New(x.catalog, nil).CreateTable(stmt)
	if err != nil {
		return false, err
	}
	t.Connector.Dir = x.dir
	if err := x.may(Create, t); err != nil {
		return false, err
	}
	if stmt.OrReplace || stmt.Replace || stmt.Temporary { // which hides what has the name
		if err := x.mayReplace(t.Path); err != nil {
			return false, err
		}
	}
	if stmt.OrReplace || stmt.Replace {
		return !stmt.Temporary, x.catalog.ReplaceTable(t)
	}
	if x.acceptIdentical {
		if old, ok := x.catalog.Lookup(t.Path).(*catalog.Table); ok && old.ShowCreate() == t.ShowCreate() && old.Connector.Dir == t.Connector.Dir {
			return false, nil
		}
	}
	exists, err := x.catalog.CreateTable(t, stmt.IfNotExists)
	return !exists && !stmt.Temporary, err
}

func (x changer) createView(stmt *parser.CreateView) (bool, error) {
	v, err := bind.New(x.catalog, nil).CreateView(stmt)
	if err == nil {
		err = x.may(Create, v)
	}
	if err == nil && (stmt.OrReplace || stmt.Temporary) {
		err = x.mayReplace(v.Path)
	}
	if err != nil {
		return false, err
	}
	if x.acceptIdentical {
		if old, ok := x.catalog.Lookup(v.Path).(*catalog.View); ok && old.ShowCreate() == v.ShowCreate() {
			return false, nil
		}
	}
	exists, err := x.catalog.CreateView(v, stmt.IfNotExists, stmt.OrReplace)
	return !exists && !stmt.Temporary, err
}

func (x changer) alterTable(stmt *parser.AlterTable) error {
	path, err := x.catalog.Qualify(nameParts(stmt.Name))
	if err != nil {
		return err
	}
	t, ok := x.catalog.Lookup(path).(*catalog.Table)
	if !ok {
		if stmt.IfExists {
			return nil
		}
		return &parser.Error{Pos: stmt.Name.Pos(), Msg: fmt.Sprintf("table '%s' not found", path)}
	}
	if err := x.mayAll(Alter, path); err != nil {
		return err
	}
	if rename, ok := stmt.Action.(*parser.AlterRename); ok {
		to, err := catalog.QualifyIn(path[0], path[1], nameParts(rename.New))
		if err != nil {
			return err
		}
		renamed := *t // whose name may be that of its topic
		renamed.Connector.Path = to
		if err := x.mayMove(t, &renamed); err != nil {
			return err
		}
		return x.catalog.Rename(path, to)
	}
	altered, err := bind.New(x.catalog, nil).AlterTable(t, stmt.Action)
	if err != nil {
		return err
	}
	altered.Connector.Dir = t.Connector.Dir
	if err := x.mayMove(t, altered); err != nil {
		return err
	}
	return x.catalog.ReplaceTable(altered)
}

// mayReplace asks for the right to drop what has a name.
func (x changer) mayReplace(path catalog.Path) error { return x.mayAll(Delete, path) }

// mayAll asks for a right to all that has a name, hidden or not.
func (x changer) mayAll(op Operation, path catalog.Path) error {
	for _, object := range x.catalog.Named(path) {
		if err := x.may(op, object); err != nil {
			return err
		}
	}
	return nil
}

// mayMove asks for the right to create a table where altering makes it another thing's.
func (x changer) mayMove(from, to *catalog.Table) error {
	if from.Factory == to.Factory && reflect.DeepEqual(from.Factory.Access(from.Connector, false), to.Factory.Access(to.Connector, false)) {
		return nil
	}
	return x.may(Create, to)
}

func (x changer) drop(stmt *parser.Drop) error {
	c := x.catalog
	switch stmt.Kind {
	case parser.KindTable, parser.KindView:
		path, err := c.Qualify(nameParts(stmt.Name))
		if err != nil {
			return err
		}
		if err := x.mayReplace(path); err != nil {
			return err
		}
		return c.Drop(path, stmt.Kind == parser.KindView, stmt.Temporary, stmt.IfExists)
	case parser.KindCatalog:
		if err := x.may(Delete, nil); err != nil {
			return err
		}
		return c.DropCatalog(nameParts(stmt.Name)[0], stmt.IfExists)
	case parser.KindDatabase:
		if err := x.may(Delete, nil); err != nil {
			return err
		}
		return c.DropDatabase(nameParts(stmt.Name), stmt.IfExists, stmt.Behavior == "CASCADE")
	}
	return unsupported(stmt, "DROP "+string(stmt.Kind))
}
