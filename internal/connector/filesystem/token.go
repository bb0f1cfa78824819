package filesystem

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// token is what an epoch's commit makes of the sink's files; a line each:
//
//	finish FOLDER NAME          the file gets its name
//	keep   FOLDER NAME BYTES    the file goes on; so much of it is committed
//	mark   FOLDER               the partition is complete: its success file is made
//	wait   FOLDER MILLIS        the partition is not complete; it began then
//
// with tabs between. All files that are open are in every token, so that the last
// token says all there is to know of them after a crash: kept files are cut to what
// is committed, and finished.
type token struct {
	finish, keep []fileMark
	mark         []string
	wait         map[string]time.Time
}

// fileMark is a file of a partition; the folder is empty for a table without.
type fileMark struct {
	folder, name string
	bytes        int64
}

func (t *token) encode() []byte {
	var b []byte
	for _, f := range t.finish {
		b = fmt.Appendf(b, "finish\t%s\t%s\n", f.folder, f.name)
	}
	for _, f := range t.keep {
		b = fmt.Appendf(b, "keep\t%s\t%s\t%d\n", f.folder, f.name, f.bytes)
	}
	for _, f := range t.mark {
		b = fmt.Appendf(b, "mark\t%s\n", f)
	}
	for f, at := range t.wait {
		b = fmt.Appendf(b, "wait\t%s\t%d\n", f, at.UnixMilli())
	}
	return b
}

func decodeToken(b []byte) (*token, error) {
	t := &token{wait: map[string]time.Time{}}
	for line := range strings.Lines(string(b)) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		bad := fmt.Errorf("'%.60s' is no line of a commit of files", line)
		var number int64
		if want := map[string]int{"finish": 3, "keep": 4, "mark": 2, "wait": 3}[words[0]]; len(words) != want {
			return nil, bad
		}
		if words[0] == "keep" || words[0] == "wait" {
			var err error
			if number, err = strconv.ParseInt(words[len(words)-1], 10, 64); err != nil || number < 0 {
				return nil, bad
			}
		}
		switch words[0] {
		case "finish":
			t.finish = append(t.finish, fileMark{folder: words[1], name: words[2]})
		case "keep":
			t.keep = append(t.keep, fileMark{words[1], words[2], number})
		case "mark":
			t.mark = append(t.mark, words[1])
		case "wait":
			t.wait[words[1]] = time.UnixMilli(number)
		}
	}
	return t, nil
}
