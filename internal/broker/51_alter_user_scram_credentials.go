package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// AlterUserScramCredentials, key 51 (KIP-554). Passwords come salted; what is stored is less than that. What the request says of a user
// is done or, with an error, not done; all that is done is one write.
func init() { register(51, 0, 0, handleAlterUserSCRAM) }

func handleAlterUserSCRAM(c *call, req *kmsg.AlterUserSCRAMCredentialsRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
	errs := c.checkScram(req)
	var set, deleted []metadata.UserCredential
	for _, d := range req.Deletions {
		if errs[d.Name] == nil {
			deleted = append(deleted, metadata.UserCredential{User: d.Name, Credential: auth.Credential{Mechanism: auth.ScramMechanism(d.Mechanism)}})
		}
	}
	for _, u := range req.Upsertions {
		if errs[u.Name] == nil {
			set = append(set, metadata.UserCredential{
				User:       u.Name,
				Credential: auth.NewCredential(auth.ScramMechanism(u.Mechanism), slices.Clone(u.Salt), u.SaltedPassword, int(u.Iterations)),
			})
		}
	}
	var failed error
	if len(set)+len(deleted) > 0 {
		failed = c.meta.SetCredentials(set, deleted)
	}
	for _, name := range scramUsers(req) {
		r := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		err := errs[name]
		if err == nil {
			err = failed
		}
		r.User, r.ErrorCode, r.ErrorMessage = name, metadataCode(err), messageOf(err)
		resp.Results = append(resp.Results, r)
	}
	return answer(resp)
}

// checkScram finds what is wrong with a request, by user.
func (c *call) checkScram(req *kmsg.AlterUserSCRAMCredentialsRequest) map[string]error {
	errs := map[string]error{}
	type credential struct {
		user      string
		mechanism int8
	}
	seen := map[credential]bool{}
	note := func(user string, mechanism int8, err error) {
		if k := (credential{user, mechanism}); seen[k] {
			err = detailed(kerr.DuplicateResource, "A user credential cannot be altered twice in the same request")
		} else {
			seen[k] = true
		}
		if err != nil && errs[user] == nil {
			errs[user] = err
		}
	}
	for _, d := range req.Deletions {
		err := checkScramName(d.Name, d.Mechanism)
		if _, ok := c.meta.Credential(d.Name, auth.ScramMechanism(d.Mechanism)); err == nil && !ok {
			err = detailed(kerr.ResourceNotFound, "Attempt to delete a user credential that does not exist")
		}
		note(d.Name, d.Mechanism, err)
	}
	for _, u := range req.Upsertions {
		err := checkScramName(u.Name, u.Mechanism)
		switch {
		case err != nil:
		case u.Iterations < auth.MinIterations:
			err = detailed(kerr.UnacceptableCredential, "Too few iterations")
		case u.Iterations > auth.MaxIterations:
			err = detailed(kerr.UnacceptableCredential, "Too many iterations")
		case len(u.Salt) == 0:
			err = detailed(kerr.UnacceptableCredential, "Empty salt")
		case len(u.SaltedPassword) == 0:
			err = detailed(kerr.UnacceptableCredential, "Empty salted password")
		}
		note(u.Name, u.Mechanism, err)
	}
	return errs
}

func checkScramName(name string, mechanism int8) error {
	switch {
	case name == "":
		return detailed(kerr.UnacceptableCredential, "Username must not be empty")
	case !slices.Contains(auth.ScramMechanisms, auth.ScramMechanism(mechanism)):
		return detailed(kerr.UnsupportedSaslMechanism, "Unknown SCRAM mechanism")
	}
	return nil
}

// scramUsers are the users that a request is about, each once, in its order.
func scramUsers(req *kmsg.AlterUserSCRAMCredentialsRequest) (names []string) {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, d := range req.Deletions {
		add(d.Name)
	}
	for _, u := range req.Upsertions {
		add(u.Name)
	}
	return names
}
