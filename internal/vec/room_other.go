//go:build !((linux || darwin || freebsd) && (amd64 || arm64))

package vec

const canReserve = false

func mapMemory(uint64) []byte { return nil }

func unmapMemory([]byte) {}
