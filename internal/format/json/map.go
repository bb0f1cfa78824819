package json

import "github.com/millrace/millrace/internal/vec"

// maxLinear is how many keys of a map are compared one by one to find a key given
// twice; larger maps are indexed.
const maxLinear = 32

// dict decodes the object at s[i] into a MAP.
func (d *decoder) dict(n *node, s []byte, i int) int {
	first, twice := n.key.b.Len(), false
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == '}' {
		n.b.Close()
		return i + 1
	}
	for {
		if i >= len(s) || s[i] != '"' {
			return d.syntax(i, "a name in quotes expected")
		}
		key, end := d.text(s, i)
		if end < 0 {
			return -1
		}
		twice = twice || n.hasKey(first, key)
		n.key.b.AppendBytes(key)
		if i = skipSpace(s, end); i >= len(s) || s[i] != ':' {
			return d.syntax(i, "a colon expected")
		}
		if i = d.value(n.elem, s, skipSpace(s, i+1)); i < 0 {
			return -1
		}
		i = skipSpace(s, i)
		switch {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == '}':
			n.b.Close()
			if twice || n.key.b.Len()-first > maxLinear {
				n.keepLast()
			}
			return i + 1
		default:
			return d.syntax(i, "a comma or the end of the object expected")
		}
	}
}

// entries decodes the array of entries at s[i] into a MAP.
func (d *decoder) entries(n *node, s []byte, i int) int {
	key := n.entry.fields[0].node.b
	i = d.elements(s, i, func(i int) int {
		if s[i] != '{' {
			return d.syntax(i, "an entry of a map expected")
		}
		return d.row(n.entry, s, i, key.Len())
	})
	if i >= 0 {
		n.b.Close()
	}
	return i
}

// hasKey says whether a map whose first key has number first has this key, as long
// as the map is small.
func (n *node) hasKey(first int, key []byte) bool {
	if n.key.b.Len()-first > maxLinear {
		return false
	}
	for e := first; e < n.key.b.Len(); e++ {
		if string(n.key.b.Bytes(e)) == string(key) {
			return true
		}
	}
	return false
}

// keepLast makes the map just closed anew, of each key's last entry.
func (n *node) keepLast() {
	at := n.b.Len() - 1
	m := vec.Copy(n.b.View(), []int32{int32(at)})
	last := make(map[string]int, m.Kids[0].N)
	for e := range m.Kids[0].N {
		last[m.Kids[0].Str(e)] = e
	}
	n.b.Truncate(at)
	for e := range m.Kids[0].N {
		if last[m.Kids[0].Str(e)] == e {
			n.key.b.Append(m.Kids[0], e)
			n.elem.b.Append(m.Kids[1], e)
		}
	}
	n.b.Close()
}
