package state

// Last is the youngest row of the list that begins with head.
func (t *Table) Last(head int32) int32 { return t.chains.prev[head] }

// Prev is the row before id in its list; of the first row it is the last one.
func (t *Table) Prev(id int32) int32 { return t.chains.prev[id] }
