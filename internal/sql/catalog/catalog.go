// Package catalog holds what SQL names: catalogs, databases, tables and views,
// and which connectors there are. It checks WITH options against the connectors'
// and formats' specifications, so that an error names the option and its place.
//
// A Catalog lives in memory; what made it is DDL, and running the DDL again makes
// it again.
package catalog

import (
	"fmt"
	"slices"
	"sync"

	"github.com/millrace/millrace/internal/connector"
)

// The catalog and database that a session begins with.
const (
	DefaultCatalog  = "default_catalog"
	DefaultDatabase = "default_database"
)

// Catalog is everything that has a name. Its methods may be called from any
// goroutine.
type Catalog struct {
	factories map[string]*connector.Factory

	mu struct {
		sync.RWMutex
		catalogs map[string]*entry
		// temporary objects hide the others of the same path.
		temporary map[Path]any
		current   [2]string
	}
}

// entry is one catalog.
type entry struct {
	comment   string
	options   []Option
	databases map[string]*database
}

type database struct {
	comment string
	options []Option
	objects map[string]any // *Table or *View
}

func newDatabase() *database { return &database{objects: map[string]any{}} }

// New makes a catalog with the default catalog and database, for tables of these
// connectors.
func New(connectors []*connector.Factory) *Catalog {
	c := &Catalog{factories: map[string]*connector.Factory{}}
	for _, f := range connectors {
		c.factories[f.Name] = f
	}
	c.mu.catalogs = map[string]*entry{
		DefaultCatalog: {databases: map[string]*database{DefaultDatabase: newDatabase()}},
	}
	c.mu.temporary = map[Path]any{}
	c.mu.current = [2]string{DefaultCatalog, DefaultDatabase}
	return c
}

// Current is the current catalog and database.
func (c *Catalog) Current() (catalog, database string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.current[0], c.mu.current[1]
}

// Qualify completes a name of one to three parts.
func (c *Catalog) Qualify(parts []string) (Path, error) {
	cat, db := c.Current()
	return QualifyIn(cat, db, parts)
}

// QualifyIn completes a name from a given catalog and database.
func QualifyIn(cat, db string, parts []string) (Path, error) {
	switch len(parts) {
	case 1:
		return Path{cat, db, parts[0]}, nil
	case 2:
		return Path{cat, parts[0], parts[1]}, nil
	case 3:
		return Path{parts[0], parts[1], parts[2]}, nil
	}
	return Path{}, fmt.Errorf("a name has one to three parts")
}

// UseCatalog makes a catalog the current one, with its default database.
func (c *Catalog) UseCatalog(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.mu.catalogs[name]
	if e == nil {
		return fmt.Errorf("a catalog with name [%s] does not exist", name)
	}
	c.mu.current = [2]string{name, ""}
	if len(e.databases) > 0 {
		c.mu.current[1] = sortedKeys(e.databases)[0]
	}
	if e.databases[DefaultDatabase] != nil {
		c.mu.current[1] = DefaultDatabase
	}
	return nil
}

// UseDatabase makes a database the current one; parts are [catalog.]database.
func (c *Catalog) UseDatabase(parts []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cat, db, err := c.databasePath(parts)
	if err != nil {
		return err
	}
	if e := c.mu.catalogs[cat]; e == nil || e.databases[db] == nil {
		return fmt.Errorf("a database with name [%s] does not exist in the catalog: [%s]", db, cat)
	}
	c.mu.current = [2]string{cat, db}
	return nil
}

func (c *Catalog) databasePath(parts []string) (cat, db string, err error) {
	switch len(parts) {
	case 1:
		return c.mu.current[0], parts[0], nil
	case 2:
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("the name of a database has one or two parts")
}

// CreateCatalog makes a catalog, in memory.
func (c *Catalog) CreateCatalog(name, comment string, options []Option, ifNotExists bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.catalogs[name] != nil {
		if ifNotExists {
			return nil
		}
		return fmt.Errorf("catalog %s already exists", name)
	}
	for _, o := range options {
		if o.Key == "type" && o.Value != "generic_in_memory" {
			return fmt.Errorf("catalog type '%s' is not supported: there is 'generic_in_memory'", o.Value)
		}
	}
	c.mu.catalogs[name] = &entry{comment: comment, options: options, databases: map[string]*database{"default": newDatabase()}}
	return nil
}

// DropCatalog removes a catalog with all that is in it.
func (c *Catalog) DropCatalog(name string, ifExists bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mu.catalogs[name] == nil && ifExists:
		return nil
	case c.mu.catalogs[name] == nil:
		return fmt.Errorf("catalog %s does not exist", name)
	case c.mu.current[0] == name:
		return fmt.Errorf("cannot drop a catalog which is currently in use")
	}
	delete(c.mu.catalogs, name)
	return nil
}

// CreateDatabase makes a database.
func (c *Catalog) CreateDatabase(parts []string, comment string, options []Option, ifNotExists bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cat, db, err := c.databasePath(parts)
	if err != nil {
		return err
	}
	e := c.mu.catalogs[cat]
	switch {
	case e == nil:
		return fmt.Errorf("catalog %s does not exist", cat)
	case e.databases[db] != nil && ifNotExists:
		return nil
	case e.databases[db] != nil:
		return fmt.Errorf("database %s.%s already exists", cat, db)
	}
	d := newDatabase()
	d.comment, d.options = comment, options
	e.databases[db] = d
	return nil
}

// DropDatabase removes a database; with objects in it only if cascade.
func (c *Catalog) DropDatabase(parts []string, ifExists, cascade bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cat, db, err := c.databasePath(parts)
	if err != nil {
		return err
	}
	e := c.mu.catalogs[cat]
	if e == nil || e.databases[db] == nil {
		if ifExists {
			return nil
		}
		return fmt.Errorf("database %s.%s does not exist", cat, db)
	}
	switch {
	case c.mu.current == [2]string{cat, db}:
		return fmt.Errorf("cannot drop a database which is currently in use")
	case len(e.databases[db].objects) > 0 && !cascade:
		return fmt.Errorf("database %s.%s is not empty: add CASCADE to drop what is in it", cat, db)
	}
	delete(e.databases, db)
	return nil
}

// Catalogs lists the catalogs.
func (c *Catalog) Catalogs() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return sortedKeys(c.mu.catalogs)
}

// Databases lists the databases of a catalog ("": the current one).
func (c *Catalog) Databases(cat string) ([]string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if cat == "" {
		cat = c.mu.current[0]
	}
	e := c.mu.catalogs[cat]
	if e == nil {
		return nil, fmt.Errorf("catalog %s does not exist", cat)
	}
	return sortedKeys(e.databases), nil
}

// Connectors lists the names of the connectors.
func (c *Catalog) Connectors() []string { return sortedKeys(c.factories) }

// Factory is a connector by its name.
func (c *Catalog) Factory(name string) *connector.Factory { return c.factories[name] }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
