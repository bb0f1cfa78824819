package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much the kernel may lengthen a sleep. In an idle node timers become as much less exact, and a goroutine that
// waits for the processor of one in a long system call gets it as much later.
const timerSlack = time.Millisecond

// quietMonitor makes the Go runtime's monitor thread wake less often. It sleeps for 20 µs at a time while processors fall idle and
// come back, which in a node that serves a few thousand requests or syncs a second is always: some 13,000 wake-ups a second, a
// sixth to a fifth of all CPU under load, for finding a little earlier what blocks in a system call. The runtime has no setting for
// that. The kernel has: a sleep may be as much longer as the thread's timer slack says, by default 50 µs. A thread can only set its
// own, and the monitor runs no goroutine, so all threads get it.
//
// Where the program is linked with C (CGO_ENABLED=1) the runtime does not know all its threads and refuses: then it costs what it
// costs.
func quietMonitor() {
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || time.Duration(now) >= timerSlack {
		return // somebody has asked for more
	}
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0)
}
