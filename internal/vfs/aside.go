package vfs

import "fmt"

// SetAside renames a damaged file or directory so that its name says what it is, and nobody takes it for what it was. The caller syncs
// the directory.
func SetAside(fs FS, name string) (aside string, err error) {
	for n := 1; ; n++ {
		aside = name + ".damaged"
		if n > 1 {
			aside = fmt.Sprintf("%s-%d", aside, n)
		}
		if _, err := fs.Stat(aside); IsNotExist(err) {
			return aside, fs.Rename(name, aside)
		} else if err != nil {
			return aside, err
		}
	}
}
