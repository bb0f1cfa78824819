package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// KeySet is an issuer's public keys (RFC 7517). It never changes.
type KeySet struct{ keys []webKey }

type webKey struct {
	id, algorithm string
	public        crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// minRSABits is the least that RFC 7518 allows.
const minRSABits = 2048

// ParseKeySet reads a JWKS document. Keys that are not for signatures, and kinds that are not known, are passed over; symmetric keys are
// among those.
func ParseKeySet(doc []byte) (*KeySet, error) {
	var set struct {
		Keys []struct {
			Kind                           string `json:"kty"`
			Use, Kid, Alg, Crv, N, E, X, Y string
		} `json:"keys"`
	}
	if err := json.Unmarshal(doc, &set); err != nil {
		return nil, fmt.Errorf("not a JWKS document: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("not a JWKS document: it has no list of keys")
	}
	out := &KeySet{}
	for i, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		var public crypto.PublicKey
		var err error
		switch k.Kind {
		case "RSA":
			public, err = rsaKey(k.N, k.E)
		case "EC":
			public, err = ecKey(k.Crv, k.X, k.Y)
		case "OKP":
			public, err = edKey(k.Crv, k.X)
		}
		if err != nil {
			return nil, fmt.Errorf("JWKS key %d (%s): %w", i, k.Kid, err)
		}
		if public != nil {
			out.keys = append(out.keys, webKey{k.Kid, k.Alg, public})
		}
	}
	return out, nil
}

var errKey = errors.New("malformed")

func rsaKey(n, e string) (crypto.PublicKey, error) {
	modulus, err := base64.RawURLEncoding.DecodeString(n)
	exponent, err2 := base64.RawURLEncoding.DecodeString(e)
	if err != nil || err2 != nil || len(exponent) == 0 || len(exponent) > 4 {
		return nil, errKey
	}
	k := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	if k.N.BitLen() < minRSABits {
		return nil, fmt.Errorf("an RSA key of %d bits, the least is %d", k.N.BitLen(), minRSABits)
	}
	if k.E < 3 || k.E%2 == 0 {
		return nil, errKey
	}
	return k, nil
}

func ecKey(curve, x, y string) (crypto.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	c := curves[curve]
	if c == nil {
		return nil, nil
	}
	size := (c.Params().BitSize + 7) / 8
	bx, err := base64.RawURLEncoding.DecodeString(x)
	by, err2 := base64.RawURLEncoding.DecodeString(y)
	if err != nil || err2 != nil || len(bx) != size || len(by) != size {
		return nil, errKey
	}
	return ecdsa.ParseUncompressedPublicKey(c, append(append([]byte{4}, bx...), by...))
}

func edKey(curve, x string) (crypto.PublicKey, error) {
	if curve != "Ed25519" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(x)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, errKey
	}
	return ed25519.PublicKey(b), nil
}

func (s *KeySet) has(id string) bool {
	for _, k := range s.keys {
		if k.id == id {
			return true
		}
	}
	return false
}

// signatures are the algorithms that are taken: each with the kind of its key, its hash, and for RSA its padding.
var signatures = map[string]struct {
	hash crypto.Hash
	kind byte // 'R' PKCS #1 v1.5, 'P' PSS, 'E' ECDSA, 'D' EdDSA
	bits int  // of ECDSA's curve
}{
	"RS256": {crypto.SHA256, 'R', 0}, "RS384": {crypto.SHA384, 'R', 0}, "RS512": {crypto.SHA512, 'R', 0},
	"PS256": {crypto.SHA256, 'P', 0}, "PS384": {crypto.SHA384, 'P', 0}, "PS512": {crypto.SHA512, 'P', 0},
	"ES256": {crypto.SHA256, 'E', 256}, "ES384": {crypto.SHA384, 'E', 384}, "ES512": {crypto.SHA512, 'E', 521},
	"EdDSA": {0, 'D', 0}, "Ed25519": {0, 'D', 0},
}

// verify tries the keys of an id, or, for a token that names none, all.
func (s *KeySet) verify(algorithm, id string, text, signature []byte) error {
	if _, ok := signatures[algorithm]; !ok {
		return errors.New("the token's alg is not one of RS256, PS256, ES256 (384, 512) and EdDSA")
	}
	tried := false
	for _, k := range s.keys {
		if id != "" && k.id != id || k.algorithm != "" && k.algorithm != algorithm {
			continue
		}
		tried = true
		if k.verify(algorithm, text, signature) {
			return nil
		}
	}
	if !tried {
		return errors.New("no key of the JWKS is the token's")
	}
	return errors.New("the token's signature is not valid")
}

func (k *webKey) verify(algorithm string, text, signature []byte) bool {
	how := signatures[algorithm]
	var digest []byte
	if how.hash != 0 {
		h := how.hash.New()
		h.Write(text)
		digest = h.Sum(nil)
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if how.kind == 'P' {
			return rsa.VerifyPSS(public, how.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return how.kind == 'R' && rsa.VerifyPKCS1v15(public, how.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		if how.kind != 'E' || how.bits != public.Curve.Params().BitSize || len(signature) != 2*size {
			return false
		}
		r, t := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, digest, r, t)
	case ed25519.PublicKey:
		return how.kind == 'D' && ed25519.Verify(public, text, signature)
	}
	return false
}
