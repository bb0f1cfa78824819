package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/client"
	"github.com/millrace/millrace/internal/gateway"
)

// sqlLogin is how the shell logs in: as --user says, else as a file of Kafka's client
// properties, which also says whether there is TLS.
func sqlLogin(user, passwordFile, config string) (login gateway.Login, err error) {
	if config != "" {
		if login, err = configuredLogin(config); err != nil {
			return login, err
		}
	}
	if passwordFile != "" && user == "" {
		return login, errors.New("--password-file needs --user NAME")
	}
	if user == "" {
		return login, nil
	}
	login.User = user
	if passwordFile != "" {
		text, err := os.ReadFile(passwordFile)
		if err != nil {
			return login, fmt.Errorf("cannot read the password: %w", err)
		}
		login.Password, _, _ = strings.Cut(string(text), "\n")
		login.Password = strings.TrimRight(login.Password, "\r")
	} else if isTerminal(os.Stdin) {
		fmt.Fprint(os.Stderr, "Password of "+user+": ")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return login, err
		}
		login.Password = string(b)
	}
	if login.Password == "" {
		return login, errors.New("no password: --password-file F names a file whose first line it is")
	}
	return login, nil
}

func configuredLogin(file string) (login gateway.Login, err error) {
	p, err := readProperties(file)
	if err != nil {
		return login, err
	}
	protocol := strings.ToUpper(p["security.protocol"])
	if strings.HasSuffix(protocol, "SSL") {
		if login.TLS, err = client.TLS(p); err != nil {
			return login, fmt.Errorf("%s: %w", file, err)
		}
	}
	if strings.HasPrefix(protocol, "SASL") {
		_, options, err := auth.ParseJAAS(p["sasl.jaas.config"])
		if err != nil {
			return login, fmt.Errorf("%s: sasl.jaas.config: %w", file, err)
		}
		login.User, login.Password, login.Token = options["username"], options["password"], options["token"]
	}
	return login, nil
}
