package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// The guards of APIs that are about the cluster, its configs and its users.
func init() {
	cluster(29, auth.Describe, func(resp *kmsg.DescribeACLsResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	guarded(30, guardCreateACLs)
	guarded(31, guardDeleteACLs)
	guarded(32, guardDescribeConfigs)
	guarded(33, guardAlterConfigs)
	guarded(34, guardAlterReplicaLogDirs)
	guarded(35, guardDescribeLogDirs)
	guarded(44, guardIncrementalAlterConfigs)
	guarded(43, guardElectLeaders)
	cluster(45, auth.Alter, func(resp *kmsg.AlterPartitionAssignmentsResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	cluster(46, auth.Describe, func(resp *kmsg.ListPartitionReassignmentsResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	cluster(48, auth.DescribeConfigs, func(resp *kmsg.DescribeClientQuotasResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	guarded(49, guardAlterClientQuotas)
	cluster(50, auth.Describe, func(resp *kmsg.DescribeUserSCRAMCredentialsResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	guarded(51, guardAlterUserSCRAM)
	cluster(55, auth.Describe, func(resp *kmsg.DescribeQuorumResponse, code int16) { resp.ErrorCode = code })
	cluster(57, auth.Alter, func(resp *kmsg.UpdateFeaturesResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	guarded(60, func(c *call, req *kmsg.DescribeClusterRequest, next func() reply) reply {
		return edit(next(), func(resp *kmsg.DescribeClusterResponse) {
			if req.IncludeClusterAuthorizedOperations && resp.ErrorCode == 0 {
				resp.ClusterAuthorizedOperations = c.clusterOperations()
			}
		})
	})
	cluster(64, auth.Alter, func(resp *kmsg.UnregisterBrokerResponse, code int16) { resp.ErrorCode = code })
	cluster(80, auth.Alter, func(resp *kmsg.AddRaftVoterResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	cluster(81, auth.Alter, func(resp *kmsg.RemoveRaftVoterResponse, code int16) {
		resp.ErrorCode, resp.ErrorMessage = code, messageOf(kerr.ClusterAuthorizationFailed)
	})
	cluster(74, auth.DescribeConfigs, func(resp *kmsg.ListConfigResourcesResponse, code int16) { resp.ErrorCode = code })
}

// cluster guards an API that needs one right on the cluster, and fails as a whole without.
func cluster[R kmsg.Response](key int16, op auth.Operation, fail func(resp R, code int16)) {
	whole(key, func(c *call, _ kmsg.Request) bool { return c.allowedCluster(op) }, func(resp R) { fail(resp, clusterDenied) })
}

func guardCreateACLs(c *call, req *kmsg.CreateACLsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) {
		return next()
	}
	return respond(req, func(resp *kmsg.CreateACLsResponse) {
		for range req.Creations {
			r := kmsg.NewCreateACLsResponseResult()
			r.ErrorCode, r.ErrorMessage = clusterDenied, messageOf(kerr.ClusterAuthorizationFailed)
			resp.Results = append(resp.Results, r)
		}
	})
}

func guardDeleteACLs(c *call, req *kmsg.DeleteACLsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) {
		return next()
	}
	return respond(req, func(resp *kmsg.DeleteACLsResponse) {
		for range req.Filters {
			r := kmsg.NewDeleteACLsResponseResult()
			r.ErrorCode, r.ErrorMessage = clusterDenied, messageOf(kerr.ClusterAuthorizationFailed)
			resp.Results = append(resp.Results, r)
		}
	})
}

// mayConfig is the error of a resource whose configs are to be described or altered, nil for none. A kind that is not known passes: the
// handler refuses it.
func (c *call) mayConfig(op auth.Operation, kind kmsg.ConfigResourceType, name string) *kerr.Error {
	resource, on := auth.Cluster, auth.ClusterName
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		resource, on = auth.Topic, name
	case kmsg.ConfigResourceTypeGroupConfig:
		resource, on = auth.Group, name
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics:
	default:
		return nil
	}
	if c.allowed(op, resource, on) {
		return nil
	}
	return deniedBy(resource)
}

func configDenied(kind kmsg.ConfigResourceType) *kerr.Error {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		return kerr.TopicAuthorizationFailed
	case kmsg.ConfigResourceTypeGroupConfig:
		return kerr.GroupAuthorizationFailed
	}
	return kerr.ClusterAuthorizationFailed
}

func guardDescribeConfigs(c *call, req *kmsg.DescribeConfigsRequest, next func() reply) reply {
	denied := split(&req.Resources, func(r *kmsg.DescribeConfigsRequestResource) bool {
		return c.mayConfig(auth.DescribeConfigs, r.ResourceType, r.ResourceName) == nil
	})
	return edit(next(), func(resp *kmsg.DescribeConfigsResponse) {
		for _, r := range denied {
			rr := kmsg.NewDescribeConfigsResponseResource()
			rr.ResourceType, rr.ResourceName = r.ResourceType, r.ResourceName
			rr.ErrorCode, rr.ErrorMessage = configDenied(r.ResourceType).Code, messageOf(configDenied(r.ResourceType))
			resp.Resources = append(resp.Resources, rr)
		}
	})
}

func guardAlterConfigs(c *call, req *kmsg.AlterConfigsRequest, next func() reply) reply {
	denied := split(&req.Resources, func(r *kmsg.AlterConfigsRequestResource) bool {
		return c.mayConfig(auth.AlterConfigs, r.ResourceType, r.ResourceName) == nil
	})
	return edit(next(), func(resp *kmsg.AlterConfigsResponse) {
		for _, r := range denied {
			rr := kmsg.NewAlterConfigsResponseResource()
			rr.ResourceType, rr.ResourceName = r.ResourceType, r.ResourceName
			rr.ErrorCode, rr.ErrorMessage = configDenied(r.ResourceType).Code, messageOf(configDenied(r.ResourceType))
			resp.Resources = append(resp.Resources, rr)
		}
	})
}

func guardIncrementalAlterConfigs(c *call, req *kmsg.IncrementalAlterConfigsRequest, next func() reply) reply {
	denied := split(&req.Resources, func(r *kmsg.IncrementalAlterConfigsRequestResource) bool {
		return c.mayConfig(auth.AlterConfigs, r.ResourceType, r.ResourceName) == nil
	})
	return edit(next(), func(resp *kmsg.IncrementalAlterConfigsResponse) {
		for _, r := range denied {
			rr := kmsg.NewIncrementalAlterConfigsResponseResource()
			rr.ResourceType, rr.ResourceName = r.ResourceType, r.ResourceName
			rr.ErrorCode, rr.ErrorMessage = configDenied(r.ResourceType).Code, messageOf(configDenied(r.ResourceType))
			resp.Resources = append(resp.Resources, rr)
		}
	})
}

func guardAlterReplicaLogDirs(c *call, req *kmsg.AlterReplicaLogDirsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) {
		return next()
	}
	return respond(req, func(resp *kmsg.AlterReplicaLogDirsResponse) {
		for _, d := range req.Dirs {
			for _, t := range d.Topics {
				rt := kmsg.NewAlterReplicaLogDirsResponseTopic()
				rt.Topic = t.Topic
				for _, p := range t.Partitions {
					rp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
					rp.Partition, rp.ErrorCode = p, clusterDenied
					rt.Partitions = append(rt.Partitions, rp)
				}
				resp.Topics = append(resp.Topics, rt)
			}
		}
	})
}

// guardElectLeaders says it of each partition too: the first version has no other place.
func guardElectLeaders(c *call, req *kmsg.ElectLeadersRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) {
		return next()
	}
	return respond(req, func(resp *kmsg.ElectLeadersResponse) {
		resp.ErrorCode = clusterDenied
		for _, t := range req.Topics {
			rt := kmsg.NewElectLeadersResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewElectLeadersResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.ErrorMessage = p, clusterDenied, messageOf(kerr.ClusterAuthorizationFailed)
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardDescribeLogDirs(c *call, req *kmsg.DescribeLogDirsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Describe) {
		return next()
	}
	return respond(req, func(resp *kmsg.DescribeLogDirsResponse) { resp.ErrorCode = clusterDenied })
}

func guardAlterClientQuotas(c *call, req *kmsg.AlterClientQuotasRequest, next func() reply) reply {
	if c.allowedCluster(auth.AlterConfigs) {
		return next()
	}
	return respond(req, func(resp *kmsg.AlterClientQuotasResponse) {
		for _, e := range req.Entries {
			re := kmsg.NewAlterClientQuotasResponseEntry()
			re.ErrorCode, re.ErrorMessage = clusterDenied, messageOf(kerr.ClusterAuthorizationFailed)
			for _, x := range e.Entity {
				re.Entity = append(re.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: x.Type, Name: x.Name})
			}
			resp.Entries = append(resp.Entries, re)
		}
	})
}

func guardAlterUserSCRAM(c *call, req *kmsg.AlterUserSCRAMCredentialsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) {
		return next()
	}
	return respond(req, func(resp *kmsg.AlterUserSCRAMCredentialsResponse) {
		for _, name := range scramUsers(req) {
			r := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
			r.User, r.ErrorCode, r.ErrorMessage = name, clusterDenied, messageOf(kerr.ClusterAuthorizationFailed)
			resp.Results = append(resp.Results, r)
		}
	})
}
