//go:build darwin || freebsd

package vec

// noReserve: these systems set nothing aside beforehand.
const noReserve = 0
