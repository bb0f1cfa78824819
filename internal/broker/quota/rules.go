package quota

import "github.com/millrace/millrace/internal/broker/metadata"

// Rules are the limits that are set, by entity. They are not changed once made.
type Rules map[metadata.QuotaEntity]map[string]float64

// Find gives somebody's limit, and who shares it with him: the entity under which its use is counted. The first that is set counts:
//
//	user and client · user and default client · user · default user and client · default user and default client · default user ·
//	client · default client
//
// A user's limit is shared by all his clients, a client's by all users, and a default is everybody's own.
func (r Rules) Find(limit, user, client string) (value float64, who metadata.QuotaEntity, ok bool) {
	u, c := metadata.Named(user), metadata.Named(client)
	both, alone, app := metadata.QuotaEntity{User: u, ClientID: c}, metadata.QuotaEntity{User: u}, metadata.QuotaEntity{ClientID: c}
	for _, t := range [...]struct{ rule, who metadata.QuotaEntity }{
		{both, both},
		{metadata.QuotaEntity{User: u, ClientID: metadata.DefaultName}, both},
		{alone, alone},
		{metadata.QuotaEntity{User: metadata.DefaultName, ClientID: c}, both},
		{metadata.QuotaEntity{User: metadata.DefaultName, ClientID: metadata.DefaultName}, both},
		{metadata.QuotaEntity{User: metadata.DefaultName}, alone},
		{app, app},
		{metadata.QuotaEntity{ClientID: metadata.DefaultName}, app},
	} {
		if value, ok = r[t.rule][limit]; ok {
			return value, t.who, true
		}
	}
	return 0, who, false
}

// FindIP gives an address's limit.
func (r Rules) FindIP(limit, ip string) (value float64, who metadata.QuotaEntity, ok bool) {
	who = metadata.QuotaEntity{IP: metadata.Named(ip)}
	if value, ok = r[who][limit]; !ok {
		value, ok = r[metadata.QuotaEntity{IP: metadata.DefaultName}][limit]
	}
	return value, who, ok
}

// Sets says whether anybody has a limit of a kind.
func (r Rules) Sets(limit string) bool {
	for _, limits := range r {
		if _, ok := limits[limit]; ok {
			return true
		}
	}
	return false
}
