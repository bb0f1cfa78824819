//go:build (linux || darwin || freebsd) && (amd64 || arm64)

package vec

import "syscall"

const canReserve = true

// mapMemory asks for address space that costs nothing until it is written to.
func mapMemory(bytes uint64) []byte {
	b, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|noReserve)
	if err != nil {
		return nil
	}
	return b
}

func unmapMemory(b []byte) { _ = syscall.Munmap(b) }
