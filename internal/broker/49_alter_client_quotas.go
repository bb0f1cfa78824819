package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// AlterClientQuotas, key 49 (KIP-546).
//
//	v1  flexible
func init() { register(49, 0, 1, handleAlterClientQuotas) }

func handleAlterClientQuotas(c *call, req *kmsg.AlterClientQuotasRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterClientQuotasResponse)
	errs := make([]error, len(req.Entries))
	var changes []metadata.QuotaChange
	var places []int
	for i := range req.Entries {
		change, err := quotaChange(&req.Entries[i])
		if errs[i] = err; err == nil {
			changes, places = append(changes, change), append(places, i)
		}
	}
	refused, err := c.meta.AlterQuotas(changes, req.ValidateOnly)
	for k, i := range places {
		if errs[i] = refused[k]; err != nil {
			errs[i] = err
		}
	}
	for i := range req.Entries {
		se := kmsg.NewAlterClientQuotasResponseEntry()
		se.ErrorCode, se.ErrorMessage = codeOf(errs[i]), messageOf(errs[i])
		for _, part := range req.Entries[i].Entity {
			sp := kmsg.NewAlterClientQuotasResponseEntryEntity()
			sp.Type, sp.Name = part.Type, part.Name
			se.Entity = append(se.Entity, sp)
		}
		resp.Entries = append(resp.Entries, se)
	}
	return answer(resp)
}

func quotaChange(re *kmsg.AlterClientQuotasRequestEntry) (c metadata.QuotaChange, err error) {
	for _, part := range re.Entity {
		p := c.Entity.Part(part.Type)
		switch {
		case p == nil:
			return c, detailed(kerr.InvalidRequest, "Unhandled client quota entity type: %s", part.Type)
		case p.Given:
			return c, detailed(kerr.InvalidRequest, "Duplicate entity type: %s", part.Type)
		case part.Name != nil && *part.Name == "":
			return c, detailed(kerr.InvalidRequest, "Empty %s not supported", part.Type)
		case part.Name == nil:
			*p = metadata.DefaultName
		default:
			*p = metadata.Named(*part.Name)
		}
	}
	c.Limits = map[string]*float64{}
	for _, op := range re.Ops {
		if _, ok := c.Limits[op.Key]; ok {
			return c, detailed(kerr.InvalidRequest, "Duplicate key: %s", op.Key)
		}
		if c.Limits[op.Key] = nil; !op.Remove {
			c.Limits[op.Key] = &op.Value
		}
	}
	return c, nil
}
