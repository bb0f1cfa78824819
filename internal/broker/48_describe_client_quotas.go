package broker

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// DescribeClientQuotas, key 48 (KIP-546).
//
//	v1  flexible
func init() { register(48, 0, 1, handleDescribeClientQuotas) }

func handleDescribeClientQuotas(c *call, req *kmsg.DescribeClientQuotasRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeClientQuotasResponse)
	if err := checkQuotaFilter(req.Components); err != nil {
		resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
		return answer(resp)
	}
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	for e, limits := range c.meta.Quotas() {
		if matchesQuota(e, req) {
			resp.Entries = append(resp.Entries, describeQuota(e, limits))
		}
	}
	slices.SortFunc(resp.Entries, func(a, b kmsg.DescribeClientQuotasResponseEntry) int {
		return strings.Compare(quotaLabel(a), quotaLabel(b))
	})
	return answer(resp)
}

func checkQuotaFilter(components []kmsg.DescribeClientQuotasRequestComponent) error {
	seen := map[string]bool{}
	for _, f := range components {
		switch {
		case seen[f.EntityType]:
			return detailed(kerr.InvalidRequest, "Entity type %s cannot appear more than once in the filter.", f.EntityType)
		case f.EntityType == "":
			return detailed(kerr.InvalidRequest, "Unexpected empty entity type.")
		case !slices.Contains(metadata.QuotaKinds, f.EntityType):
			return detailed(kerr.UnsupportedVersion, "Unsupported entity type %s", f.EntityType)
		case f.MatchType < kmsg.QuotasMatchTypeExact || f.MatchType > kmsg.QuotasMatchTypeAny:
			return detailed(kerr.InvalidRequest, "Unknown match type %d", f.MatchType)
		case f.MatchType == kmsg.QuotasMatchTypeExact && f.Match == nil:
			return detailed(kerr.InvalidRequest, "Request specified MATCH_TYPE_EXACT, but set the match field to null.")
		case f.MatchType != kmsg.QuotasMatchTypeExact && f.Match != nil:
			return detailed(kerr.InvalidRequest, "Request specified %s, but also specified a match string.", f.MatchType)
		}
		seen[f.EntityType] = true
	}
	if seen[metadata.QuotaIP] && len(seen) > 1 {
		return detailed(kerr.InvalidRequest, "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.")
	}
	return nil
}

// matchesQuota says whether an entity has all parts asked for, and, if asked strictly, no others.
func matchesQuota(e metadata.QuotaEntity, req *kmsg.DescribeClientQuotasRequest) bool {
	for _, f := range req.Components {
		part := *e.Part(f.EntityType)
		switch {
		case !part.Given:
			return false
		case f.MatchType == kmsg.QuotasMatchTypeExact && (part == metadata.DefaultName || part.Name != *f.Match):
			return false
		case f.MatchType == kmsg.QuotasMatchTypeDefault && part != metadata.DefaultName:
			return false
		}
	}
	given := 0
	for _, kind := range metadata.QuotaKinds {
		if e.Part(kind).Given {
			given++
		}
	}
	return !req.Strict || given == len(req.Components)
}

func describeQuota(e metadata.QuotaEntity, limits map[string]float64) kmsg.DescribeClientQuotasResponseEntry {
	entry := kmsg.NewDescribeClientQuotasResponseEntry()
	for _, kind := range metadata.QuotaKinds {
		if part := e.Part(kind); part.Given {
			se := kmsg.NewDescribeClientQuotasResponseEntryEntity()
			se.Type, se.Name = kind, partName(*part)
			entry.Entity = append(entry.Entity, se)
		}
	}
	for name, v := range limits {
		sv := kmsg.NewDescribeClientQuotasResponseEntryValue()
		sv.Key, sv.Value = name, v
		entry.Values = append(entry.Values, sv)
	}
	slices.SortFunc(entry.Values, func(a, b kmsg.DescribeClientQuotasResponseEntryValue) int { return strings.Compare(a.Key, b.Key) })
	return entry
}

// partName is a part's name, null for the default.
func partName(part metadata.QuotaName) *string {
	if part.Name == "" {
		return nil
	}
	return &part.Name
}

func quotaLabel(e kmsg.DescribeClientQuotasResponseEntry) string {
	var b strings.Builder
	for _, part := range e.Entity {
		b.WriteString(part.Type)
		if part.Name != nil {
			b.WriteString("\x01" + *part.Name)
		}
		b.WriteByte(0)
	}
	return b.String()
}
