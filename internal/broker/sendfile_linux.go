package broker

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/millrace/millrace/internal/vfs"
)

func (c *conn) canSendfile(f vfs.File) bool {
	_, ok := c.nc.(*net.TCPConn)
	if ok {
		_, ok = f.Fd()
	}
	return ok
}

// sendfile has the kernel copy a range of a file into the socket. The caller keeps the file open.
func (c *conn) sendfile(f vfs.File, off int64, n int) error {
	raw, err := c.nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	c.limitWrite()
	fd, _ := f.Fd()
	var failed error
	err = raw.Write(func(socket uintptr) (done bool) {
		for n > 0 {
			sent, err := unix.Sendfile(int(socket), int(fd), &off, n)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR):
			case err != nil:
				failed = os.NewSyscallError("sendfile", err)
				return true
			case sent == 0:
				failed = io.ErrUnexpectedEOF
				return true
			default:
				n -= sent
			}
		}
		return true
	})
	return errors.Join(err, failed)
}
