package auth

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// dnKeywords are the attributes that RFC 2253 names; others are written by number, with the value's encoding in hexadecimal, as Java's
// X500Principal.getName() does: ACLs and mapping rules written for Kafka must meet the same text here.
var dnKeywords = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

type dnAttribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// The name's end tells package asn1 that it is a set.
type dnPartSET []dnAttribute

// DistinguishedName writes a certificate's subject, given in DER, as RFC 2253 does: the last part first.
func DistinguishedName(der []byte) (string, error) {
	var parts []dnPartSET
	rest, err := asn1.Unmarshal(der, &parts)
	if err != nil || len(rest) > 0 {
		return "", errors.New("the certificate's subject is malformed")
	}
	var out []string
	for _, part := range slices.Backward(parts) {
		var attributes []string
		for _, a := range part {
			attributes = append(attributes, dnText(a))
		}
		out = append(out, strings.Join(attributes, "+"))
	}
	return strings.Join(out, ","), nil
}

func dnText(a dnAttribute) string {
	keyword := dnKeywords[a.Type.String()]
	var text string
	if _, err := asn1.Unmarshal(a.Value.FullBytes, &text); keyword == "" || err != nil {
		if keyword == "" {
			keyword = a.Type.String()
		}
		return keyword + "=#" + hex.EncodeToString(a.Value.FullBytes)
	}
	var b strings.Builder
	for i, r := range text {
		if strings.ContainsRune(`,+"\<>;`, r) || i == 0 && (r == '#' || r == ' ') || i == len(text)-1 && r == ' ' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return keyword + "=" + b.String()
}
