package bench

import (
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
)

// floorDir names the directory in which this test binary, started again, is the floor.
const floorDir = "MILLRACE_BENCH_FLOOR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(floorDir); dir != "" {
		if err := floor(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// floor is the least that a broker must do with what is produced to it: take a megabyte off a socket, check it, write it
// to one of six files, and have it synced while the next ones come. Its CPU is what is left of a broker's without a
// protocol, an index or an answer; on a virtual machine most of it is the first touch of the page cache's memory.
func floor(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	c, err := l.Accept()
	if err != nil {
		return err
	}
	const files, step = 6, 32 << 20
	var syncs sync.WaitGroup
	var to [files]vfs.File
	var due [files]chan struct{}
	for i := range to {
		if to[i], err = vfs.OS.Create(filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return err
		}
		due[i] = make(chan struct{}, 1)
		syncs.Go(func() {
			for range due[i] {
				_ = to[i].Sync()
			}
		})
	}
	buf, table := make([]byte, 1<<20), crc32.MakeTable(crc32.Castagnoli)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(c, buf); err != nil {
			break
		}
		_ = crc32.Checksum(buf, table)
		i, at := n%files, int64(n/files)<<20
		if at%step == 0 {
			_ = to[i].Preallocate(at, step)
		}
		if _, err := to[i].WriteAt(buf, at); err != nil {
			return err
		}
		select {
		case due[i] <- struct{}{}:
		default:
		}
	}
	for i := range due {
		close(due[i])
	}
	syncs.Wait()
	return nil
}

// measureFloor is the floor's CPU for so many bytes, in seconds a GB.
func measureFloor(b *testing.B, size int) float64 {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), floorDir+"="+b.TempDir()), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range size >> 20 {
		if _, err := c.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / (float64(size>>20<<20) / 1e9)
}
