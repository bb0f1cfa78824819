package vec

import "syscall"

// noReserve: the system is not to set memory aside for all of it.
const noReserve = syscall.MAP_NORESERVE
