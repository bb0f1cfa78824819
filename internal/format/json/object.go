package json

// row decodes the object at s[i] into the fields of n, whose builders have base
// values each. It gives the place after the object, or -1.
func (d *decoder) row(n *node, s []byte, i, base int) int {
	start := i
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == '}' {
		return d.fillMissing(n, i+1, start, base)
	}
	var seen uint64 // of the first 64 fields
	for place, found := 0, 0; ; place++ {
		var f int
		if place < len(n.shape) && len(s)-i >= guessBytes && n.shape[place].matches(s[i:]) {
			m := &n.shape[place]
			f = m.field
			i += m.n
		} else if f, i = d.name(n, s, i, place); i < 0 {
			return -1
		}
		if i < len(s) && s[i] <= ' ' {
			i = skipSpace(s, i)
		}
		if f < 0 {
			i = d.skip(s, i)
		} else {
			v := n.fields[f].node
			if f < 64 && seen&(1<<uint(f)) == 0 || f >= 64 && v.b.Len() == base {
				found++
				seen |= 1 << uint(f)
			} else {
				v.b.Truncate(base)
			}
			i = d.value(v, s, i)
		}
		if i < 0 {
			return -1
		}
		if i < len(s) && s[i] <= ' ' {
			i = skipSpace(s, i)
		}
		switch {
		case i < len(s) && s[i] == ',':
			i++
			if i < len(s) && s[i] <= ' ' {
				i = skipSpace(s, i)
			}
		case i < len(s) && s[i] == '}':
			if found < len(n.fields) {
				return d.fillMissing(n, i+1, start, base)
			}
			return i + 1
		default:
			return d.syntax(i, "a comma or the end of the object expected")
		}
	}
}

// name reads the name of the place-th member of an object, at s[i], and the colon:
// the field, -1 if there is none of this name, and the place after the colon, -1 if
// there is a fault.
func (d *decoder) name(n *node, s []byte, i, place int) (f, after int) {
	if i >= len(s) || s[i] != '"' {
		return 0, d.syntax(i, "a name in quotes expected")
	}
	end, plain := stringEnd(s, i+1)
	if end < 0 {
		return 0, d.syntax(i, "a name that does not end, or is not UTF-8")
	}
	name := s[i+1 : end]
	if !plain {
		var ok bool
		if d.scratch, ok = unescape(d.scratch[:0], name); !ok {
			return 0, d.syntax(i, "a name with an unknown escape")
		}
		name = d.scratch
	}
	f = n.index.find(name)
	after = skipSpace(s, end+1)
	if after >= len(s) || s[after] != ':' {
		return 0, d.syntax(after, "a colon expected")
	}
	after++
	if place >= len(n.shape) && place < maxShape {
		n.shape = append(n.shape, member{})
	}
	if place < len(n.shape) {
		n.shape[place].set(s[i:after], f)
	}
	return f, after
}

// maxShape is how many members of an object are remembered.
const maxShape = 256

// fillMissing makes the fields NULL that the object at s[start] did not have.
func (d *decoder) fillMissing(n *node, end, start, base int) int {
	for i := range n.fields {
		f := n.fields[i].node
		if f.b.Len() > base {
			continue
		}
		if d.failMissing {
			d.fault = fault{miss: f, at: start}
			return -1
		}
		f.b.AppendNull()
	}
	return end
}

// elements calls element for each element of the array at s[i], at its first
// character; element gives the place after it. It gives the place after the array,
// or -1.
func (d *decoder) elements(s []byte, i int, element func(i int) int) int {
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == ']' {
		return i + 1
	}
	for {
		if i >= len(s) {
			return d.syntax(i, "a value expected")
		}
		if i = element(i); i < 0 {
			return -1
		}
		i = skipSpace(s, i)
		switch {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == ']':
			return i + 1
		default:
			return d.syntax(i, "a comma or the end of the array expected")
		}
	}
}

func (d *decoder) array(n *node, s []byte, i int) int {
	i = d.elements(s, i, func(i int) int { return d.value(n.elem, s, i) })
	if i >= 0 {
		n.b.Close()
	}
	return i
}
