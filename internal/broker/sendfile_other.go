//go:build !linux

package broker

import (
	"errors"

	"github.com/millrace/millrace/internal/vfs"
)

func (c *conn) canSendfile(vfs.File) bool { return false }

func (c *conn) sendfile(vfs.File, int64, int) error { return errors.ErrUnsupported }
