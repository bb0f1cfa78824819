package catalog

import "fmt"

// Lookup finds a *Table or *View, temporary ones first; nil if there is none.
func (c *Catalog) Lookup(p Path) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if o := c.mu.temporary[p]; o != nil {
		return o
	}
	if d := c.database(p); d != nil {
		if o, ok := d.objects[p[2]]; ok {
			return o
		}
	}
	return nil
}

// Named are all that have a name: of two the temporary one hides the other.
func (c *Catalog) Named(p Path) (objects []any) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if o := c.mu.temporary[p]; o != nil {
		objects = append(objects, o)
	}
	if d := c.database(p); d != nil && d.objects[p[2]] != nil {
		objects = append(objects, d.objects[p[2]])
	}
	return objects
}

func (c *Catalog) database(p Path) *database {
	if e := c.mu.catalogs[p[0]]; e != nil {
		return e.databases[p[1]]
	}
	return nil
}

// CreateTable adds a table. Exists says that there is an object of this name,
// which is no error with ifNotExists.
func (c *Catalog) CreateTable(t *Table, ifNotExists bool) (exists bool, err error) {
	return c.create(t.Path, t, t.Temporary, ifNotExists, false)
}

// ReplaceTable adds a table, or puts it in the place of one.
func (c *Catalog) ReplaceTable(t *Table) error {
	_, err := c.create(t.Path, t, t.Temporary, false, true)
	return err
}

// CreateView adds a view.
func (c *Catalog) CreateView(v *View, ifNotExists, replace bool) (exists bool, err error) {
	return c.create(v.Path, v, v.Temporary, ifNotExists, replace)
}

func (c *Catalog) create(p Path, object any, temporary, ifNotExists, replace bool) (exists bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if temporary {
		if c.mu.temporary[p] != nil && !replace {
			return true, existsError("temporary table", p, ifNotExists)
		}
		c.mu.temporary[p] = object
		return false, nil
	}
	d := c.database(p)
	if d == nil {
		return false, fmt.Errorf("database %s.%s does not exist", p[0], p[1])
	}
	if d.objects[p[2]] != nil && !replace {
		return true, existsError("table or view", p, ifNotExists)
	}
	d.objects[p[2]] = object
	return false, nil
}

func existsError(kind string, p Path, ifNotExists bool) error {
	if ifNotExists {
		return nil
	}
	return fmt.Errorf("%s %s already exists: DROP it, or write IF NOT EXISTS", kind, p)
}

// Drop removes a table, or a view if view is set. temporary says which of two
// that may hide each other is meant.
func (c *Catalog) Drop(p Path, view, temporary, ifExists bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	what := "table"
	if view {
		what = "view"
	}
	if temporary {
		if o := c.mu.temporary[p]; o == nil || isView(o) != view {
			return missingError("temporary "+what, p, ifExists)
		}
		delete(c.mu.temporary, p)
		return nil
	}
	if o := c.mu.temporary[p]; o != nil && isView(o) == view {
		return fmt.Errorf("temporary %s %s exists: drop it first, with DROP TEMPORARY", what, p)
	}
	d := c.database(p)
	if d == nil || d.objects[p[2]] == nil || isView(d.objects[p[2]]) != view {
		return missingError(what, p, ifExists)
	}
	delete(d.objects, p[2])
	return nil
}

// Rename gives a table or view another name in its database.
func (c *Catalog) Rename(p, to Path) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.database(p)
	if d == nil || d.objects[p[2]] == nil {
		return missingError("table", p, false)
	}
	if p[0] != to[0] || p[1] != to[1] {
		return fmt.Errorf("%s cannot be renamed to %s: a table stays in its database", p, to)
	}
	if d.objects[to[2]] != nil {
		return existsError("table or view", to, false)
	}
	d.objects[to[2]] = renamed(d.objects[p[2]], to)
	delete(d.objects, p[2])
	return nil
}

func renamed(object any, to Path) any {
	switch o := object.(type) {
	case *Table:
		t := *o
		t.Path, t.Connector.Path = to, to
		return &t
	case *View:
		v := *o
		v.Path = to
		return &v
	}
	return object
}

func missingError(what string, p Path, ifExists bool) error {
	if ifExists {
		return nil
	}
	return fmt.Errorf("%s %s does not exist", what, p)
}

func isView(object any) bool { _, ok := object.(*View); return ok }

// Tables lists the tables and views of a database ("": the current one), as SHOW
// TABLES does; Views lists the views alone.
func (c *Catalog) Tables(cat, db string) ([]string, error) { return c.list(cat, db, false) }

// Views lists the views of a database.
func (c *Catalog) Views(cat, db string) ([]string, error) { return c.list(cat, db, true) }

func (c *Catalog) list(cat, db string, viewsOnly bool) ([]string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if cat == "" {
		cat = c.mu.current[0]
	}
	if db == "" {
		db = c.mu.current[1]
	}
	d := c.database(Path{cat, db})
	if d == nil {
		return nil, fmt.Errorf("database %s.%s does not exist", cat, db)
	}
	names := map[string]bool{}
	for n, o := range d.objects {
		if !viewsOnly || isView(o) {
			names[n] = true
		}
	}
	for p, o := range c.mu.temporary {
		if p[0] == cat && p[1] == db && (!viewsOnly || isView(o)) {
			names[p[2]] = true
		}
	}
	return sortedKeys(names), nil
}
