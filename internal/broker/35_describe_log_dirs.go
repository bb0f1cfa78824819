package broker

import (
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// DescribeLogDirs, key 35.
//
//	v1  throttle time; v0 was removed in Kafka 4.0 (KIP-896)
//	v2  flexible
//	v3  an error for the whole
//	v4  total and usable bytes (KIP-827)
//	v5  cordoned directories (KIP-1066)
func init() { register(35, 1, 5, handleDescribeLogDirs) }

func handleDescribeLogDirs(c *call, req *kmsg.DescribeLogDirsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir = c.meta.Dir()
	var used int64
	for _, t := range c.meta.Topics() {
		wanted := func(int32) bool { return true }
		if req.Topics != nil {
			i := slices.IndexFunc(req.Topics, func(rt kmsg.DescribeLogDirsRequestTopic) bool { return rt.Topic == t.Name })
			if i < 0 {
				continue
			}
			wanted = func(p int32) bool { return slices.Contains(req.Topics[i].Partitions, p) }
		}
		st, size := c.topicSizes(t, wanted)
		used += size
		dir.Topics = append(dir.Topics, st)
	}
	if free, err := c.meta.FS().Free(c.meta.Dir()); err == nil && free < math.MaxInt64-used {
		dir.UsableBytes, dir.TotalBytes = free, free+used
		if fs, ok := c.meta.FS().(volume); ok {
			if total, err := fs.Total(c.meta.Dir()); err == nil {
				dir.TotalBytes = total
			}
		}
	}
	resp.Dirs = append(resp.Dirs, dir)
	return answer(resp)
}

// volume is a file system that knows how large it is.
type volume interface {
	Total(dir string) (int64, error)
}

// topicSizes is what a topic's partitions take. None is opened to say so.
func (c *call) topicSizes(t *metadata.Topic, wanted func(int32) bool) (st kmsg.DescribeLogDirsResponseDirTopic, total int64) {
	st.Default()
	st.Topic = t.Name
	for i := range t.Partitions {
		if !wanted(i) {
			continue
		}
		sp := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		sp.Partition = i
		sp.Size = c.meta.Size(t, i)
		total += sp.Size
		st.Partitions = append(st.Partitions, sp)
	}
	return st, total
}
